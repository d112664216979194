//! Messages that change a field.

use mqttkube_tests::mqtt_probe::Message;
use mqttkube_tests::wait;
use serde_json::{Value, json};

use super::Scene;
use super::scene::{SOON, becomes, create, says, set_status};

const MEDIA: &str = r#"
mqtt: {response-prefix: answers}
bindings:
  - namespace: NAMESPACE
    resource: Deployment
    name: jellyfin
    patch:
      - topic: jellyfin/power/set
        locus: "spec.replicas"
        values:
          map:
            "ON": 1
            "OFF": 0
    watch:
      - locus: "status.availableReplicas"
        topic: jellyfin/power/state
        retain: true
        qos: 1
        values:
          map:
            1: "ON"
            ~: "OFF"
"#;

pub(crate) async fn seed_003_a_media_server_is_switched_like_a_lamp(scene: Scene) {
    scene.deployment("jellyfin", json!({})).await;
    let deployments = scene.objects("apps", "v1", "Deployment");
    let running = scene.run(MEDIA);
    running.ready().await;
    let probe = scene.probe().await;
    says(&probe, "story/status", "online").await;
    says(&probe, "jellyfin/power/state", "OFF").await;
    probe
        .publish(&Message::new("jellyfin/power/set", "ON"))
        .await
        .unwrap();
    becomes(&deployments, "jellyfin", "/spec/replicas", json!(1)).await;
    set_status(
        &deployments,
        "jellyfin",
        json!({ "replicas": 1, "readyReplicas": 1, "availableReplicas": 1 }),
    )
    .await;
    says(&probe, "jellyfin/power/state", "ON").await;
    assert_eq!(scene.retained("jellyfin/#").await["jellyfin/power/state"], "ON");
    let writes = scene.writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(
        writes[0].path.ends_with("/deployments/jellyfin/scale"),
        "{writes:?}"
    );
    assert_eq!(writes[0].content_type, "application/merge-patch+json");
    deployments.delete("jellyfin", &Default::default()).await.unwrap();
    says(&probe, "jellyfin/power/state", "").await;
    assert!(
        scene.retained("jellyfin/#").await.is_empty(),
        "an empty payload clears the topic"
    );
    running.stop().await;
    says(&probe, "story/status", "offline").await;
}

pub(crate) async fn m2_a_retained_command_is_not_executed(scene: Scene) {
    scene.deployment("jellyfin", json!({})).await;
    let probe = scene.probe().await;
    probe
        .publish(&Message::new("jellyfin/power/set", "ON").retained())
        .await
        .unwrap();
    let running = scene.run(MEDIA);
    running.ready().await;
    // The command after it is executed, so the retained one was there to be.
    probe
        .publish(&Message::new("jellyfin/power/set", "OFF"))
        .await
        .unwrap();
    wait::until(SOON, "a write", || !scene.writes().is_empty()).await;
    running.stop().await;
    let bodies: Vec<Value> = scene.writes().iter().map(|write| write.json()).collect();
    assert_eq!(bodies, [json!({ "spec": { "replicas": 0 } })]);
}

pub(crate) async fn c23_values_may_be_the_map_itself(scene: Scene) {
    scene.deployment("jellyfin", json!({})).await;
    let running = scene.run(
        r#"
bindings:
  - namespace: NAMESPACE
    resource: deploy
    name: jellyfin
    watch: {locus: "status.availableReplicas", topic: state, retain: true, values: {1: "ON", ~: "OFF"}}
"#,
    );
    let probe = scene.probe().await;
    says(&probe, "state", "OFF").await;
    running.stop().await;
}

