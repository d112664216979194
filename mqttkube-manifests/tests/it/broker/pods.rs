//! The user and the probes of the pod.

use mqttkube_manifests::broker::Broker;
use serde_json::json;

use super::{bundle, example, newer, pod, read, with};

#[test]
fn the_user_is_that_of_the_image_or_left_to_openshift() {
    let context =
        |platform: &str| pod(&bundle(&with(json!({"platform": platform}))))["securityContext"].clone();
    let seccomp = json!({"type": "RuntimeDefault"});
    assert_eq!(
        context("openshift"),
        json!({"runAsNonRoot": true, "seccompProfile": seccomp})
    );
    assert_eq!(
        context("kubernetes"),
        json!({"runAsNonRoot": true, "runAsUser": 1883, "runAsGroup": 1883, "fsGroup": 1883,
            "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": seccomp}),
    );
}

#[test]
fn the_probe_fits_the_listeners() {
    let probe = |broker: &Broker| {
        let main = pod(&bundle(broker))["containers"][0].clone();
        let action = |name: &str| (main[name]["httpGet"].clone(), main[name]["tcpSocket"].clone());
        assert_eq!(action("startupProbe"), action("livenessProbe"));
        assert_eq!(action("startupProbe"), action("readinessProbe"));
        action("readinessProbe")
    };
    let http = (json!({"port": "http", "path": "/api/v1/version"}), json!(null));
    let tcp = |port: &str| (json!(null), json!({"port": port}));
    assert_eq!(probe(&newer()), http);
    assert_eq!(probe(&read(example())), tcp("mqtt"));
    let encrypted = json!([{"name": "mqtts", "port": 8883, "tls": {"secret": "certificate"}}]);
    assert_eq!(probe(&with(json!({"listeners": encrypted}))), tcp("mqtts"));
    // The HTTP interface would ask the plugin.
    let mut dynamic = newer();
    dynamic.auth = with(json!({"auth": {"dynamic-security": {"file": {}}}})).auth;
    assert_eq!(probe(&dynamic), tcp("mqtt"));
}
