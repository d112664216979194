//! A broker for cameras at home: certbot and Mosquitto in one container, certificates on a volume, and a node port behind a
//! HAProxy that stands outside the cluster.
//!
//! The recipe names the files of its two ConfigMaps and does not show them; here they hold the least that it needs.

use serde_json::{Value, json};

use super::bundle_of;
use crate::bundle::Bundle;

const NAMESPACE: &str = "mqtt";

const CONFIG: &str = "\
listener 8883
certfile /etc/letsencrypt/live/funkypenguin.co.nz/fullchain.pem
keyfile /etc/letsencrypt/live/funkypenguin.co.nz/privkey.pem
password_file /mosquitto/conf/passwd
allow_anonymous false
";

// The user `camera` with the password `camera`.
const PASSWD: &str = "camera:$7$101$bXF0dGt1YmUtMDAx$\
    PraTqKWBAMYALNI8+Pgz8T/cti/j0JFUiBDZYnMEPG1BU+OnZBVGpS4dqfH5F1lOsY0ZDTfbLc17KuS8gPoSOw==\n";

/// All its objects.
#[must_use]
pub fn bundle() -> Bundle {
    bundle_of([
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        secret(),
        file("mosquitto.conf", CONFIG),
        file("passwd", PASSWD),
        json!({
            "kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": meta("mqtt-volumeclaim"),
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        }),
        json!({
            "kind": "Service", "apiVersion": "v1", "metadata": meta("mqtt-nodeport"),
            "spec": {
                "selector": {"app": "mqtt"}, "type": "NodePort",
                "ports": [{"name": "mqtts", "port": 8883, "protocol": "TCP", "nodePort": 30883}]
            }
        }),
        deployment(),
    ])
}

fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": NAMESPACE})
}

/// A ConfigMap with one file, of its own name.
fn file(name: &str, text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name), "data": {name: text}})
}

/// The text `myapikeyissosecret` and twice `myemailaddress`, without a newline at the end.
fn secret() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta("mqtt-credentials"),
        "data": {
            "cloudflare-key.secret": "bXlhcGlrZXlpc3Nvc2VjcmV0",
            "cloudflare-email.secret": "bXllbWFpbGFkZHJlc3M=",
            "letsencrypt-email.secret": "bXllbWFpbGFkZHJlc3M="
        }
    })
}

fn deployment() -> Value {
    let labels = json!({"app": "mqtt"});
    let secret = |variable: &str, key: &str| json!({"name": variable, "valueFrom": {"secretKeyRef": {"name": "mqtt-credentials", "key": key}}});
    let mount =
        |name: &str, path: &str, file: &str| json!({"name": name, "mountPath": path, "subPath": file});
    json!({
        "apiVersion": "extensions/v1beta1", "kind": "Deployment",
        "metadata": {"namespace": NAMESPACE, "name": "mqtt", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "containers": [{
                    "image": "funkypenguin/mqtt-certbot-dns", "imagePullPolicy": "Always",
                    "env": [
                        {"name": "DOMAIN", "value": "*.funkypenguin.co.nz"},
                        secret("EMAIL", "letsencrypt-email.secret"),
                        secret("CLOUDFLARE_EMAIL", "cloudflare-email.secret"),
                        secret("CLOUDFLARE_KEY", "cloudflare-key.secret"),
                    ],
                    "name": "mqtt",
                    "resources": {"requests": {"memory": "50Mi", "cpu": "0.1"}},
                    "volumeMounts": [
                        {"name": "mqtt-volumeclaim", "mountPath": "/etc/letsencrypt"},
                        mount("mosquitto-conf", "/mosquitto/conf/mosquitto.conf", "mosquitto.conf"),
                        mount("mosquitto-passwd", "/mosquitto/conf/passwd", "passwd"),
                    ]
                }],
                "volumes": [
                    {"name": "mqtt-volumeclaim", "persistentVolumeClaim": {"claimName": "mqtt-volumeclaim"}},
                    {"name": "mosquitto-conf", "configMap": {"name": "mosquitto.conf"}},
                    {"name": "mosquitto-passwd", "configMap": {"name": "passwd"}}
                ]
            }}
        }
    })
}

/// The variable with which the recipe tries certificates out; its Deployment has it as a comment.
#[must_use]
pub fn test_certificate() -> Value {
    json!({"name": "TESTCERT", "value": "true"})
}
