//! The four kinds of patches.

use serde_json::{Value, json};

use super::world::{APPLY, JSON_PATCH, MERGE, STRATEGIC, World, deployment};

pub(crate) async fn a_merge_patch_sets_and_removes(world: &World) {
    world.config_map("map", json!({ "a": "1", "b": "2" })).await;
    let path = format!("{}/map", world.config_maps());
    let patched = world
        .patch(&path, MERGE, &json!({ "data": { "a": null, "c": "3" } }))
        .await
        .ok();
    assert_eq!(patched.at("/data"), json!({ "b": "2", "c": "3" }));
    let dotted = json!({ "metadata": { "annotations": { "example.com/a.b": "x/y" } } });
    let patched = world.patch(&path, MERGE, &dotted).await.ok();
    assert_eq!(patched.at("/metadata/annotations/example.com~1a.b"), "x/y");
}

pub(crate) async fn a_patch_that_changes_nothing_keeps_the_version(world: &World) {
    let made = world.config_map("map", json!({ "a": "1" })).await;
    let path = format!("{}/map", world.config_maps());
    let patched = world
        .patch(&path, MERGE, &json!({ "data": { "a": "1" } }))
        .await
        .ok();
    assert_eq!(patched.version(), made.version());
    let empty = world.patch(&path, JSON_PATCH, &json!([])).await.ok();
    assert_eq!(empty.version(), made.version());
}

pub(crate) async fn a_json_patch_can_test_first(world: &World) {
    world.deployment("web").await;
    let path = format!("{}/web", world.deployments());
    let image = "/spec/template/spec/containers/0/image";
    let patch = |name: &str| {
        json!([
            { "op": "test", "path": "/spec/template/spec/containers/0/name", "value": name },
            { "op": "replace", "path": image, "value": "web:2" },
        ])
    };
    world
        .patch(&path, JSON_PATCH, &patch("other"))
        .await
        .check(422, "Invalid");
    assert_eq!(world.get(&path).await.at(image), "web:1");
    assert_eq!(
        world.patch(&path, JSON_PATCH, &patch("web")).await.ok().at(image),
        "web:2"
    );
    let missing = json!([{ "op": "remove", "path": "/spec/none" }]);
    world
        .patch(&path, JSON_PATCH, &missing)
        .await
        .check(422, "Invalid");
    world
        .patch(&path, JSON_PATCH, &json!({ "op": "add" }))
        .await
        .check(400, "BadRequest");
}

pub(crate) async fn a_strategic_patch_merges_containers_by_name(world: &World) {
    world.deployment("web").await;
    let path = format!("{}/web", world.deployments());
    let containers = |list: Value| json!({ "spec": { "template": { "spec": { "containers": list } } } });
    let images = |answer: &super::world::Answer| -> Vec<String> {
        let list = answer.at("/spec/template/spec/containers");
        let image = |item: &Value| item["image"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(image).collect()
    };
    let two = containers(json!([{ "name": "log", "image": "log:1" }]));
    let patched = world.patch(&path, STRATEGIC, &two).await.ok();
    let mut both = images(&patched);
    both.sort();
    assert_eq!(both, ["log:1", "web:1"]);
    let newer =
        containers(json!([{ "name": "web", "image": "web:2", "env": [{ "name": "A", "value": "1" }] }]));
    let patched = world.patch(&path, STRATEGIC, &newer).await.ok();
    assert!(
        images(&patched).contains(&"web:2".to_owned()),
        "{:?}",
        images(&patched)
    );
    let gone = containers(json!([{ "name": "log", "$patch": "delete" }]));
    assert_eq!(
        images(&world.patch(&path, STRATEGIC, &gone).await.ok()),
        ["web:2"]
    );
    let replaced = containers(json!([{ "$patch": "replace" }, { "name": "new", "image": "new:1" }]));
    assert_eq!(
        images(&world.patch(&path, STRATEGIC, &replaced).await.ok()),
        ["new:1"]
    );
}

pub(crate) async fn an_unknown_patch_type_is_refused(world: &World) {
    world.config_map("map", json!({})).await;
    let path = format!("{}/map", world.config_maps());
    world
        .patch(&path, "application/json", &json!({}))
        .await
        .check(415, "UnsupportedMediaType");
}

pub(crate) async fn an_apply_needs_a_manager(world: &World) {
    let body = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "map" } });
    let answer = world
        .patch(&format!("{}/map", world.config_maps()), APPLY, &body)
        .await;
    assert!((400..500).contains(&answer.code), "{}", answer.body);
    assert!(answer.at("/message").as_str().unwrap().contains("fieldManager"));
}

