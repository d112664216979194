//! Messages that launch and delete.

use mqttkube_tests::api_faults::Fault;
use mqttkube_tests::mqtt_probe::Message;
use mqttkube_tests::wait;
use serde_json::{Value, json};

use super::Scene;
use super::scene::{SOON, becomes, says, set_status};

const SYNC: &str = r#"
bindings:
  - namespace: NAMESPACE
    resource: Job
    name: syncer
    action:
      - topic: syncer/cmd
        launch: !relpath syncer-job.yaml
        result: syncer/result
        values:
          map:
            "RUN": "launch"
            "STOP": "delete"
    watch:
      - locus: "$.status"
        topic: syncer/status
"#;

const JOBS: &str = r#"
bindings:
  - namespace: NAMESPACE
    resource: Job
    name: syncer
    action: {topic: syncer/cmd, launch: syncer-job.yaml, values: {"RUN": launch}, result: syncer/result}
"#;

pub(crate) async fn seed_003_a_job_is_launched_and_deleted(scene: Scene) {
    let jobs = scene.objects("batch", "v1", "Job");
    let running = scene.run(SYNC);
    running.ready().await;
    let probe = scene.probe().await;
    probe.publish(&Message::new("syncer/cmd", "RUN")).await.unwrap();
    becomes(&jobs, "syncer", "/spec/backoffLimit", json!(0)).await;
    becomes(&jobs, "syncer", "/metadata/annotations/asked-by", json!("RUN")).await;
    let job = serde_json::to_value(jobs.get("syncer").await.unwrap()).unwrap();
    let uid = job["metadata"]["labels"]["run"].as_str().unwrap();
    assert!(
        uid.len() == 8 && uid.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{uid}"
    );
    assert!(job["metadata"]["labels"]["mqttkube/command"].is_string(), "{job}");
    set_status(&jobs, "syncer", json!({ "ready": 0, "active": 1 })).await;
    says(&probe, "syncer/status", r#"{"active":1,"ready":0}"#).await;
    probe.publish(&Message::new("syncer/cmd", "STOP")).await.unwrap();
    wait::until(SOON, "a deletion", || {
        scene.writes().iter().any(|write| write.method == "DELETE")
    })
    .await;
    let deletion = scene.writes().pop().unwrap().json();
    assert_eq!(deletion["propagationPolicy"], "Foreground");
    running.stop().await;
}

pub(crate) async fn a_launch_that_exists_is_told(scene: Scene) {
    let running = scene.run(SYNC);
    running.ready().await;
    let probe = scene.probe().await;
    for _ in 0..2 {
        probe.publish(&Message::new("syncer/cmd", "RUN")).await.unwrap();
    }
    let is_result = |message: &&Message| message.topic == "syncer/result";
    probe
        .wait(SOON, |all| all.iter().filter(is_result).count() == 2)
        .await;
    let results = probe.messages();
    let outcome =
        |message: &Message| serde_json::from_slice::<Value>(&message.payload).unwrap()["outcome"].clone();
    let outcomes: Vec<Value> = results.iter().filter(is_result).map(outcome).collect();
    assert_eq!(outcomes, ["applied", "exists"]);
    running.stop().await;
}

pub(crate) async fn fault_19_a_write_that_took_effect_is_not_doubled(scene: Scene) {
    let running = scene.run(JOBS);
    running.ready().await;
    let probe = scene.probe().await;
    scene
        .faults()
        .add(Fault::effect_then(504, "Timeout").on("POST", "jobs").times(1));
    probe.publish(&Message::new("syncer/cmd", "RUN")).await.unwrap();
    probe
        .wait(SOON, |all| {
            all.iter()
                .any(|message| message.topic == "syncer/result" && message.text().contains("applied"))
        })
        .await;
    let jobs = scene
        .objects("batch", "v1", "Job")
        .list(&Default::default())
        .await
        .unwrap();
    assert_eq!(jobs.items.len(), 1);
    running.stop().await;
}
