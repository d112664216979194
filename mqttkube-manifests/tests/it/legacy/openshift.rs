//! The tutorial for OpenShift: a DeploymentConfig behind Services and a Route, with and without a password file.

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::legacy::openshift;
use mqttkube_mosquitto::Version;
use serde_json::{Value, json};

use super::{assert_found, check};
use crate::objects::value_of;

#[test]
fn legacy_002_deployment_config() {
    for bundle in [openshift::bundle(), openshift::with_passwd()] {
        let probe = json!({"tcpSocket": {"port": 1883}, "initialDelaySeconds": 30, "periodSeconds": 10,
            "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3});
        let container = "/spec/template/spec/containers/0";
        check(
            value_of(&bundle, "DeploymentConfig", "mosquitto-ephemeral"),
            &[
                ("/apiVersion", json!("apps.openshift.io/v1")),
                ("/spec/replicas", json!(1)),
                ("/spec/strategy", json!({"type": "Rolling"})),
                ("/spec/selector", json!({"name": "mosquitto-ephemeral"})),
                ("/spec/triggers", Value::Null),
                (&format!("{container}/imagePullPolicy"), json!("Always")),
                (
                    &format!("{container}/ports"),
                    json!([{"containerPort": 1883, "protocol": "TCP"}, {"containerPort": 8883, "protocol": "TCP"}]),
                ),
                (&format!("{container}/livenessProbe"), probe.clone()),
                (&format!("{container}/readinessProbe"), probe),
                (
                    &format!("{container}/resources"),
                    json!({"limits": {"memory": "128Mi"}}),
                ),
                (
                    &format!("{container}/securityContext"),
                    json!({"privileged": false}),
                ),
            ],
        );
    }
    let stray = json!([{"name": "SOLUNAR_WS_LOG_LEVEL", "value": "1"}]);
    let variables = |bundle: &Bundle| {
        let config = value_of(bundle, "DeploymentConfig", "mosquitto-ephemeral");
        config["spec"]["template"]["spec"]["containers"][0]["env"].clone()
    };
    assert_eq!(variables(&openshift::bundle()), stray);
    assert_eq!(variables(&openshift::with_passwd()), Value::Null);
}

#[test]
fn legacy_002_passwd_variant_mounts_one_file() {
    let bundle = openshift::with_passwd();
    check(
        value_of(&bundle, "DeploymentConfig", "mosquitto-ephemeral"),
        &[
            (
                "/spec/template/spec/containers/0/volumeMounts",
                json!([{"name": "passwd-mount", "mountPath": "/myuser/passwd", "subPath": "passwd"}]),
            ),
            (
                "/spec/template/spec/volumes",
                json!([{"name": "passwd-mount",
                    "configMap": {"name": "passwd", "items": [{"key": "passwd", "path": "passwd"}]}}]),
            ),
        ],
    );
    let line = value_of(&bundle, "ConfigMap", "passwd")["data"]["passwd"]
        .as_str()
        .expect("text");
    assert!(line.starts_with("foo:$6$"), "one round of SHA-512: {line}");
}

#[test]
fn legacy_002_services_and_route() {
    let bundle = openshift::bundle();
    for (end, port) in [("tcp", 1883), ("tls", 8883)] {
        let name = format!("mosquitto-ephemeral-{end}");
        let ports = json!([{"name": name, "port": port, "protocol": "TCP", "targetPort": port}]);
        check(
            value_of(&bundle, "Service", &name),
            &[
                ("/spec/ports", ports),
                ("/spec/type", Value::Null),
                ("/spec/selector", json!({"name": "mosquitto-ephemeral"})),
            ],
        );
    }
    check(
        value_of(&bundle, "Route", "mosquitto-ephemeral-tls"),
        &[
            ("/spec/tls", json!({"termination": "passthrough"})),
            ("/spec/to/name", json!("mosquitto-ephemeral-tls")),
            ("/spec/port/targetPort", json!(8883)),
            ("/spec/host", json!("mosquitto.apps.example.com")),
        ],
    );
}

#[test]
fn legacy_002_defects_are_found() {
    // A deprecated kind and an image that changes; with the file passwords in a ConfigMap by subPath.
    assert_found(&openshift::bundle(), &["MK703", "MK702"]);
    assert_found(&openshift::with_passwd(), &["MK402", "MK302"]);
    let lints = mqttkube_mosquitto::lint(openshift::IMAGE_CONFIG, Version::V2_0);
    assert!(
        lints
            .iter()
            .any(|lint| lint.line == 1 && lint.message.contains("deprecated")),
        "`port` is deprecated: {lints:?}"
    );
}
