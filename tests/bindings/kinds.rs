//! Kinds beside the Deployment, and fields that are hard to reach.

use mqttkube_tests::mqtt_probe::Message;
use serde_json::json;

use super::Scene;
use super::scene::{becomes, create, says, set_status};

/// Teaches the API server the kind `Heater` of a group. Definitions belong to the whole cluster, so every story that
/// asks for one has a group of its own.
pub(crate) async fn define_heaters(scene: &Scene, group: &str) {
    let schema = json!({ "type": "object", "properties": { "spec": {
        "type": "object", "properties": { "target": { "type": "integer" } },
    } } });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("heaters.{group}") },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": { "plural": "heaters", "singular": "heater", "kind": "Heater", "listKind": "HeaterList" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": schema } }],
        },
    });
    let definitions = scene.cluster_objects("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    create(&definitions, definition).await;
}

pub(crate) async fn a_heater_of_a_custom_kind_is_set_and_seen(scene: Scene) {
    define_heaters(&scene, "example.com").await;
    let running = scene.run(
        r#"
bindings:
  - namespace: NAMESPACE
    resource: example.com/v1/Heater
    name: bath
    patch: {topic: bath/set, locus: spec.target, type: int}
    watch: {locus: spec.target, topic: bath/target, retain: true}
"#,
    );
    running.ready().await;
    let heaters = scene.objects("example.com", "v1", "Heater");
    create(
        &heaters,
        json!({ "apiVersion": "example.com/v1", "kind": "Heater",
                "metadata": { "name": "bath" }, "spec": { "target": 18 } }),
    )
    .await;
    let probe = scene.probe().await;
    says(&probe, "bath/target", "18").await;
    probe.publish(&Message::new("bath/set", "24")).await.unwrap();
    says(&probe, "bath/target", "24").await;
    becomes(&heaters, "bath", "/spec/target", json!(24)).await;
    assert_eq!(scene.retained("bath/#").await["bath/target"], "24");
    running.stop().await;
}

pub(crate) async fn a_stateful_set_is_bound_by_its_kind(scene: Scene) {
    let sets = scene.objects("apps", "v1", "StatefulSet");
    let labels = json!({ "app": "db" });
    create(
        &sets,
        json!({ "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "db" }, "spec": {
            "replicas": 0, "serviceName": "db", "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels },
                          "spec": { "containers": [{ "name": "db", "image": "example.com/db:1" }] } },
        } }),
    )
    .await;
    let running = scene.run(
        r#"
bindings:
  - namespace: NAMESPACE
    resource: StatefulSet
    name: db
    patch: {topic: db/size, locus: spec.replicas, type: int}
    watch: {locus: status.readyReplicas, topic: db/ready, retain: true}
"#,
    );
    running.ready().await;
    let probe = scene.probe().await;
    probe.publish(&Message::new("db/size", "2")).await.unwrap();
    becomes(&sets, "db", "/spec/replicas", json!(2)).await;
    assert!(scene.writes()[0].path.ends_with("/statefulsets/db/scale"));
    set_status(&sets, "db", json!({ "replicas": 2, "readyReplicas": 2 })).await;
    says(&probe, "db/ready", "2").await;
    running.stop().await;
}

pub(crate) async fn an_annotation_with_dots_and_slashes_and_an_image_by_name_go_both_ways(scene: Scene) {
    scene.deployment("web", json!({})).await;
    let running = scene.run(
        r#"
bindings:
  - namespace: NAMESPACE
    resource: Deployment
    name: web
    patch:
      - {topic: note/set, locus: "metadata.annotations['home.example.com/asked.by']"}
      - {topic: image/set, locus: "spec.template.spec.containers[?@.name=='web'].image"}
    watch:
      - {topic: note, locus: "metadata.annotations['home.example.com/asked.by']", retain: true}
      - {topic: image, locus: "spec.template.spec.containers[?@.name=='web'].image", retain: true}
"#,
    );
    running.ready().await;
    let probe = scene.probe().await;
    says(&probe, "image", "example.com/web:1").await;
    for (topic, payload) in [
        ("note", "kitchen"),
        ("note", "bath"),
        ("image", "example.com/web:2"),
    ] {
        probe
            .publish(&Message::new(format!("{topic}/set"), payload))
            .await
            .unwrap();
        says(&probe, topic, payload).await;
    }
    let containers = json!([["side", "example.com/side:1"], ["web", "example.com/web:2"]]);
    let deployment = scene
        .objects("apps", "v1", "Deployment")
        .get("web")
        .await
        .unwrap();
    let found = deployment.data["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap()
        .iter();
    let found: Vec<_> = found
        .map(|container| [&container["name"], &container["image"]])
        .collect();
    assert_eq!(json!(found), containers);
    running.stop().await;
}
