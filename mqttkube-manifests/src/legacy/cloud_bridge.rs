//! A broker with a bridge to Google's IoT Core (switched off in 2023), and a refresher that writes a new token into the
//! broker's configuration and then ends the broker by a signal.
//!
//! Published as a kustomize base with an overlay: [`kustomize`] gives the files, [`bundle`] what they build, with the
//! ConfigMap under its plain name.

use serde_json::{Value, json};

use super::bundle_of;
use crate::bundle::Bundle;

/// The configuration that the refresher fills in: every capital word is replaced as plain text.
pub const TEMPLATE: &str = "\
# Filled in by the refresher at each renewal of the token
connection google_cloud_iot
address mqtt.googleapis.com:443
topic \"\" out 1 gcp/events /devices/CONFIG_DEVICE_ID/events
topic \"\" out 1 gcp/state /devices/CONFIG_DEVICE_ID/state
topic # out 1 gcp/events/ /devices/CONFIG_DEVICE_ID/events/
topic \"\" in 1 gcp/config /devices/CONFIG_DEVICE_ID/config
topic \"\" in 1 gcp/commands /devices/CONFIG_DEVICE_ID/commands
topic # in 1 gcp/commands/ /devices/CONFIG_DEVICE_ID/commands/
bridge_protocol_version mqttv311
bridge_insecure true
pid_file /tmp/mosquitto.pid
persistence true
persistence_location /tmp/mosquitto/
remote_clientid projects/CONFIG_PROJECT_ID/locations/CONFIG_LOCATION/registries/CONFIG_REGISTRY/devices/CONFIG_DEVICE_ID
local_clientid projects/CONFIG_PROJECT_ID/locations/CONFIG_LOCATION/registries/CONFIG_REGISTRY/devices/CONFIG_DEVICE_ID
start_type automatic
notifications false
log_type all
require_certificate false
try_private false
log_dest stderr
connection_messages true
keepalive_interval 60
remote_username unused
remote_password GOOGLE_CLOUD_JWT
bridge_cafile BASE_DIR/roots.pem
";

const ROOTS: &str = "-----BEGIN CERTIFICATE-----\nroots of the cloud\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nkey of the device\n-----END EC PRIVATE KEY-----\n";
const REFRESHER: &str =
    "gcr.io/my-project/refresher@sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// Base and overlay, built.
#[must_use]
pub fn bundle() -> Bundle {
    let mut deployment = deployment();
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(REFRESHER);
    let files = json!({"roots.pem": ROOTS, "bridge.conf.tmpl": TEMPLATE, "ec_private.pem": KEY});
    let config =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mqtt-conf"}, "data": files});
    bundle_of([device_config(), config, service(), deployment])
}

/// The files of base and overlay, by path; what is no YAML is text.
#[must_use]
pub fn kustomize() -> Vec<(&'static str, Value)> {
    vec![
        ("base/deployment.yaml", deployment()),
        ("base/service.yaml", service()),
        ("base/etc-mqtt/roots.pem", json!(ROOTS)),
        ("base/etc-mqtt/bridge.conf.tmpl", json!(TEMPLATE)),
        (
            "base/kustomization.yaml",
            json!({
                "resources": ["deployment.yaml", "service.yaml"],
                "configMapGenerator": [{"name": "mqtt-conf",
                    "files": ["etc-mqtt/roots.pem", "etc-mqtt/bridge.conf.tmpl"]}]
            }),
        ),
        ("bridge/device-config.yaml", device_config()),
        (
            "bridge/project-image.yaml",
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "iot-core-bridge"},
                "spec": {"template": {"spec": {"containers": [{"name": "refresher", "image": REFRESHER}]}}}
            }),
        ),
        ("bridge/ec_private.pem", json!(KEY)),
        (
            "bridge/kustomization.yaml",
            json!({
                "bases": ["../base"],
                "resources": ["device-config.yaml"],
                "patchesStrategicMerge": ["project-image.yaml"],
                "configMapGenerator": [{"name": "mqtt-conf", "behavior": "merge", "files": ["ec_private.pem"]}]
            }),
        ),
    ]
}

/// The pod for trying it out, as `kubectl run NAME -i --tty` makes it: an image with `pub` and `sub`.
#[must_use]
pub fn client(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"run": name}},
        "spec": {"containers": [{"name": name, "image": "gcr.io/my-project/mqtt-client", "args": ["/bin/sh"],
            "stdin": true, "stdinOnce": true, "tty": true}]}
    })
}

fn device_config() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "device-config"},
        "data": {
            "PROJECT_ID": "my-project", "REGISTRY_ID": "gadgets", "BRIDGE_DEVICE_ID": "bridge",
            "CLOUD_REGION": "us-central1", "JWT_EXPIRATION_MINUTES": "600", "CONFIG_REFRESH_MINUTES": "500"
        }
    })
}

fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "mqtt-bridge", "namespace": "default"},
        "spec": {
            "type": "LoadBalancer", "loadBalancerIP": "", "selector": {"app": "iot-core-bridge"},
            "ports": [{"protocol": "TCP", "port": 1883, "targetPort": 1883}]
        }
    })
}

fn deployment() -> Value {
    let labels = json!({"app": "iot-core-bridge"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "iot-core-bridge", "labels": labels},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "shareProcessNamespace": true,
                "containers": [refresher(), mosquitto()],
                "volumes": [
                    {"name": "mqtt-conf", "configMap": {"name": "mqtt-conf"}},
                    {"name": "mosquitto-conf", "emptyDir": {}},
                    {"name": "mosquitto-persist", "emptyDir": {}}
                ]
            }}
        }
    })
}

fn refresher() -> Value {
    json!({
        "name": "refresher", "image": "gcr.io/iot-mqtt-bridge/refresher",
        "envFrom": [{"configMapRef": {"name": "device-config"}}],
        "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}},
        "resources": {"limits": {"cpu": "1", "memory": "200Mi"}, "requests": {"cpu": "0.2"}},
        "volumeMounts": [
            {"name": "mqtt-conf", "mountPath": "/etc/mqtt"},
            {"name": "mosquitto-conf", "mountPath": "/mosquitto/config"}
        ]
    })
}

fn mosquitto() -> Value {
    json!({
        "name": "mosquitto", "image": "eclipse-mosquitto",
        "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}},
        "resources": {"limits": {"cpu": "1", "memory": "200Mi"}, "requests": {"cpu": "0.1"}},
        "ports": [{"name": "mqtt", "containerPort": 1883}],
        "volumeMounts": [
            {"name": "mqtt-conf", "mountPath": "/etc/mqtt"},
            {"name": "mosquitto-conf", "mountPath": "/mosquitto/config"},
            {"name": "mosquitto-persist", "mountPath": "/tmp/mosquitto"}
        ]
    })
}