pub(crate) async fn fields_of_other_kinds_are_patched(scene: Scene) {
    scene.deployment("web", json!({})).await;
    create(
        &scene.objects("", "v1", "ConfigMap"),
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "mode" }, "data": { "keep": "1" } }),
    )
    .await;
    let running = scene.run(
        r#"
bindings:
  - namespace: NAMESPACE
    resource: apps/v1/Deployment
    name: web
    patch:
      - {topic: image, locus: "spec.template.spec.containers[?@.name=='web'].image"}
      - {topic: note, locus: "metadata.annotations['example.com/asked.by']"}
      - {topic: size, locus: spec.replicas, type: int, min: 0, max: 5, result: size/result}
  - namespace: NAMESPACE
    resource: cm
    name: mode
    patch: {topic: mode, locus: data.mode}
"#,
    );
    running.ready().await;
    let probe = scene.probe().await;
    for (topic, payload) in [
        ("image", "example.com/web:2"),
        ("note", "kitchen"),
        ("size", "9"),
        ("size", "3"),
        ("mode", "night"),
    ] {
        probe.publish(&Message::new(topic, payload)).await.unwrap();
    }
    let deployments = scene.objects("apps", "v1", "Deployment");
    let containers = "/spec/template/spec/containers";
    becomes(
        &deployments,
        "web",
        &format!("{containers}/1/image"),
        json!("example.com/web:2"),
    )
    .await;
    becomes(
        &deployments,
        "web",
        &format!("{containers}/0/image"),
        json!("example.com/side:1"),
    )
    .await;
    becomes(
        &deployments,
        "web",
        "/metadata/annotations/example.com~1asked.by",
        json!("kitchen"),
    )
    .await;
    becomes(&deployments, "web", "/spec/replicas", json!(3)).await;
    becomes(
        &scene.objects("", "v1", "ConfigMap"),
        "mode",
        "/data",
        json!({ "keep": "1", "mode": "night" }),
    )
    .await;
    probe
        .wait(SOON, |all| {
            all.iter()
                .filter(|message| message.topic == "size/result")
                .count()
                == 2
        })
        .await;
    let results = probe
        .messages()
        .into_iter()
        .filter(|message| message.topic == "size/result");
    let results: Vec<Value> = results
        .map(|message| serde_json::from_slice(&message.payload).unwrap())
        .collect();
    assert_eq!(
        (&results[0]["outcome"], &results[1]["outcome"]),
        (&json!("invalid"), &json!("applied"))
    );
    running.stop().await;
}

pub(crate) async fn a_request_is_answered_where_it_asks(scene: Scene) {
    let running = scene.run(MEDIA);
    running.ready().await;
    let probe = scene.probe().await;
    let mut request = Message::new("jellyfin/power/set", "ON");
    request.response_topic = Some("answers/kitchen".to_owned());
    request.correlation_data = Some("42".into());
    probe.publish(&request).await.unwrap();
    probe
        .wait(SOON, |all| {
            all.iter().any(|message| message.topic == "answers/kitchen")
        })
        .await;
    let answers = probe.messages();
    let answer = answers
        .iter()
        .find(|message| message.topic == "answers/kitchen")
        .unwrap();
    assert_eq!(answer.correlation_data.as_deref(), Some(&b"42"[..]));
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(
        answer["outcome"], "not_found",
        "the Deployment does not exist: {answer}"
    );
    assert_eq!(answer["object"]["name"], "jellyfin");
    running.stop().await;
}

pub(crate) async fn v5_a_payload_without_an_entry_changes_nothing(scene: Scene) {
    scene.deployment("jellyfin", json!({})).await;
    let running = scene.run(MEDIA);
    running.ready().await;
    let probe = scene.probe().await;
    for payload in [&b"on"[..], b"", b"\xff\xfe", b"ON ", &[b'x'; 300_000]] {
        probe
            .publish(&Message::new("jellyfin/power/set", payload.to_vec()))
            .await
            .unwrap();
    }
    probe
        .publish(&Message::new("jellyfin/power/set", "ON"))
        .await
        .unwrap();
    becomes(
        &scene.objects("apps", "v1", "Deployment"),
        "jellyfin",
        "/spec/replicas",
        json!(1),
    )
    .await;
    assert_eq!(scene.writes().len(), 1);
    let acknowledged = async || match running.handle.snapshot().await {
        Some(snapshot) if snapshot.mqtt.acknowledged == 6 => Ok(()),
        other => Err(other.map(|snapshot| snapshot.mqtt)),
    };
    wait::until_ok(SOON, "six acknowledgements", acknowledged).await;
    running.stop().await;
}
