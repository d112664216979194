//! `mqtt-kube` as a process between Mosquitto and a Kubernetes control plane. Controllers, a scheduler and pretended
//! pods move the status of what it scales and launches.

mod check_cluster;
mod deploy;
mod files;
mod manifests_apply;

use std::fs;
use std::path::Path;
use std::time::Duration;

use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use mqttkube_tests::api_faults::{ApiServer, Gate, Logged};
use mqttkube_tests::mqtt_probe::{Options, Probe};
use mqttkube_tests::process::{ControlPlane, ControlPlaneOptions, Mosquitto, Process};
use mqttkube_tests::program::{self, get};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::bindings::scene::create;

/// How long a controller may take for its next step.
const SOON: Duration = Duration::from_secs(30);

/// The namespaces `media` and `sync`, with a media server that is off and no Job.
struct Cluster {
    plane: &'static ControlPlane,
    client: kube::Client,
    folder: TempDir,
    /// The names in the files are fixed, so one test at a time has the cluster.
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    /// `None` when something is missing. `level` is the Pod Security Standard of the namespaces.
    async fn new(level: &str, needs: &[Need]) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::const_new(());
        static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
        let turn = TURN.lock().await;
        let plane = [
            Need::ApiServer,
            Need::ControllerManager,
            Need::Scheduler,
            Need::Kwok,
        ];
        if lacks(&[needs, &plane].concat()) {
            return None;
        }
        let plane = PLANE
            .get_or_init(async || ControlPlaneOptions::default().pods().start().await.unwrap())
            .await;
        let cluster = Self {
            plane,
            // A client belongs to the runtime of its test.
            client: plane.client().await.unwrap(),
            folder: TempDir::new().unwrap(),
            _turn: turn,
        };
        for name in ["iot", "media", "sync"] {
            cluster.namespace(name, level).await;
        }
        gone(&cluster.deployments(), "jellyfin").await;
        gone(&cluster.jobs(), "syncer").await;
        create(&cluster.deployments(), media_server()).await;
        Some(cluster)
    }

    async fn namespace(&self, name: &str, level: &str) {
        let labels = json!({
            "pod-security.kubernetes.io/enforce": level,
            "pod-security.kubernetes.io/warn": level,
        });
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace",
                                "metadata": { "name": name, "labels": labels } });
        let namespaces = Api::<DynamicObject>::all_with(self.client.clone(), &resource("", "Namespace"));
        let apply = PatchParams::apply("tests").force();
        namespaces
            .patch(name, &apply, &Patch::Apply(namespace))
            .await
            .unwrap();
    }

    fn objects(&self, namespace: &str, group: &str, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(group, kind))
    }

    fn deployments(&self) -> Api<DynamicObject> {
        self.objects("media", "apps", "Deployment")
    }

    fn jobs(&self) -> Api<DynamicObject> {
        self.objects("sync", "batch", "Job")
    }

    /// Runs a file. The program reaches the API server as `client`, and every request is written down.
    async fn run(&self, file: &Path, client: kube::Client, http: u16) -> Running {
        let gate = Gate::before(client);
        let server = gate.serve().await.unwrap();
        let kubeconfig = self.folder.path().join("gate.kubeconfig");
        fs::write(&kubeconfig, server.kubeconfig()).unwrap();
        let process = start(&["run", file.to_str().unwrap()], &kubeconfig, self.folder.path());
        let ready = async || match get(http, "/readyz").await {
            Some((200, _)) => Ok(()),
            other => Err((other, process.tail())),
        };
        wait::until_ok(SOON, "readiness", ready).await;
        Running {
            process,
            gate,
            _server: server,
        }
    }
}

/// The program while it runs.
struct Running {
    process: Process,
    gate: Gate,
    _server: ApiServer,
}

impl Running {
    fn writes(&self) -> Vec<Logged> {
        self.gate.log().filter(|request| request.method != "GET")
    }

    async fn stop(mut self) {
        self.process.terminate();
        let ended = self.process.ended(Duration::from_secs(10)).await.unwrap();
        assert_eq!(ended.code(), Some(0), "{}", self.process.tail());
    }
}

/// Starts the program with a kubeconfig; its output goes to `log` in a folder.
fn start(args: &[&str], kubeconfig: &Path, folder: &Path) -> Process {
    program::spec("mqtt-kube", folder.join("log"))
        .args(args)
        .env("KUBECONFIG", kubeconfig)
        .directory(folder)
        .start()
        .unwrap()
}

/// Somebody who sees everything.
async fn everything(broker: &Mosquitto) -> Probe {
    let probe = Probe::connect(broker.address(), Options::default())
        .await
        .unwrap();
    probe.subscribe("#", 1).await.unwrap();
    probe
}

fn resource(group: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind))
}

/// Deletes an object if it is there, and waits until it is not.
async fn gone(objects: &Api<DynamicObject>, name: &str) {
    // It is not there most of the time.
    let _ = objects.delete(name, &DeleteParams::background()).await;
    vanishes(objects, name).await;
}

async fn vanishes(objects: &Api<DynamicObject>, name: &str) {
    let absent = async || match objects.get_opt(name).await {
        Ok(None) => Ok(()),
        other => Err(other),
    };
    wait::until_ok(SOON, "end of the object", absent).await;
}

/// A Deployment whose pods are allowed everywhere.
fn media_server() -> Value {
    let labels = json!({ "app": "jellyfin" });
    let container = json!({
        "name": "jellyfin",
        "image": "docker.io/jellyfin/jellyfin:10",
        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
    });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "jellyfin" },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": {
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": { "type": "RuntimeDefault" },
                },
                "containers": [container],
            } },
        },
    })
}
