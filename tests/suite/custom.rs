//! Kinds that a definition adds.

use mqttkube_tests::wait;
use serde_json::{Value, json};

use super::world::{MERGE, SOON, STRATEGIC, World};

/// A definition in a group of its own, because it belongs to the whole server, and the path of its objects.
async fn define(world: &World, group: &str) -> String {
    let schema = json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "replicas": { "type": "integer" },
                    "target": { "type": "number" },
                    "zones": { "type": "array", "items": { "type": "string" } },
                },
            },
            "status": { "type": "object", "properties": { "replicas": { "type": "integer" } } },
        },
    });
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage, "schema": { "openAPIV3Schema": schema },
            "subresources": {
                "status": {},
                "scale": { "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas" },
            },
        })
    };
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("heaters.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": { "kind": "Heater", "listKind": "HeaterList", "plural": "heaters", "singular": "heater" },
            "versions": [version("v1", true), version("v1beta1", false)],
        },
    });
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    world.post(path, &definition).await.ok();
    let heaters = world.path(&format!("{group}/v1"), "heaters");
    wait::until_ok(SOON, "answer to a list of heaters", async || {
        let list = world.get(&heaters).await;
        if list.code == 200 { Ok(()) } else { Err(list) }
    })
    .await;
    heaters
}

fn heater(group: &str, spec: &Value) -> Value {
    json!({ "apiVersion": format!("{group}/v1"), "kind": "Heater", "metadata": { "name": "bath" }, "spec": spec })
}

pub(crate) async fn a_definition_adds_a_kind(world: &World) {
    let group = "one.example.com";
    let heaters = define(world, group).await;
    let made = world
        .post(
            &heaters,
            &heater(group, &json!({ "target": 21.5, "zones": ["a"] })),
        )
        .await
        .ok();
    assert_eq!(
        (made.at("/metadata/generation"), made.at("/spec/target")),
        (json!(1), json!(21.5))
    );
    let path = format!("{heaters}/bath");
    let warm = world
        .patch(&path, MERGE, &json!({ "spec": { "target": 23 } }))
        .await
        .ok();
    assert_eq!(
        (warm.at("/metadata/generation"), warm.at("/spec/target")),
        (json!(2), json!(23))
    );
    world
        .patch(&path, STRATEGIC, &json!({}))
        .await
        .check(415, "UnsupportedMediaType");
    let mut free = warm.body.clone();
    free["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("resourceVersion");
    world.put(&path, &free).await.check(422, "Invalid");
    let list = world.get(&heaters).await.ok();
    assert_eq!(
        (list.at("/kind"), list.at("/items/0/kind")),
        (json!("HeaterList"), json!("Heater"))
    );
    let beta = world.get(&path.replace("/v1/", "/v1beta1/")).await.ok();
    assert_eq!(beta.at("/apiVersion"), "one.example.com/v1beta1");
    let kind = kube::core::GroupVersionKind::gvk(group, "v1", "Heater");
    wait::until_ok(SOON, "heaters in discovery", async || {
        kube::discovery::pinned_kind(&world.client, &kind)
            .await
            .map(|_| ())
    })
    .await;
}

pub(crate) async fn a_custom_kind_has_subresources(world: &World) {
    let group = "two.example.com";
    let heaters = define(world, group).await;
    let mut body = heater(group, &json!({ "replicas": 2 }));
    body["status"] = json!({ "replicas": 9 });
    let made = world.post(&heaters, &body).await.ok();
    assert_eq!(made.at("/status"), Value::Null, "the status is a subresource");
    let path = format!("{heaters}/bath");
    let status = world
        .patch(
            &format!("{path}/status"),
            MERGE,
            &json!({ "status": { "replicas": 1 } }),
        )
        .await
        .ok();
    assert_eq!(
        (status.at("/status/replicas"), status.at("/metadata/generation")),
        (json!(1), json!(1))
    );
    let scale = world
        .patch(
            &format!("{path}/scale"),
            MERGE,
            &json!({ "spec": { "replicas": 3 } }),
        )
        .await
        .ok();
    assert_eq!(
        (scale.at("/spec/replicas"), scale.at("/status/replicas")),
        (json!(3), json!(1))
    );
    assert_eq!(world.get(&path).await.ok().at("/spec/replicas"), 3);
}
