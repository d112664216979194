//! The service that binds topics to objects, as the readme of the Python program deploys it.

use serde_json::{Value, json};

use super::bundle_of;
use crate::bundle::Bundle;

const NAMESPACE: &str = "iot";

const CONFIG: &str = "\
mqtt:
  host: mosquitto
  client-id: mqtt-kube
bindings:
- namespace: sync
  resource: Job
  name: syncer
  action:
  - topic: syncer/cmd
    launch: !relpath syncer-job.yaml
    values:
      map:
        \"RUN\": \"launch\"
        \"STOP\": \"delete\"
";

/// All its objects.
#[must_use]
pub fn bundle() -> Bundle {
    bundle_of([account(), rights(), config(), deployment()])
}

/// The Job that a message starts: it may run for a minute, is tried once, and vanishes after five minutes.
#[must_use]
pub fn job() -> Value {
    let amounts = json!({"memory": "32Mi", "cpu": "10m"});
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "syncer", "namespace": "sync"},
        "spec": {
            "activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 300, "backoffLimit": 0,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{
                "name": "syncer", "image": "busybox:1.37", "command": ["sh", "-c", "echo synchronised"],
                "resources": {"requests": amounts, "limits": amounts}
            }]}}
        }
    })
}

fn account() -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "mqtt-kube", "namespace": NAMESPACE}})
}

fn rights() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "iot-mqtt-kube"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "mqtt-kube", "namespace": NAMESPACE}]
    })
}

fn config() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mqtt-kube-config", "namespace": NAMESPACE},
        "data": {"config.yaml": CONFIG, "syncer-job.yaml": format!("{:#}\n", job())}
    })
}

/// Without selector and without labels, as published.
fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "mqtt-kube", "namespace": NAMESPACE},
        "spec": {"template": {"spec": {
            "serviceAccountName": "mqtt-kube",
            "volumes": [{"name": "config", "configMap": {"name": "mqtt-kube-config"}}],
            "containers": [{
                "name": "mqtt-kube", "image": "sourcesimian/mqtt-kube:latest",
                "command": ["/usr/local/bin/mqtt-kube"], "args": ["/config/config.yaml"],
                "volumeMounts": [{"name": "config", "mountPath": "/config"}],
                "livenessProbe": {"initialDelaySeconds": 30, "periodSeconds": 30,
                    "httpGet": {"path": "/api/health", "port": 8080}}
            }]
        }}}
    })
}
