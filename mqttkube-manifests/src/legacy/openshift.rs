//! A broker for OpenShift: a DeploymentConfig, a Service for each port, and a Route that passes TLS on.
//!
//! [`bundle`] runs what the image holds, [`with_passwd`] puts a file of a ConfigMap in place of the image's passwords.

use serde_json::{Value, json};

use super::bundle_of;
use crate::bundle::Bundle;

const NAME: &str = "mosquitto-ephemeral";

/// The configuration inside the image. It is in no object; here to be looked at and migrated.
pub const IMAGE_CONFIG: &str = "\
port 1883
password_file /myuser/passwd
listener 8883
certfile /myuser/server.crt
cafile /myuser/ca.crt
keyfile /myuser/server.key
";

// The user `foo` with the password `foo`, as the tool of that time wrote it: one round of SHA-512.
const PASSWD: &str = "foo:$6$bXF0dGt1YmUtMDAy$\
    9HGFyMGmbxkdTgBmvuHbDpG/bhb0JRydvSGLhk3bIyULBpPQwCRhM4ujsELR6vzKwwwZUJhyYULAneEInflDWw==\n";

/// What the image holds.
#[must_use]
pub fn bundle() -> Bundle {
    let mut config = deployment_config();
    // A variable of another program that was left in the published file.
    config["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "SOLUNAR_WS_LOG_LEVEL", "value": "1"}]);
    bundle_of([service("tcp", 1883), service("tls", 8883), config, route()])
}

/// The same with a password file of one's own.
#[must_use]
pub fn with_passwd() -> Bundle {
    let mut config = deployment_config();
    let pod = &mut config["spec"]["template"]["spec"];
    pod["containers"][0]["volumeMounts"] =
        json!([{"name": "passwd-mount", "mountPath": "/myuser/passwd", "subPath": "passwd"}]);
    pod["volumes"] = json!([{"name": "passwd-mount",
        "configMap": {"name": "passwd", "items": [{"key": "passwd", "path": "passwd"}]}}]);
    let passwd = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "passwd"},
        "data": {"passwd": PASSWD}});
    bundle_of([
        passwd,
        service("tcp", 1883),
        service("tls", 8883),
        config,
        route(),
    ])
}

fn service(end: &str, port: u16) -> Value {
    let name = format!("{NAME}-{end}");
    json!({
        "kind": "Service", "apiVersion": "v1", "metadata": {"name": name},
        "spec": {
            "ports": [{"name": name, "port": port, "protocol": "TCP", "targetPort": port}],
            "selector": {"name": NAME}
        }
    })
}

/// What `oc create route passthrough --service NAME-tls --port 8883 --hostname HOST` makes.
fn route() -> Value {
    let service = format!("{NAME}-tls");
    json!({
        "apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": {"name": service},
        "spec": {
            "host": "mosquitto.apps.example.com",
            "port": {"targetPort": 8883},
            "to": {"kind": "Service", "name": service},
            "tls": {"termination": "passthrough"}
        }
    })
}

fn deployment_config() -> Value {
    let probe = json!({"tcpSocket": {"port": 1883}, "initialDelaySeconds": 30, "periodSeconds": 10,
        "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3});
    json!({
        "kind": "DeploymentConfig", "apiVersion": "apps.openshift.io/v1", "metadata": {"name": NAME},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Rolling"},
            "selector": {"name": NAME},
            "template": {"metadata": {"name": NAME, "labels": {"name": NAME}}, "spec": {"containers": [{
                "name": NAME, "image": "quay.io/kboone/mosquitto-ephemeral:latest", "imagePullPolicy": "Always",
                "ports": [{"containerPort": 1883, "protocol": "TCP"}, {"containerPort": 8883, "protocol": "TCP"}],
                "livenessProbe": probe, "readinessProbe": probe,
                "resources": {"limits": {"memory": "128Mi"}},
                "securityContext": {"privileged": false}
            }]}}
        }
    })
}
