//! The manifests in `examples/deploy`, which people copy.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use kube::api::{DynamicObject, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use mqttkube_tests::mqtt_probe::Message;
use mqttkube_tests::process::{MosquittoOptions, free_port};
use mqttkube_tests::skip::Need;
use serde_json::{Value, json};

use super::{Cluster, SOON, everything, vanishes};
use crate::bindings::scene::says;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/deploy");

impl Cluster {
    /// Runs kubectl as an administrator and returns what it prints.
    async fn kubectl(&self, args: &[&str]) -> String {
        let mut command = tokio::process::Command::new("kubectl");
        // Its own home keeps caches of other servers away, and people's configurations.
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap())
            .current_dir(FOLDER)
            .arg("--kubeconfig")
            .arg(self.plane.kubeconfig())
            .args(args);
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().await.unwrap();
        assert!(status.success(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// A client that is the ServiceAccount of the program.
    async fn service_account(&self) -> kube::Client {
        let token = self.kubectl(&["-n", "iot", "create", "token", "mqtt-kube"]).await;
        let user = json!({ "apiVersion": "v1", "kind": "Config", "current-context": "pod",
            "contexts": [{ "name": "pod", "context": { "cluster": "home", "user": "pod", "namespace": "iot" } }],
            "clusters": [{ "name": "home", "cluster": {
                "server": self.plane.url(), "certificate-authority": self.plane.folder().join("ca.crt"),
            } }],
            "users": [{ "name": "pod", "user": { "token": token.trim() } }],
        });
        let file: Kubeconfig = serde_json::from_value(user).unwrap();
        let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let mut config = config.unwrap();
        config.default_retry = false;
        kube::Client::try_from(config).unwrap()
    }

    /// Writes the files of the ConfigMap to a folder, with the broker and the port of this test.
    async fn config(&self, broker: u16, http: u16) -> PathBuf {
        let map = self
            .kubectl(&["-n", "iot", "get", "configmap", "mqtt-kube", "-o", "json"])
            .await;
        let map: Value = serde_json::from_str(&map).unwrap();
        for (name, text) in map["data"].as_object().unwrap() {
            let text = text.as_str().unwrap();
            let text = text.replace("mosquitto.iot.svc", &format!("127.0.0.1\n  port: {broker}"));
            let text = text.replace("port: 8080", &format!("bind: 127.0.0.1\n  port: {http}"));
            fs::write(self.folder.path().join(name), text).unwrap();
        }
        self.folder.path().join("home.yaml")
    }
}

#[tokio::test]
async fn a_real_api_server_accepts_the_manifests_in_restricted_namespaces() {
    let Some(cluster) = Cluster::new("restricted", &[Need::Kubectl]).await else {
        return;
    };
    let apply = [
        "apply",
        "--dry-run=server",
        "--validate=strict",
        "--warnings-as-errors",
        "-o",
        "json",
        "-f",
    ];
    cluster.kubectl(&[&apply[..], &["."]].concat()).await;
    // Of a Deployment only the pods meet the admission that can say no.
    cluster.kubectl(&["apply", "-f", "serviceaccount.yaml"]).await;
    let deployment = cluster
        .kubectl(&[&apply[..], &["deployment.yaml"]].concat())
        .await;
    let deployment: Value = serde_json::from_str(&deployment).unwrap();
    let mut pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "mqtt-kube" },
                          "spec": deployment["spec"]["template"]["spec"] });
    let pods = cluster.objects("iot", "", "Pod");
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let object = |pod: &Value| serde_json::from_value::<DynamicObject>(pod.clone()).unwrap();
    pods.create(&dry, &object(&pod)).await.unwrap();
    pod["spec"]["containers"][0]["securityContext"]["capabilities"] = Value::Null;
    let refused = pods.create(&dry, &object(&pod)).await.unwrap_err();
    assert!(refused.to_string().contains("PodSecurity"), "{refused}");
}

#[tokio::test]
async fn the_role_is_enough_for_its_bindings_and_for_nothing_else() {
    let Some(cluster) = Cluster::new("restricted", &[Need::Kubectl, Need::Mosquitto]).await else {
        return;
    };
    for file in ["serviceaccount.yaml", "roles.yaml", "config.yaml"] {
        cluster.kubectl(&["apply", "-f", file]).await;
    }
    let account = cluster.service_account().await;
    let broker = MosquittoOptions::default().start().await.unwrap();
    let http = free_port();
    let file = cluster.config(broker.port(), http).await;
    let program = cluster.run(&file, account.clone(), http).await;
    let probe = everything(&broker).await;
    let say = async |topic: &str, payload: &str| {
        probe
            .publish(&Message::new(topic, payload.to_owned()))
            .await
            .unwrap();
    };
    for command in ["ON", "OFF"] {
        say("home/jellyfin/power/set", command).await;
        says(&probe, "home/jellyfin/power/state", command).await;
    }
    say("home/syncer/cmd", "RUN").await;
    let succeeded = |message: &Message| {
        message.topic == "home/syncer/status" && message.text().contains(r#""succeeded":1"#)
    };
    probe.wait(SOON, |all| all.iter().any(succeeded)).await;
    say("home/syncer/cmd", "STOP").await;
    vanishes(&cluster.jobs(), "syncer").await;
    let refused = program.gate.log().filter(|request| request.status == Some(403));
    assert!(refused.is_empty(), "{refused:?}");
    program.stop().await;
    everything_else_is_forbidden(&account).await;
}

/// What somebody with the token of the program would try.
async fn everything_else_is_forbidden(account: &kube::Client) {
    let deployments = "/apis/apps/v1/namespaces/media/deployments";
    let jobs = "/apis/batch/v1/namespaces/sync/jobs";
    for (method, path) in [
        // another image for the media server, and everything about it
        ("PATCH", format!("{deployments}/jellyfin")),
        ("DELETE", format!("{deployments}/jellyfin")),
        // the size of somebody else
        ("PATCH", format!("{deployments}/other/scale")),
        ("GET", deployments.to_owned()),
        ("POST", deployments.to_owned()),
        ("DELETE", format!("{jobs}/backup")),
        ("DELETE", jobs.to_owned()),
        ("GET", "/api/v1/namespaces/iot/secrets".to_owned()),
        ("POST", "/api/v1/namespaces/sync/pods".to_owned()),
        (
            "POST",
            "/api/v1/namespaces/iot/serviceaccounts/mqtt-kube/token".to_owned(),
        ),
        ("GET", "/api/v1/namespaces".to_owned()),
    ] {
        let request = http::Request::builder().method(method).uri(&path).header(
            "content-type",
            if method == "PATCH" {
                "application/merge-patch+json"
            } else {
                "application/json"
            },
        );
        let request = request.body(b"{}".to_vec()).unwrap();
        let answer = account.request::<Value>(request).await;
        let code = match answer {
            Err(kube::Error::Api(status)) => status.code,
            _ => 200,
        };
        assert_eq!(code, 403, "{method} {path}");
    }
}
