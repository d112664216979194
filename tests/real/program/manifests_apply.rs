//! `mqttkube-manifests diff` and `apply` against a real API server, with pods that are pretended.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use mqttkube_tests::process::free_port;
use mqttkube_tests::program;
use serde_json::json;

use super::{Cluster, resource};

const SPEC: &str = r#"kind: Broker
name: mosquitto
namespace: brokers
create-namespace: true
version: "2.0"
image: docker.io/library/eclipse-mosquitto:2.0.22
listeners:
  - {name: mqtt, port: 1883}
auth:
  users:
    - {name: sensor, hash: "HASH"}
persistence: {size: 1Gi}
expose:
  - {node-port: {mqtt: 30999}}
resources: {cpu: 10m, memory: 64Mi}
"#;

const HASH: &str = "$7$1000$BsGpfh3j+3QH9Vju$6ugT7423wrD7lV5Rp9STunTGN9dqag5QeWozDpaA4aRK8VsqmJAvoA3cCo0igthQfwDO3fpVpZfATnVkvKL6Cg==";

/// Exit status and everything that was printed.
struct Done {
    status: Option<i32>,
    told: String,
}

/// Calls the program with a kubeconfig.
async fn call(cluster: &Cluster, kubeconfig: &Path, args: &[&str]) -> Done {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let number = CALLS.fetch_add(1, Ordering::Relaxed);
    let log = cluster.folder.path().join(format!("manifests-{number}.log"));
    let mut process = program::spec("mqttkube-manifests", log)
        .args(args)
        .env("KUBECONFIG", kubeconfig)
        .directory(cluster.folder.path())
        .start()
        .unwrap();
    let ended = process.ended(Duration::from_secs(150)).await.unwrap();
    Done {
        status: ended.code(),
        told: process.output(),
    }
}

impl Done {
    #[track_caller]
    fn check(&self, status: i32, lines: &[&str]) {
        assert_eq!(self.status, Some(status), "{}", self.told);
        for line in lines {
            assert!(self.told.contains(line), "{line} is missing in:\n{}", self.told);
        }
    }

    #[track_caller]
    fn lacks(&self, text: &str) {
        assert!(!self.told.contains(text), "{text} is in:\n{}", self.told);
    }
}

/// A volume for the claim of the broker: nobody here provides any.
async fn volume(cluster: &Cluster) {
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "brokers-data"},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "claimRef": {"namespace": "brokers", "name": "data-mosquitto-0"},
            "hostPath": {"path": "/nowhere"},
        },
    });
    let volumes = Api::<DynamicObject>::all_with(cluster.client.clone(), &resource("", "PersistentVolume"));
    let volume = serde_json::from_value(volume).unwrap();
    volumes.create(&PostParams::default(), &volume).await.unwrap();
}

#[tokio::test]
async fn a_spec_is_compared_applied_waited_for_and_pruned() {
    let Some(cluster) = Cluster::new("restricted", &[]).await else {
        return;
    };
    let kubeconfig = cluster.plane.kubeconfig();
    let run = async |args: &[&str]| call(&cluster, &kubeconfig, args).await;
    let spec = |text: &str| fs::write(cluster.folder.path().join("broker.yaml"), text).unwrap();
    spec(&SPEC.replace("HASH", HASH));
    let set = "StatefulSet/brokers/mosquitto";
    let services = cluster.objects("brokers", "", "Service");

    // Nothing is there, and a dry run leaves it so.
    let would = format!("{set}: would be created");
    run(&["diff", "broker.yaml"])
        .await
        .check(1, &["Namespace/brokers: would be created", &would]);
    run(&["apply", "broker.yaml", "--dry-run"])
        .await
        .check(0, &[&would]);
    assert!(
        services
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );

    // Applied, with all of it ready; then there is nothing to do.
    volume(&cluster).await;
    let created = format!("{set}: created");
    run(&["apply", "broker.yaml", "--prune"])
        .await
        .check(0, &[&created, "objects, all ready"]);
    let same = run(&["diff", "broker.yaml", "--prune"]).await;
    same.check(0, &[]);
    same.lacks("would be");
    let again = run(&["apply", "broker.yaml", "--prune", "--wait", "0"]).await;
    again.check(0, &[&format!("{set}: unchanged")]);
    again.lacks(": changed");
    again.lacks("created");

    // What changes is shown, unless it is secret.
    let other = HASH.replace("Cg==", "Dg==");
    spec(&SPEC.replace("HASH", &other).replace("64Mi", "96Mi"));
    let changes = run(&["diff", "broker.yaml", "--prune"]).await;
    changes.check(
        1,
        &["\"64Mi\" -> \"96Mi\"", "/data/passwd: differs, and is secret"],
    );
    changes.lacks("6ugT7423");
    changes.lacks("deleted");

    // Without the node port its Service goes, and the claim would stay if it were the broker that goes.
    let smaller = SPEC.replace("HASH", HASH);
    let smaller = smaller.replace("expose:\n  - {node-port: {mqtt: 30999}}\n", "");
    spec(&smaller);
    let gone = "Service/brokers/mosquitto-node-port: would be deleted";
    run(&["diff", "broker.yaml"]).await.lacks("would be deleted");
    run(&["diff", "broker.yaml", "--prune"]).await.check(1, &[gone]);
    run(&["apply", "broker.yaml", "--prune", "--dry-run"])
        .await
        .check(0, &[gone]);
    assert!(services.get_opt("mosquitto-node-port").await.unwrap().is_some());
    run(&["apply", "broker.yaml", "--prune"])
        .await
        .check(0, &["Service/brokers/mosquitto-node-port: deleted"]);
    super::vanishes(&services, "mosquitto-node-port").await;
    assert!(services.get_opt("mosquitto").await.unwrap().is_some());
}

