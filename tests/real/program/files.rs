//! Files of people who used the Python program run as they are, on the ports that they name.

use std::path::{Path, PathBuf};

use kube::api::{ListParams, Patch, PatchParams};
use mqttkube_tests::mqtt_probe::{Message, Probe};
use mqttkube_tests::process::MosquittoOptions;
use mqttkube_tests::skip::Need;
use mqttkube_tests::wait;
use serde_json::{Value, json};

use super::{Cluster, Running, SOON, everything, vanishes};
use crate::bindings::scene::says;

const NEEDS: &[Need] = &[Need::Mosquitto, Need::Port(1883), Need::Port(8080)];

/// A file as it lies in the repository; what it refers to lies beside it.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../mqttkube-core/tests/configs")
        .join(name)
}

/// Mosquitto where the files expect it.
fn broker() -> MosquittoOptions {
    MosquittoOptions::default().line("listener 1883 127.0.0.1")
}

#[tokio::test]
async fn seed_003_both_examples_run_as_one_unchanged_file() {
    let Some(cluster) = Cluster::new("privileged", NEEDS).await else {
        return;
    };
    let broker = broker().start().await.unwrap();
    let program = cluster
        .run(&file("home.yaml"), cluster.client.clone(), 8080)
        .await;
    let probe = everything(&broker).await;
    is_switched(&program, &probe).await;
    let retained = Probe::retained(broker.address(), "home/jellyfin/#")
        .await
        .unwrap();
    assert_eq!(
        retained,
        [("home/jellyfin/power/state".to_owned(), "ON".into())].into()
    );
    is_launched(&cluster, &probe).await;
    is_deleted(&cluster, &program, &probe).await;
    program.stop().await;
    says(&probe, "home/mqtt-kube-home/status", "offline").await;
}

/// ON goes through the scale subresource, and what the controllers make of it comes back.
async fn is_switched(program: &Running, probe: &Probe) {
    says(probe, "home/jellyfin/power/state", "OFF").await;
    for command in ["ON", "OFF", "ON"] {
        probe
            .publish(&Message::new("home/jellyfin/power/set", command))
            .await
            .unwrap();
        says(probe, "home/jellyfin/power/state", command).await;
    }
    let writes = program.writes();
    let scale = "/apis/apps/v1/namespaces/media/deployments/jellyfin/scale";
    for write in &writes {
        assert_eq!(
            (&*write.method, &*write.path, write.status),
            ("PATCH", scale, Some(200))
        );
    }
    let sizes: Vec<Value> = writes
        .iter()
        .map(|write| write.json()["spec"]["replicas"].clone())
        .collect();
    assert_eq!(sizes, [1, 0, 1]);
}

/// RUN makes the Job of the template, whose status is published up to its end.
async fn is_launched(cluster: &Cluster, probe: &Probe) {
    probe
        .publish(&Message::new("home/syncer/cmd", "RUN"))
        .await
        .unwrap();
    let topic = |message: &&Message| message.topic == "home/syncer/status";
    let settled = async || {
        let job = cluster
            .jobs()
            .get("syncer")
            .await
            .map_err(|error| error.to_string())?;
        let messages = probe.messages();
        let last = messages
            .iter()
            .rfind(topic)
            .map(Message::text)
            .unwrap_or_default();
        let published: Value = serde_json::from_str(&last).unwrap_or_default();
        let done = published["succeeded"] == 1 && published == job.data["status"];
        if done { Ok((job, last)) } else { Err(last) }
    };
    let (job, last) = wait::until_ok(SOON, "the status of the finished Job", settled).await;
    let compact = serde_json::from_str::<Value>(&last).unwrap().to_string();
    assert_eq!(last, compact, "no space between the tokens");
    let states = probe.messages().iter().filter(topic).count();
    assert!(states >= 2, "the status moved {states} times");
    let metadata = serde_json::to_value(&job.metadata).unwrap();
    assert_eq!(metadata["annotations"]["asked-by"], "RUN");
    let run = metadata["labels"]["run"].as_str().unwrap();
    assert!(
        run.len() == 8 && run.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{run}"
    );
    let command = &job.data["spec"]["template"]["spec"]["containers"][0]["command"];
    assert_eq!(*command, json!(["sh", "-c", "echo syncing for syncer/cmd"]));
}

/// STOP deletes the Job after its pods.
async fn is_deleted(cluster: &Cluster, program: &Running, probe: &Probe) {
    let pods = cluster.objects("sync", "", "Pod");
    let of_job = ListParams::default().labels("job-name=syncer");
    assert_eq!(pods.list(&of_job).await.unwrap().items.len(), 1);
    probe
        .publish(&Message::new("home/syncer/cmd", "STOP"))
        .await
        .unwrap();
    vanishes(&cluster.jobs(), "syncer").await;
    assert!(pods.list(&of_job).await.unwrap().items.is_empty());
    let deletion = program.writes().pop().unwrap();
    assert_eq!(
        (&*deletion.method, &*deletion.path),
        ("DELETE", "/apis/batch/v1/namespaces/sync/jobs/syncer")
    );
    assert_eq!(deletion.json()["propagationPolicy"], "Foreground");
}

#[tokio::test]
async fn c23_a_file_whose_values_are_the_map_itself_runs_unchanged() {
    let Some(cluster) = Cluster::new("privileged", NEEDS).await else {
        return;
    };
    let broker = broker().start().await.unwrap();
    let program = cluster
        .run(&file("values-is-map.yaml"), cluster.client.clone(), 8080)
        .await;
    let probe = everything(&broker).await;
    says(&probe, "jellyfin/power/state", "OFF").await;
    let scale = Patch::Merge(json!({ "spec": { "replicas": 1 } }));
    cluster
        .deployments()
        .patch("jellyfin", &PatchParams::default(), &scale)
        .await
        .unwrap();
    says(&probe, "jellyfin/power/state", "ON").await;
    let retained = Probe::retained(broker.address(), "jellyfin/#").await.unwrap();
    assert_eq!(retained["jellyfin/power/state"], "ON");
    assert!(program.writes().is_empty(), "it only watches");
    program.stop().await;
}
