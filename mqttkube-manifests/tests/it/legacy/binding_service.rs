//! The manifests of mqtt-kube as they were: administrator of the cluster, with a Job to start.

use mqttkube_manifests::legacy::binding_service;
use serde_json::{Value, json};

use super::{assert_found, check};
use crate::objects::value_of;

#[test]
fn legacy_003_account_rights_and_configuration() {
    let bundle = binding_service::bundle();
    let account = json!([{"kind": "ServiceAccount", "name": "mqtt-kube", "namespace": "iot"}]);
    check(
        value_of(&bundle, "ClusterRoleBinding", "iot-mqtt-kube"),
        &[
            ("/roleRef/name", json!("cluster-admin")),
            ("/roleRef/kind", json!("ClusterRole")),
            ("/subjects", account),
        ],
    );
    check(
        value_of(&bundle, "ServiceAccount", "mqtt-kube"),
        &[("/metadata/namespace", json!("iot"))],
    );
    let config = value_of(&bundle, "ConfigMap", "mqtt-kube-config");
    assert!(config["data"]["config.yaml"].is_string());
}

#[test]
fn legacy_003_deployment_without_selector_and_labels() {
    let container = "/spec/template/spec/containers/0";
    check(
        value_of(&binding_service::bundle(), "Deployment", "mqtt-kube"),
        &[
            ("/spec/selector", Value::Null),
            ("/spec/template/metadata", Value::Null),
            ("/spec/template/spec/serviceAccountName", json!("mqtt-kube")),
            (
                "/spec/template/spec/volumes",
                json!([{"name": "config", "configMap": {"name": "mqtt-kube-config"}}]),
            ),
            (
                &format!("{container}/command"),
                json!(["/usr/local/bin/mqtt-kube"]),
            ),
            (&format!("{container}/args"), json!(["/config/config.yaml"])),
            (
                &format!("{container}/volumeMounts"),
                json!([{"name": "config", "mountPath": "/config"}]),
            ),
            (
                &format!("{container}/livenessProbe"),
                json!({"initialDelaySeconds": 30, "periodSeconds": 30,
                    "httpGet": {"path": "/api/health", "port": 8080}}),
            ),
            (&format!("{container}/ports"), Value::Null),
        ],
    );
}

#[test]
fn legacy_003_job() {
    let amounts = json!({"memory": "32Mi", "cpu": "10m"});
    check(
        &binding_service::job(),
        &[
            ("/spec/activeDeadlineSeconds", json!(60)),
            ("/spec/ttlSecondsAfterFinished", json!(300)),
            ("/spec/backoffLimit", json!(0)),
            (
                "/spec/template/spec/containers/0/resources",
                json!({"requests": amounts, "limits": amounts}),
            ),
        ],
    );
}

#[test]
fn legacy_003_defects_are_found() {
    // cluster-admin, a workload without selector, an image that changes, privilege escalation.
    assert_found(&binding_service::bundle(), &["MK801", "MK109", "MK702", "MK507"]);
}
