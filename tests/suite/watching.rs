//! Watches.

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::runtime::watcher::{self, Event};
use serde_json::json;

use super::world::{MERGE, SOON, World};

pub(crate) async fn a_watch_replays_and_goes_on(world: &World) {
    let path = world.config_maps();
    let before = world.get(&path).await.ok().version();
    world.config_map("a", json!({})).await;
    world
        .patch(&format!("{path}/a"), MERGE, &json!({ "data": { "x": "1" } }))
        .await
        .ok();
    let mut watch = world.watch(&path, &format!("resourceVersion={before}")).await;
    watch.check(&["ADDED a", "MODIFIED a"]).await;
    world.config_map("b", json!({})).await;
    world.delete(&format!("{path}/a"), &json!({})).await.ok();
    watch.check(&["ADDED b", "DELETED a"]).await;
}

pub(crate) async fn a_watch_without_a_version_begins_with_what_exists(world: &World) {
    world.config_map("a", json!({})).await;
    world.config_map("b", json!({})).await;
    let mut watch = world.watch(&world.config_maps(), "resourceVersion=0").await;
    let mut begin = [watch.event().await, watch.event().await];
    begin.sort();
    assert_eq!(
        begin,
        [("ADDED".into(), "a".into()), ("ADDED".into(), "b".into())]
    );
    world.config_map("c", json!({})).await;
    watch.check(&["ADDED c"]).await;
}

pub(crate) async fn objects_enter_and_leave_a_selection(world: &World) {
    let path = world.config_maps();
    let before = world.get(&path).await.ok().version();
    let mut watch = world
        .watch(&path, &format!("resourceVersion={before}&labelSelector=on"))
        .await;
    world.config_map("a", json!({})).await;
    let label = |value| json!({ "metadata": { "labels": { "on": value } } });
    world
        .patch(&format!("{path}/a"), MERGE, &label(json!("1")))
        .await
        .ok();
    world
        .patch(&format!("{path}/a"), MERGE, &label(json!("2")))
        .await
        .ok();
    world
        .patch(&format!("{path}/a"), MERGE, &label(json!(null)))
        .await
        .ok();
    watch.check(&["ADDED a", "MODIFIED a", "DELETED a"]).await;
}

pub(crate) async fn a_streaming_list_ends_with_a_bookmark(world: &World) {
    world.config_map("a", json!({})).await;
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = world.watch(&world.config_maps(), query).await;
    watch.check(&["ADDED a"]).await;
    let bookmark = watch.next().await.unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert_eq!(bookmark["object"]["kind"], "ConfigMap");
    assert_eq!(
        bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
    assert!(bookmark["object"]["metadata"]["resourceVersion"].is_string());
}

pub(crate) async fn a_watch_ends_when_its_time_is_over(world: &World) {
    let mut watch = world.watch(&world.config_maps(), "timeoutSeconds=1").await;
    assert_eq!(watch.next().await, None);
}

pub(crate) async fn the_watcher_of_kube_follows(world: &World) {
    world.config_map("a", json!({})).await;
    let api: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    for config in [
        watcher::Config::default(),
        watcher::Config::default().streaming_lists(),
    ] {
        let mut events = std::pin::pin!(watcher::watcher(api.clone(), config));
        let mut next = async || {
            tokio::time::timeout(SOON, events.try_next())
                .await
                .unwrap()
                .unwrap()
                .unwrap()
        };
        assert!(matches!(next().await, Event::Init));
        assert!(matches!(next().await, Event::InitApply(map) if map.metadata.name.as_deref() == Some("a")));
        assert!(matches!(next().await, Event::InitDone));
        world.config_map("b", json!({})).await;
        assert!(matches!(next().await, Event::Apply(map) if map.metadata.name.as_deref() == Some("b")));
        world
            .delete(&format!("{}/b", world.config_maps()), &json!({}))
            .await
            .ok();
        assert!(matches!(next().await, Event::Delete(map) if map.metadata.name.as_deref() == Some("b")));
    }
}
