//! Creating and replacing.

use serde_json::{Value, json};

use super::world::{MERGE, World, deployment};

pub(crate) async fn a_new_object_gets_its_identity(world: &World) {
    let made = world.deployment("web").await.check(201, "");
    assert!(made.at("/metadata/uid").is_string() && made.at("/metadata/creationTimestamp").is_string());
    assert_eq!(made.at("/metadata/generation"), 1);
    assert_eq!(made.at("/metadata/namespace"), world.namespace.as_str());
    assert_eq!(
        (made.at("/kind"), made.at("/apiVersion")),
        (json!("Deployment"), json!("apps/v1"))
    );
    let map = world.config_map("map", json!({})).await;
    assert_eq!(map.at("/metadata/generation"), Value::Null);
}

pub(crate) async fn a_second_object_of_the_same_name_is_refused(world: &World) {
    world.config_map("map", json!({})).await;
    let again = world
        .post(&world.config_maps(), &json!({ "metadata": { "name": "map" } }))
        .await;
    again.check(409, "AlreadyExists");
}

pub(crate) async fn an_object_needs_its_namespace(world: &World) {
    let body = json!({ "metadata": { "name": "map" } });
    let answer = world
        .post("/api/v1/namespaces/nowhere/configmaps", &body)
        .await
        .check(404, "NotFound");
    assert_eq!(answer.at("/message"), "namespaces \"nowhere\" not found");
    let body = json!({ "metadata": { "name": "map", "namespace": "default" } });
    world
        .post(&world.config_maps(), &body)
        .await
        .check(400, "BadRequest");
}

pub(crate) async fn a_name_can_be_generated(world: &World) {
    let body = json!({ "metadata": { "generateName": "map-" } });
    let one = world
        .post(&world.config_maps(), &body)
        .await
        .ok()
        .at("/metadata/name");
    let other = world
        .post(&world.config_maps(), &body)
        .await
        .ok()
        .at("/metadata/name");
    assert!(
        one.as_str().unwrap().starts_with("map-") && one != other,
        "{one} and {other}"
    );
    world
        .post(&world.config_maps(), &json!({ "metadata": {} }))
        .await
        .check(422, "Invalid");
}

pub(crate) async fn a_bad_name_is_refused(world: &World) {
    for name in ["Map", "-map", "a/b", "map_1"] {
        let answer = world
            .post(&world.config_maps(), &json!({ "metadata": { "name": name } }))
            .await;
        answer.check(422, "Invalid");
    }
}

