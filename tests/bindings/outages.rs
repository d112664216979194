//! What is away for a while, and comes back.

use std::time::Duration;

use mqttkube_tests::api_faults::Fault;
use mqttkube_tests::mqtt_probe::Message;
use mqttkube_tests::wait;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::Scene;
use super::scene::{SOON, becomes, says, set_status};

const SIZES: &str = r#"
bindings:
  - namespace: NAMESPACE
    resource: Deployment
    name: web
    patch: {topic: web/size, locus: spec.replicas, type: int}
    watch: {locus: status.availableReplicas, topic: web/available, retain: true}
"#;

/// The sizes that were asked of the API server, in order.
fn sizes(scene: &Scene) -> Vec<Value> {
    scene
        .writes()
        .iter()
        .map(|write| write.json()["spec"]["replicas"].clone())
        .collect()
}

pub(crate) async fn commands_wait_for_the_api_server(scene: Scene) {
    scene.deployment("web", json!({})).await;
    let running = scene.run(SIZES);
    running.ready().await;
    let probe = scene.probe().await;
    scene
        .faults()
        .add(Fault::refused(503, "ServiceUnavailable").times(usize::MAX));
    for size in 1..=5 {
        probe
            .publish(&Message::new("web/size", size.to_string()))
            .await
            .unwrap();
    }
    running.complains("API server").await;
    let held = running.handle.snapshot().await.unwrap();
    assert_eq!(held.mqtt.acknowledged, 0, "what is not done is not acknowledged");
    scene.faults().clear();
    becomes(
        &scene.objects("apps", "v1", "Deployment"),
        "web",
        "/spec/replicas",
        json!(5),
    )
    .await;
    running.ready().await;
    let mut order = sizes(&scene);
    order.dedup();
    assert_eq!(
        order,
        [json!(1), json!(2), json!(3), json!(4), json!(5)],
        "in the order of the commands"
    );
    running.stop().await;
}

pub(crate) async fn a_restarted_broker_gets_every_state_again(mut scene: Scene) {
    scene.deployment("web", json!({})).await;
    let deployments = scene.objects("apps", "v1", "Deployment");
    set_status(
        &deployments,
        "web",
        json!({ "replicas": 1, "readyReplicas": 1, "availableReplicas": 1 }),
    )
    .await;
    let running = scene.run(SIZES);
    running.ready().await;
    says(&scene.probe().await, "web/available", "1").await;
    scene.broker.halt().await.unwrap();
    running.complains("broker").await;
    set_status(
        &deployments,
        "web",
        json!({ "replicas": 2, "readyReplicas": 2, "availableReplicas": 2 }),
    )
    .await;
    scene.broker.start().await.unwrap();
    running.ready().await;
    let probe = scene.probe().await;
    says(&probe, "web/available", "2").await;
    says(&probe, "story/status", "online").await;
    probe.publish(&Message::new("web/size", "2")).await.unwrap();
    becomes(&deployments, "web", "/spec/replicas", json!(2)).await;
    running.stop().await;
}

pub(crate) async fn what_was_not_finished_is_done_by_the_next_process(scene: Scene) {
    scene.deployment("web", json!({})).await;
    let running = scene.run(SIZES);
    running.ready().await;
    let probe = scene.probe().await;
    scene
        .faults()
        .add(Fault::hanging().on("PATCH", "scale").times(usize::MAX));
    probe.publish(&Message::new("web/size", "3")).await.unwrap();
    wait::until(SOON, "the call that hangs", || !scene.writes().is_empty()).await;
    running.kill().await;
    probe.publish(&Message::new("web/size", "4")).await.unwrap();
    scene.faults().clear();
    let running = scene.run(SIZES);
    becomes(
        &scene.objects("apps", "v1", "Deployment"),
        "web",
        "/spec/replicas",
        json!(4),
    )
    .await;
    assert_eq!(sizes(&scene), [json!(3), json!(3), json!(4)]);
    running.stop().await;
}

