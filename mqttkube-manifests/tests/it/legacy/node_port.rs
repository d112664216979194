//! The tutorial with a broker behind a NodePort, which orders its certificates itself.

use mqttkube_manifests::legacy::node_port;
use serde_json::{Value, json};

use super::{assert_found, check, names};
use crate::objects::value_of;

#[test]
fn legacy_001_namespace_claim_and_service() {
    let bundle = node_port::bundle();
    let expected = [
        "Namespace mqtt",
        "Secret mqtt-credentials",
        "ConfigMap mosquitto.conf",
        "ConfigMap passwd",
        "PersistentVolumeClaim mqtt-volumeclaim",
        "Service mqtt-nodeport",
        "Deployment mqtt",
    ];
    assert_eq!(names(&bundle), expected);
    check(
        value_of(&bundle, "PersistentVolumeClaim", "mqtt-volumeclaim"),
        &[
            ("/metadata/namespace", json!("mqtt")),
            ("/spec/accessModes", json!(["ReadWriteOnce"])),
            ("/spec/resources/requests/storage", json!("1Gi")),
        ],
    );
    check(
        value_of(&bundle, "Service", "mqtt-nodeport"),
        &[
            ("/spec/type", json!("NodePort")),
            ("/spec/selector", json!({"app": "mqtt"})),
            (
                "/spec/ports",
                json!([{"name": "mqtts", "port": 8883, "protocol": "TCP", "nodePort": 30883}]),
            ),
        ],
    );
}

#[test]
fn legacy_001_secret_without_newlines_and_config_maps_with_a_key_of_their_name() {
    let bundle = node_port::bundle();
    // base64 of myapikeyissosecret and of myemailaddress, without a newline at the end.
    let mail = json!("bXllbWFpbGFkZHJlc3M=");
    check(
        value_of(&bundle, "Secret", "mqtt-credentials"),
        &[
            ("/data/cloudflare-key.secret", json!("bXlhcGlrZXlpc3Nvc2VjcmV0")),
            ("/data/cloudflare-email.secret", mail.clone()),
            ("/data/letsencrypt-email.secret", mail),
        ],
    );
    for name in ["mosquitto.conf", "passwd"] {
        let data = value_of(&bundle, "ConfigMap", name)["data"]
            .as_object()
            .expect("a map");
        assert_eq!(data.keys().collect::<Vec<_>>(), [name]);
    }
}

#[test]
fn legacy_001_deployment() {
    let bundle = node_port::bundle();
    let container = "/spec/template/spec/containers/0";
    let deployment = value_of(&bundle, "Deployment", "mqtt");
    check(
        deployment,
        &[
            ("/apiVersion", json!("extensions/v1beta1")),
            ("/spec/replicas", json!(1)),
            ("/spec/strategy", Value::Null),
            (
                &format!("{container}/image"),
                json!("funkypenguin/mqtt-certbot-dns"),
            ),
            (&format!("{container}/imagePullPolicy"), json!("Always")),
            (
                &format!("{container}/resources"),
                json!({"requests": {"memory": "50Mi", "cpu": "0.1"}}),
            ),
            (
                &format!("{container}/env/0"),
                json!({"name": "DOMAIN", "value": "*.funkypenguin.co.nz"}),
            ),
            (
                &format!("{container}/volumeMounts"),
                json!([
                    {"name": "mqtt-volumeclaim", "mountPath": "/etc/letsencrypt"},
                    {"name": "mosquitto-conf", "mountPath": "/mosquitto/conf/mosquitto.conf", "subPath": "mosquitto.conf"},
                    {"name": "mosquitto-passwd", "mountPath": "/mosquitto/conf/passwd", "subPath": "passwd"}]),
            ),
            (
                "/spec/template/spec/volumes/1/configMap/name",
                json!("mosquitto.conf"),
            ),
            ("/spec/template/spec/volumes/2/configMap/name", json!("passwd")),
        ],
    );
    let variables = deployment
        .pointer(&format!("{container}/env"))
        .and_then(Value::as_array)
        .expect("a list");
    let secrets: Vec<_> = variables[1..]
        .iter()
        .map(|variable| {
            let key = &variable["valueFrom"]["secretKeyRef"]["key"];
            format!(
                "{} {}",
                variable["name"].as_str().unwrap_or("?"),
                key.as_str().unwrap_or("?")
            )
        })
        .collect();
    let expected = [
        "EMAIL letsencrypt-email.secret",
        "CLOUDFLARE_EMAIL cloudflare-email.secret",
        "CLOUDFLARE_KEY cloudflare-key.secret",
    ];
    assert_eq!(secrets, expected);
    assert_eq!(
        node_port::test_certificate(),
        json!({"name": "TESTCERT", "value": "true"})
    );
}

#[test]
fn legacy_001_defects_are_found() {
    // A removed API, passwords in a ConfigMap, subPath, a rolling update on one volume, an image without version.
    assert_found(
        &node_port::bundle(),
        &["MK701", "MK402", "MK302", "MK604", "MK702"],
    );
}