#[tokio::test]
async fn a_failure_is_told_from_a_difference_and_from_a_bad_spec() {
    let Some(cluster) = Cluster::new("restricted", &[]).await else {
        return;
    };
    let kubeconfig = cluster.plane.kubeconfig();
    let run = async |args: &[&str]| call(&cluster, &kubeconfig, args).await;
    let spec = SPEC.replace("HASH", HASH).replace("brokers", "iot");
    let spec = spec
        .replace("create-namespace: true\n", "")
        .replace("30999", "30998");
    let path = cluster.folder.path().join("broker.yaml");
    fs::write(&path, &spec).unwrap();

    // Applied, and never ready: there is no volume for its claim.
    let set = "StatefulSet/iot/mosquitto";
    run(&["apply", "broker.yaml", "--wait", "2"]).await.check(
        1,
        &[&format!("{set}: created"), &format!("{set}: not ready after 2s")],
    );

    // Somebody else says how many there are.
    let sets = cluster.objects("iot", "apps", "StatefulSet");
    let theirs = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "mosquitto"},
        "spec": {"replicas": 0}});
    let somebody = PatchParams::apply("somebody").force();
    sets.patch("mosquitto", &somebody, &Patch::Apply(theirs))
        .await
        .unwrap();
    let owned = format!("{set}: somebody else owns fields of it");
    run(&["diff", "broker.yaml"]).await.check(3, &[&owned]);
    let refused = run(&[
        "apply",
        "broker.yaml",
        "--wait",
        "0",
        "--set",
        "resources.memory=96Mi",
    ])
    .await;
    refused.check(1, &[&owned]);
    refused.lacks(": changed");
    run(&["diff", "broker.yaml", "--force"])
        .await
        .check(1, &["/spec/replicas: 0 -> 1"]);
    run(&["apply", "broker.yaml", "--force", "--wait", "0"])
        .await
        .check(0, &[&format!("{set}: changed")]);

    // Nobody answers.
    let text = fs::read_to_string(&kubeconfig).unwrap();
    let nobody = text.replace(
        &format!("127.0.0.1:{}", cluster.plane.port()),
        &format!("127.0.0.1:{}", free_port()),
    );
    let unreachable = cluster.folder.path().join("nobody.kubeconfig");
    fs::write(&unreachable, nobody).unwrap();
    call(&cluster, &unreachable, &["diff", "broker.yaml"])
        .await
        .check(3, &["the API server does not answer"]);
    call(&cluster, &unreachable, &["apply", "broker.yaml"])
        .await
        .check(1, &["the API server does not answer"]);
    run(&["diff", "broker.yaml", "--context", "elsewhere"])
        .await
        .check(3, &["there is no such context"]);

    // The file is wrong; that is seen before anybody is asked.
    fs::write(&path, spec.replace("port: 1883", "port: 0")).unwrap();
    for command in ["diff", "apply"] {
        call(&cluster, &unreachable, &[command, "broker.yaml"])
            .await
            .check(2, &["broker.yaml:7:24: error: `0` is no port"]);
    }
    super::gone(&sets, "mosquitto").await;
}