pub(crate) async fn a_stale_version_is_refused(world: &World) {
    let old = world.config_map("map", json!({ "a": "1" })).await;
    let path = format!("{}/map", world.config_maps());
    world
        .patch(&path, MERGE, &json!({ "data": { "a": "2" } }))
        .await
        .ok();
    world.put(&path, &old.body).await.check(409, "Conflict");
    let guarded = json!({ "metadata": { "resourceVersion": old.version() }, "data": { "a": "3" } });
    let answer = world.patch(&path, MERGE, &guarded).await.check(409, "Conflict");
    assert!(
        answer
            .at("/message")
            .as_str()
            .unwrap()
            .contains("the object has been modified")
    );
    let mut free = old.body;
    free["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("resourceVersion");
    world.put(&path, &free).await.ok();
}

pub(crate) async fn another_uid_is_refused(world: &World) {
    let made = world.config_map("map", json!({})).await;
    let path = format!("{}/map", world.config_maps());
    let other = "00000000-0000-0000-0000-000000000000";
    let patch = json!({ "metadata": { "uid": other } });
    world.patch(&path, MERGE, &patch).await.check(422, "Invalid");
    let mut body = made.body;
    body["metadata"]["uid"] = json!(other);
    world.put(&path, &body).await.check(409, "Conflict");
}

pub(crate) async fn generation_counts_changes_of_the_spec(world: &World) {
    world.deployment("web").await;
    let path = format!("{}/web", world.deployments());
    let labelled = world
        .patch(&path, MERGE, &json!({ "metadata": { "labels": { "a": "b" } } }))
        .await
        .ok();
    assert_eq!(labelled.at("/metadata/generation"), 1);
    let scaled = world
        .patch(&path, MERGE, &json!({ "spec": { "replicas": 2 } }))
        .await
        .ok();
    assert_eq!(scaled.at("/metadata/generation"), 2);
    let status = json!({ "status": { "observedGeneration": 2 } });
    let observed = world.patch(&format!("{path}/status"), MERGE, &status).await.ok();
    assert_eq!(observed.at("/metadata/generation"), 2);
}

pub(crate) async fn status_and_spec_are_written_apart(world: &World) {
    let made = world.deployment("web").await;
    let path = format!("{}/web", world.deployments());
    let both = json!({ "spec": { "replicas": 3 }, "status": { "replicas": 7 } });
    let spec = world.patch(&path, MERGE, &both).await.ok();
    assert_eq!(
        (spec.at("/spec/replicas"), spec.at("/status/replicas")),
        (json!(3), Value::Null)
    );
    let both = json!({ "spec": { "replicas": 9 }, "status": { "replicas": 7 } });
    let status = world.patch(&format!("{path}/status"), MERGE, &both).await.ok();
    assert_eq!(
        (status.at("/spec/replicas"), status.at("/status/replicas")),
        (json!(3), json!(7))
    );
    assert_eq!(made.at("/status"), json!({}), "a new object has no status");
}

pub(crate) async fn a_dry_run_changes_nothing(world: &World) {
    let made = world
        .post(&format!("{}?dryRun=All", world.deployments()), &deployment("web"))
        .await;
    assert!(made.check(201, "").at("/metadata/uid").is_string());
    world
        .get(&format!("{}/web", world.deployments()))
        .await
        .check(404, "NotFound");
    let map = world.config_map("map", json!({ "a": "1" })).await;
    let path = format!("{}/map", world.config_maps());
    let patched = world
        .patch(
            &format!("{path}?dryRun=All"),
            MERGE,
            &json!({ "data": { "a": "2" } }),
        )
        .await
        .ok();
    assert_eq!(patched.at("/data/a"), "2");
    world.delete(&path, &json!({ "dryRun": ["All"] })).await.ok();
    assert_eq!(world.get(&path).await.ok().version(), map.version());
}

pub(crate) async fn replacing_a_missing_object_fails(world: &World) {
    let body = json!({ "metadata": { "name": "map" } });
    world
        .put(&format!("{}/map", world.config_maps()), &body)
        .await
        .check(404, "NotFound");
}

pub(crate) async fn wrong_types_are_refused(world: &World) {
    let made = world.deployment("web").await;
    let path = format!("{}/web", world.deployments());
    for patch in [
        json!({ "spec": { "replicas": "2" } }),
        json!({ "spec": { "replicas": -2 } }),
        json!({ "metadata": { "labels": { "on": true } } }),
    ] {
        world.patch(&path, MERGE, &patch).await.check(422, "Invalid");
    }
    let mut body = made.body;
    body["spec"]["replicas"] = json!("2");
    world.put(&path, &body).await.check(400, "BadRequest");
    let empty = json!({ "metadata": { "name": "empty" }, "spec": {} });
    world
        .post(&world.deployments(), &empty)
        .await
        .check(422, "Invalid");
}

pub(crate) async fn the_scale_is_one_number(world: &World) {
    let made = world.deployment("web").await;
    let path = format!("{}/web/scale", world.deployments());
    let scale = world.get(&path).await.ok();
    assert_eq!(
        (scale.at("/kind"), scale.at("/apiVersion")),
        (json!("Scale"), json!("autoscaling/v1"))
    );
    assert_eq!(
        (scale.at("/spec/replicas"), scale.at("/status/selector")),
        (json!(1), json!("app=web"))
    );
    assert_eq!(
        (scale.at("/metadata/uid"), scale.version()),
        (made.at("/metadata/uid"), made.version())
    );
    let zero = world
        .patch(&path, MERGE, &json!({ "spec": { "replicas": 0 } }))
        .await
        .ok();
    assert_eq!(zero.at("/spec"), json!({}), "zero is left out");
    let again = world
        .patch(&path, MERGE, &json!({ "spec": { "replicas": 0 } }))
        .await
        .ok();
    assert_eq!(again.version(), zero.version());
    let object = world.get(&format!("{}/web", world.deployments())).await.ok();
    assert_eq!(
        (object.at("/spec/replicas"), object.at("/metadata/generation")),
        (json!(0), json!(2))
    );
    let put =
        json!({ "metadata": { "name": "web", "namespace": world.namespace }, "spec": { "replicas": 4 } });
    assert_eq!(world.put(&path, &put).await.ok().at("/spec/replicas"), 4);
    world
        .patch(&path, MERGE, &json!({ "spec": { "replicas": "2" } }))
        .await
        .check(422, "Invalid");
    world
        .patch(&path, MERGE, &json!({ "spec": { "replicas": -1 } }))
        .await
        .check(422, "Invalid");
    let guarded = json!({ "metadata": { "resourceVersion": made.version() }, "spec": { "replicas": 5 } });
    world.patch(&path, MERGE, &guarded).await.check(409, "Conflict");
    world
        .get(&format!("{}/none/scale", world.deployments()))
        .await
        .check(404, "NotFound");
}