pub(crate) async fn nothing_runs_on_after_the_end(scene: Scene) {
    scene.deployment("web", json!({})).await;
    let alive = || Handle::current().metrics().num_alive_tasks();
    // The first one leaves behind what the client of the API keeps.
    let running = scene.run(SIZES);
    running.ready().await;
    running.stop().await;
    let before = alive();
    let running = scene.run(SIZES);
    running.ready().await;
    running.stop().await;
    wait::until(SOON, "as many tasks as before", || alive() <= before).await;
    let requests = scene.requests();
    set_status(
        &scene.objects("apps", "v1", "Deployment"),
        "web",
        json!({ "replicas": 3 }),
    )
    .await;
    assert_eq!(scene.requests(), requests, "nobody asks any more");
}

pub(crate) async fn fault_18_a_throttled_write_waits_as_told(scene: Scene) {
    scene.deployment("web", json!({})).await;
    let running = scene.run(SIZES);
    running.ready().await;
    let probe = scene.probe().await;
    scene
        .faults()
        .add(Fault::throttled(2).on("PATCH", "scale").times(1));
    probe.publish(&Message::new("web/size", "1")).await.unwrap();
    becomes(
        &scene.objects("apps", "v1", "Deployment"),
        "web",
        "/spec/replicas",
        json!(1),
    )
    .await;
    let writes = scene.writes();
    assert_eq!(writes.len(), 2, "{writes:?}");
    let waited = writes[1].at - writes[0].at;
    // Not sooner than told. How much later is up to the engine, whose own test keeps it within a fifth; a busy machine
    // adds to that.
    let allowed = Duration::from_secs(2)..Duration::from_secs(6);
    assert!(allowed.contains(&waited), "{waited:?}");
    running.stop().await;
}

/// What something between us and the API server may answer, with a status that looks like success or not.
fn nonsense() -> Vec<Fault> {
    let page = "<html>please log in</html>";
    let json = "application/json";
    vec![
        Fault::raw(200, "text/html", page),
        Fault::raw(302, "text/html", page),
        Fault::raw(
            200,
            json,
            r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web"}}"#,
        ),
        Fault::raw(200, json, "{}"),
        Fault::raw(200, json, "[".repeat(100_000)),
        // An answer may have 16 MiB, a page of a list 64.
        Fault::raw(200, json, " ".repeat(65 << 20)),
        Fault::cut_line(0),
    ]
}

pub(crate) async fn an_answer_that_is_none_of_an_api_server_is_not_taken_for_one(scene: Scene) {
    scene.deployment("web", json!({})).await;
    // In place of the first lists, one after the other.
    for (nth, fault) in nonsense().into_iter().take(4).enumerate() {
        scene
            .faults()
            .add(fault.on("LIST", "/deployments").skip(nth).times(1));
    }
    let running = scene.run(SIZES);
    running.ready().await;
    let probe = scene.probe().await;
    assert_eq!(
        scene.faults().hits(),
        4,
        "the list was asked for until it was one"
    );
    let deployments = scene.objects("apps", "v1", "Deployment");
    let mut size = 0;
    for fault in nonsense() {
        scene.faults().clear();
        scene.faults().add(fault.on("PATCH", "/scale").times(1));
        size += 1;
        probe
            .publish(&Message::new("web/size", size.to_string()))
            .await
            .unwrap();
        becomes(&deployments, "web", "/spec/replicas", json!(size)).await;
    }
    let acknowledged = async || match running.handle.snapshot().await {
        Some(snapshot) if snapshot.mqtt.acknowledged == size => Ok(()),
        other => Err(other.map(|snapshot| snapshot.mqtt)),
    };
    wait::until_ok(SOON, "every command acknowledged", acknowledged).await;
    let asked: Vec<Value> = (1..=size).flat_map(|size| [json!(size), json!(size)]).collect();
    assert_eq!(sizes(&scene), asked, "each asked again after the nonsense");
    running.stop().await;
}
