//! Certificates and passwords: what is asked for, and where they are.

use k8s_openapi::api::core::v1::Secret;
use mqttkube_manifests::broker::BridgePassword;
use mqttkube_manifests::build::{App, ExternalSecret, Store};
use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::name::ConfigKey;
use serde_json::{Value, json};

use super::{bundle, example, findings, read, with};
use crate::objects::find;

#[test]
fn a_certificate_has_the_names_that_clients_use_and_that_its_issuer_signs() {
    let names = |issuer: Value| {
        let listeners =
            json!([{"name": "mqtts", "port": 8883, "tls": {"issuer": issuer, "hosts": ["a.example.com"]}}]);
        let route = json!({"route": {"host": "b.example.com"}});
        let broker = with(json!({"listeners": listeners, "expose": [route], "platform": "openshift"}));
        find(&bundle(&broker), "Certificate", "mosquitto-mqtts-tls")
            .at("/spec/dnsNames")
            .clone()
    };
    let public = json!(["a.example.com", "b.example.com"]);
    assert_eq!(names(json!({"name": "letsencrypt"})), public);
    let all = json!([
        "a.example.com",
        "b.example.com",
        "mosquitto",
        "mosquitto.mqtt",
        "mosquitto.mqtt.svc",
        "mosquitto.mqtt.svc.cluster.local"
    ]);
    assert_eq!(names(json!({"name": "own"})), all);
    assert_eq!(
        names(json!({"name": "letsencrypt-of-ours", "public": false})),
        all
    );
}

#[test]
fn a_password_of_a_bridge_is_in_the_secret_alone_and_another_one_replaces_the_pod() {
    let built = |password: &str| {
        let mut broker = with(json!({"bridges": [
            {"name": "hub", "address": "hub.example.com:8883", "rules": ["topic a/# out 1"], "tls": {}, "username": "u"}]}));
        broker.bridges[0].password = Some(BridgePassword::Given(password.into()));
        bundle(&broker)
    };
    let (first, second) = (built("correct horse"), built("battery staple"));
    let secret: Secret = find(&first, "Secret", "mosquitto-auth")
        .to()
        .expect("it is a Secret");
    assert_eq!(secret.data.expect("it has data")["bridge-0"].0, b"correct horse");
    let others = first.objects().iter().filter(|object| object.kind() != "Secret");
    others.for_each(|object| {
        assert!(
            !object.value().to_string().contains("correct horse"),
            "{}",
            object.key()
        );
    });
    let hash = |bundle: &Bundle| {
        find(bundle, "StatefulSet", "mosquitto")
            .at("/spec/template/metadata/annotations")
            .clone()
    };
    assert_ne!(hash(&first), hash(&second));
    assert_eq!(hash(&first), hash(&built("correct horse")));
}

#[test]
fn a_secret_from_a_vault_is_as_good_as_one_in_the_bundle() {
    let app = App::new(
        "mosquitto",
        "mosquitto".parse().expect("a name"),
        "mqtt".parse().expect("a name"),
    );
    let vault = Store {
        name: "vault".parse().expect("a name"),
        for_cluster: false,
    };
    let mut users = ExternalSecret::new(&app, "mosquitto-users".parse().expect("a name"), &vault);
    users.fetch(ConfigKey::literal("sensor"), "mqtt/users", Some("sensor"));
    let mut bundle = bundle(&read(example()));
    bundle.add(users.object()).expect("it is not there yet");
    assert_eq!(findings(&bundle), Vec::<String>::new());
}
