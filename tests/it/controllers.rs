//! The fake API's controllers do what people wait for.

use std::time::Duration;

use mqttkube_tests::fake_api::FakeApi;
use mqttkube_tests::wait;
use serde_json::{Value, json};

use crate::suite::World;
use crate::suite::world::{Answer, MERGE};

const SOON: Duration = Duration::from_secs(5);

async fn world() -> (FakeApi, World) {
    let api = FakeApi::new();
    api.with_controllers();
    let world = World::new(api.client(), "controllers").await;
    (api, world)
}

/// Waits until the object at a path has a value at a JSON pointer.
async fn becomes(world: &World, path: &str, pointer: &str, value: Value) -> Answer {
    wait::until_ok(SOON, &format!("{pointer} = {value}"), async || {
        let answer = world.get(path).await;
        if answer.at(pointer) == value {
            Ok(answer)
        } else {
            Err(answer)
        }
    })
    .await
}

#[tokio::test]
async fn a_deployment_gets_what_it_asks_for() {
    let (_api, world) = world().await;
    world.deployment("web").await;
    let path = format!("{}/web", world.deployments());
    becomes(&world, &path, "/status/availableReplicas", json!(1)).await;
    world
        .patch(&path, MERGE, &json!({ "spec": { "replicas": 3 } }))
        .await
        .ok();
    let three = becomes(&world, &path, "/status/availableReplicas", json!(3)).await;
    assert_eq!(
        (
            three.at("/status/observedGeneration"),
            three.at("/metadata/generation")
        ),
        (json!(2), json!(2))
    );
    world
        .patch(&path, MERGE, &json!({ "spec": { "replicas": 0 } }))
        .await
        .ok();
    becomes(&world, &path, "/status/availableReplicas", Value::Null).await;
}

fn job(name: &str, suspend: bool) -> Value {
    let template =
        json!({ "spec": { "containers": [{ "name": "a", "image": "a" }], "restartPolicy": "Never" } });
    json!({ "metadata": { "name": name }, "spec": { "suspend": suspend, "template": template } })
}

#[tokio::test]
async fn a_job_runs_and_completes_unless_it_is_suspended() {
    let (_api, world) = world().await;
    let jobs = world.path("batch/v1", "jobs");
    let version = world.get(&jobs).await.ok().version();
    let mut watch = world.watch(&jobs, &format!("resourceVersion={version}")).await;
    world.post(&jobs, &job("work", false)).await.ok();
    watch.check(&["ADDED work"]).await;
    let running = watch.next().await.unwrap();
    assert_eq!(running["object"]["status"]["active"], 1);
    let done = watch.next().await.unwrap();
    assert_eq!(done["object"]["status"]["succeeded"], 1);
    assert_eq!(done["object"]["status"]["conditions"][0]["type"], "Complete");
    world.post(&jobs, &job("later", true)).await.ok();
    let path = format!("{jobs}/later");
    becomes(&world, &path, "/status/conditions/0/type", json!("Suspended")).await;
    world
        .patch(&path, MERGE, &json!({ "spec": { "suspend": false } }))
        .await
        .ok();
    becomes(&world, &path, "/status/conditions/0/type", json!("Complete")).await;
}

#[tokio::test]
async fn dependents_go_with_their_owner_or_stay_when_they_are_released() {
    let (_api, world) = world().await;
    let jobs = world.path("batch/v1", "jobs");
    for (name, policy) in [
        ("front", "Foreground"),
        ("back", "Background"),
        ("free", "Orphan"),
    ] {
        let owner = world.post(&jobs, &job(name, false)).await.ok();
        let reference = json!({
            "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": owner.at("/metadata/uid"),
            "blockOwnerDeletion": true,
        });
        let child = json!({ "metadata": { "name": name, "ownerReferences": [reference] } });
        world.post(&world.config_maps(), &child).await.ok();
        world
            .delete(&format!("{jobs}/{name}"), &json!({ "propagationPolicy": policy }))
            .await
            .ok();
        becomes(&world, &format!("{jobs}/{name}"), "/code", json!(404)).await;
    }
    for name in ["front", "back"] {
        becomes(
            &world,
            &format!("{}/{name}", world.config_maps()),
            "/code",
            json!(404),
        )
        .await;
    }
    let free = world.get(&format!("{}/free", world.config_maps())).await.ok();
    assert_eq!(free.at("/metadata/ownerReferences"), Value::Null);
}

#[tokio::test]
async fn a_namespace_ends_with_everything_in_it() {
    let (api, world) = world().await;
    world.config_map("map", json!({})).await;
    let path = format!("/api/v1/namespaces/{}", world.namespace);
    let ending = world.delete(&path, &json!({})).await.ok();
    assert_eq!(ending.at("/status/phase"), "Terminating");
    becomes(&world, &path, "/code", json!(404)).await;
    assert!(api.get("v1", "configmaps", &world.namespace, "map").is_none());
}
