//! Deletions.

use serde_json::{Value, json};

use super::world::{MERGE, World};

pub(crate) async fn a_deleted_object_is_gone(world: &World) {
    let made = world.config_map("map", json!({})).await;
    let path = format!("{}/map", world.config_maps());
    let gone = world.delete(&path, &json!({})).await.check(200, "");
    assert_eq!(
        (gone.at("/kind"), gone.at("/status")),
        (json!("Status"), json!("Success"))
    );
    assert_eq!(gone.at("/details/uid"), made.at("/metadata/uid"));
    world.get(&path).await.check(404, "NotFound");
    world.delete(&path, &json!({})).await.check(404, "NotFound");
}

pub(crate) async fn a_precondition_protects_another_object(world: &World) {
    let made = world.config_map("map", json!({})).await;
    let path = format!("{}/map", world.config_maps());
    let other = json!({ "preconditions": { "uid": "00000000-0000-0000-0000-000000000000" } });
    world.delete(&path, &other).await.check(409, "Conflict");
    let same = json!({ "preconditions": { "uid": made.at("/metadata/uid") } });
    world.delete(&path, &same).await.ok();
}

pub(crate) async fn a_finalizer_holds_an_object(world: &World) {
    let path = world.config_maps();
    let held = json!({ "metadata": { "name": "map", "finalizers": ["example.com/hold"] } });
    let made = world.post(&path, &held).await.ok();
    let mut watch = world
        .watch(&path, &format!("resourceVersion={}", made.version()))
        .await;
    let one = format!("{path}/map");
    let marked = world.delete(&one, &json!({})).await.ok();
    assert!(
        marked.at("/metadata/deletionTimestamp").is_string(),
        "{}",
        marked.body
    );
    world.delete(&one, &json!({})).await.ok();
    let more = json!({ "metadata": { "finalizers": ["example.com/hold", "example.com/more"] } });
    world.patch(&one, MERGE, &more).await.check(422, "Invalid");
    world
        .patch(&one, MERGE, &json!({ "metadata": { "finalizers": null } }))
        .await
        .ok();
    world.get(&one).await.check(404, "NotFound");
    watch.check(&["MODIFIED map", "DELETED map"]).await;
}

pub(crate) async fn a_foreground_deletion_waits(world: &World) {
    world.deployment("web").await;
    let path = format!("{}/web", world.deployments());
    let marked = world
        .delete(&path, &json!({ "propagationPolicy": "Foreground" }))
        .await
        .ok();
    assert_eq!(marked.at("/kind"), "Deployment");
    assert_eq!(marked.at("/metadata/finalizers"), json!(["foregroundDeletion"]));
    assert!(marked.at("/metadata/deletionTimestamp").is_string());
    assert_eq!(marked.at("/metadata/generation"), 2);
    let there = world.get(&path).await.ok();
    assert_eq!(there.version(), marked.version());
}

pub(crate) async fn collections_are_deleted_by_selector(world: &World) {
    for (name, labels) in [
        ("a", json!({ "go": "1" })),
        ("b", json!({ "go": "1" })),
        ("c", json!({})),
    ] {
        let body = json!({ "metadata": { "name": name, "labels": labels } });
        world.post(&world.config_maps(), &body).await.ok();
    }
    world
        .delete(&format!("{}?labelSelector=go", world.config_maps()), &json!({}))
        .await
        .ok();
    let left = world.get(&world.config_maps()).await.ok();
    let names: Vec<_> = left
        .at("/items")
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["metadata"]["name"].clone())
        .collect();
    assert_eq!(
        names
            .iter()
            .filter(|name| *name != "kube-root-ca.crt")
            .collect::<Vec<&Value>>(),
        ["c"]
    );
}