fn map(data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "map" }, "data": data })
}

pub(crate) async fn an_apply_creates_and_owns(world: &World) {
    let path = format!("{}/map?fieldManager=one", world.config_maps());
    world
        .patch(&path, APPLY, &map(&json!({ "a": "1" })))
        .await
        .check(201, "");
    let again = world
        .patch(&path, APPLY, &map(&json!({ "a": "1" })))
        .await
        .check(200, "");
    assert_eq!(again.at("/metadata/managedFields/0/manager"), "one");
    assert_eq!(again.at("/metadata/managedFields/0/operation"), "Apply");
    assert_eq!(
        again.at("/metadata/managedFields/0/fieldsV1"),
        json!({ "f:data": { "f:a": {} } })
    );
}

pub(crate) async fn a_conflict_names_the_other_manager(world: &World) {
    let path = format!("{}/web", world.deployments());
    let mut wanted = deployment("web");
    wanted["apiVersion"] = json!("apps/v1");
    wanted["kind"] = json!("Deployment");
    world
        .patch(&format!("{path}?fieldManager=one"), APPLY, &wanted)
        .await
        .ok();
    wanted["spec"]["replicas"] = json!(2);
    let other = format!("{path}?fieldManager=two");
    let answer = world.patch(&other, APPLY, &wanted).await.check(409, "Conflict");
    let causes = answer.at("/details/causes");
    assert_eq!(causes.as_array().unwrap().len(), 1, "{causes}");
    assert_eq!(answer.at("/details/causes/0/reason"), "FieldManagerConflict");
    assert_eq!(answer.at("/details/causes/0/field"), ".spec.replicas");
    assert!(
        answer.at("/message").as_str().unwrap().contains("\"one\""),
        "{}",
        answer.body
    );
    let forced = world
        .patch(&format!("{other}&force=true"), APPLY, &wanted)
        .await
        .ok();
    assert_eq!(forced.at("/spec/replicas"), 2);
    // Who does not ask, is not asked: a merge patch takes the field, and the next apply meets it.
    world
        .patch(&path, MERGE, &json!({ "spec": { "replicas": 5 } }))
        .await
        .ok();
    let answer = world.patch(&other, APPLY, &wanted).await.check(409, "Conflict");
    assert!(
        answer.at("/message").as_str().unwrap().contains("\"suite\""),
        "{}",
        answer.body
    );
}

pub(crate) async fn an_apply_gives_up_fields(world: &World) {
    let one = format!("{}/map?fieldManager=one", world.config_maps());
    let two = format!("{}/map?fieldManager=two", world.config_maps());
    world
        .patch(&one, APPLY, &map(&json!({ "a": "1", "shared": "x" })))
        .await
        .ok();
    world
        .patch(&two, APPLY, &map(&json!({ "b": "2", "shared": "x" })))
        .await
        .ok();
    let left = world.patch(&one, APPLY, &map(&json!({}))).await.ok();
    assert_eq!(left.at("/data"), json!({ "b": "2", "shared": "x" }));
}

pub(crate) async fn patching_a_missing_object_fails(world: &World) {
    let path = format!("{}/none", world.config_maps());
    for (kind, body) in [
        (MERGE, json!({})),
        (JSON_PATCH, json!([])),
        (STRATEGIC, json!({})),
    ] {
        let answer = world.patch(&path, kind, &body).await.check(404, "NotFound");
        assert_eq!(answer.at("/message"), "configmaps \"none\" not found");
        assert_eq!(
            answer.at("/details"),
            json!({ "name": "none", "kind": "configmaps" })
        );
    }
}
