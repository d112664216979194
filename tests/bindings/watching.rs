//! Values that are published.

use std::collections::BTreeMap;

use mqttkube_tests::mqtt_probe::Message;
use mqttkube_tests::wait;
use serde_json::json;

use super::Scene;
use super::kinds::define_heaters;
use super::scene::{SOON, becomes, create, says, set_status};

const SELECTED: &str = r#"
bindings:
  - namespace: NAMESPACE
    resource: ConfigMap
    selector: {labels: "room=yes"}
    watch: {locus: data.light, topic: "rooms/{name}/light", retain: true}
"#;

async fn room(scene: &Scene, name: &str, light: &str) {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name, "labels": { "room": "yes" } },
        "data": { "light": light },
    });
    create(&scene.objects("", "v1", "ConfigMap"), object).await;
}

/// Waits until the retained messages of the rooms are these.
async fn lights(scene: &Scene, expected: &BTreeMap<String, bytes::Bytes>) {
    let question = async || {
        let retained = scene.retained("rooms/#").await;
        if retained == *expected {
            Ok(())
        } else {
            Err(retained)
        }
    };
    wait::until_ok(SOON, "the lights as they are", question).await;
}

pub(crate) async fn w_fifty_objects_publish_under_their_names(scene: Scene) {
    let mut expected = BTreeMap::new();
    for number in 0..50 {
        room(&scene, &format!("room-{number}"), &number.to_string()).await;
        expected.insert(format!("rooms/room-{number}/light"), number.to_string().into());
    }
    let running = scene.run(SELECTED);
    lights(&scene, &expected).await;
    let rooms = scene.objects("", "v1", "ConfigMap");
    rooms.delete("room-7", &Default::default()).await.unwrap();
    expected.remove("rooms/room-7/light");
    lights(&scene, &expected).await;
    running.stop().await;
}

pub(crate) async fn a_retained_state_without_its_object_is_cleared_at_the_start(scene: Scene) {
    room(&scene, "kitchen", "on").await;
    let probe = scene.probe().await;
    probe
        .publish(&Message::new("rooms/attic/light", "on").retained())
        .await
        .unwrap();
    probe
        .publish(&Message::new("rooms/attic/heat", "on").retained())
        .await
        .unwrap();
    let running = scene.run(SELECTED);
    let expected = [("rooms/attic/heat", "on"), ("rooms/kitchen/light", "on")];
    lights(
        &scene,
        &expected
            .map(|(topic, payload)| (topic.to_owned(), payload.into()))
            .into(),
    )
    .await;
    running.stop().await;
}

pub(crate) async fn w6_a_status_is_published_as_compact_json(scene: Scene) {
    scene.deployment("web", json!({})).await;
    let running = scene.run(
        r#"
bindings:
  - namespace: NAMESPACE
    resource: Deployment
    name: web
    watch: {locus: "$.status", topic: web/status}
"#,
    );
    running.ready().await;
    let probe = scene.probe().await;
    let status = json!({ "replicas": 2, "readyReplicas": 1, "availableReplicas": 1 });
    set_status(&scene.objects("apps", "v1", "Deployment"), "web", status).await;
    says(
        &probe,
        "web/status",
        r#"{"availableReplicas":1,"readyReplicas":1,"replicas":2}"#,
    )
    .await;
    running.stop().await;
}

pub(crate) async fn a_kind_that_comes_later_is_found(scene: Scene) {
    let group = format!("{}.example.com", scene.namespace);
    let bindings = format!(
        r#"
bindings:
  - namespace: NAMESPACE
    resource: {group}/v1/Heater
    name: bath
    patch: {{topic: bath/set, locus: spec.target, type: int}}
    watch: {{locus: spec.target, topic: bath/target, retain: true}}
"#
    );
    let running = scene.run(&bindings);
    running.complains(&format!("{group}/v1/Heater")).await;
    define_heaters(&scene, &group).await;
    running.ready().await;
    let heaters = scene.objects(&group, "v1", "Heater");
    let heater = json!({ "apiVersion": format!("{group}/v1"), "kind": "Heater",
                         "metadata": { "name": "bath" }, "spec": { "target": 18 } });
    create(&heaters, heater).await;
    let probe = scene.probe().await;
    says(&probe, "bath/target", "18").await;
    probe.publish(&Message::new("bath/set", "24")).await.unwrap();
    becomes(&heaters, "bath", "/spec/target", json!(24)).await;
    says(&probe, "bath/target", "24").await;
    running.stop().await;
}
