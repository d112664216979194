//! The model of a broker, and what it becomes.

mod configuration;
mod network;
mod pods;
mod secrets;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, PersistentVolumeClaim, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use mqttkube_manifests::broker::{Broker, Cluster};
use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::object::Object;
use serde_json::{Value, json};

use crate::objects::find;

pub(crate) const HASH: &str = "$7$101$AQEBAQEBAQEBAQEB$bQ/bPeDkrhd4Vzs5oZ8dKXSVSF3B41LkgmCZlM9RwEiEzhqN22LmtEnfg5rmkPDLTP1cTGpvLkM8nXg1LxgUKA==";

/// The example of the documentation.
pub(crate) fn example() -> Value {
    json!({
        "name": "mosquitto",
        "namespace": "mqtt",
        "version": "2.0",
        "image": "eclipse-mosquitto:2.0.22",
        "listeners": [
            {"name": "mqtt", "port": 1883},
            {"name": "mqtts", "port": 8883, "tls": {
                "issuer": {"name": "letsencrypt", "kind": "ClusterIssuer"}, "hosts": ["mqtt.example.com"]}},
        ],
        "auth": {
            "users": [
                {"name": "sensor", "password": {"secret": "mosquitto-users", "key": "sensor"}},
                {"name": "panel", "hash": HASH},
            ],
            "acl": [{"user": "sensor", "write": ["sensors/#"]}, {"user": "panel", "read": ["#"]}],
        },
        "persistence": {"size": "1Gi"},
        "expose": [{"node-port": {"mqtts": 30883}}],
        "resources": {"cpu": "100m", "memory": "64Mi"},
    })
}

pub(crate) fn read(spec: Value) -> Broker {
    serde_json::from_value(spec).expect("it is a broker")
}

/// The example with some members replaced.
pub(crate) fn with(changes: Value) -> Broker {
    let mut spec = example();
    let Value::Object(changes) = changes else {
        panic!("changes are a map")
    };
    spec.as_object_mut().expect("it is a map").extend(changes);
    read(spec)
}

/// A broker of 2.1 with every protocol.
fn newer() -> Broker {
    with(json!({
        "version": "2.1",
        "image": "eclipse-mosquitto:2.1.2",
        "listeners": [
            {"name": "mqtt", "port": 1883, "proxy-protocol": 1},
            {"name": "mqtts", "port": 8883, "tls": {"secret": "certificate", "only-1.3": true}},
            {"name": "ws", "port": 8080, "protocol": "websockets", "anonymous": true, "max-connections": 10},
            {"name": "http", "port": 9883, "protocol": "http-api"},
        ],
        "auth": {"users": [{"name": "panel", "hash": HASH}], "acl": [{"anonymous": true, "read": ["open/#"]}]},
    }))
}

#[track_caller]
pub(crate) fn bundle(broker: &Broker) -> Bundle {
    broker.bundle().unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// The template's `spec`.
fn pod(bundle: &Bundle) -> &Value {
    find(bundle, "StatefulSet", "mosquitto").at("/spec/template/spec")
}

/// Every object of a kind of Kubernetes goes through its type and comes back the same: no member is unknown or misplaced.
#[track_caller]
pub(crate) fn goes_through_its_types(bundle: &Bundle) {
    macro_rules! through {
        ($object:ident, $($kind:ident),*) => {
            match $object.kind() {
                $(stringify!($kind) => Object::from_typed(&$object.to::<$kind>().expect("it has the shape")),)*
                _ => return,
            }
        };
    }
    let check = |object: &Object| {
        let back = through!(
            object,
            ConfigMap,
            Deployment,
            HorizontalPodAutoscaler,
            Ingress,
            Namespace,
            NetworkPolicy,
            PersistentVolumeClaim,
            PodDisruptionBudget,
            Secret,
            Service,
            ServiceAccount,
            StatefulSet
        );
        let back = back.expect("it is an object");
        assert_eq!(back.value(), object.value(), "{}", object.key());
    };
    bundle.objects().iter().for_each(check);
}

/// What these models ask for: Secrets that somebody else makes, a kind that OpenShift has deprecated, a probe where every
/// listener is encrypted, a configuration that lets everybody in.
pub(crate) const EXPLAINED: [&str; 4] = ["MK103", "MK703", "MK211", "MK906"];

/// Codes and objects of all findings.
fn findings(bundle: &Bundle) -> Vec<String> {
    let report = bundle.check();
    report
        .findings()
        .iter()
        .map(|finding| format!("{} {}", finding.code, finding.object))
        .collect()
}

#[test]
fn the_example_becomes_objects_that_are_known_and_found_good() {
    let bundle = bundle(&read(example()));
    goes_through_its_types(&bundle);
    let kinds: Vec<String> = bundle
        .objects()
        .iter()
        .map(|object| format!("{} {}", object.kind(), object.name()))
        .collect();
    let expected = [
        "ServiceAccount mosquitto",
        "Certificate mosquitto-mqtts-tls",
        "Secret mosquitto-auth",
        "ConfigMap mosquitto-config",
        "Service mosquitto",
        "Service mosquitto-headless",
        "Service mosquitto-node-port",
        "StatefulSet mosquitto",
        "PodDisruptionBudget mosquitto",
        "NetworkPolicy mosquitto",
    ];
    assert_eq!(kinds, expected);
    // The password of `sensor` is in a Secret that somebody else makes.
    assert_eq!(findings(&bundle), ["MK103 StatefulSet/mqtt/mosquitto"]);
}

#[test]
fn every_platform_workload_and_exposure_is_found_good() {
    let route = json!({"route": {"host": "mqtt.example.com"}});
    let web = json!([
        {"name": "mqtts", "port": 8883, "tls": {"secret": "certificate"}},
        {"name": "ws", "port": 8080, "protocol": "websockets"},
    ]);
    let ingress = json!({"ingress": {"host": "ws.example.com", "tls-secret": "web"}});
    let gateway = json!({"tls-route": {"parents": [{"name": "gate", "namespace": "edge"}], "hosts": ["mqtt.example.com"]}});
    let balancer = json!({"load-balancer": {"source-ranges": ["192.0.2.0/24"]}});
    let cases = [
        json!({"workload": "Deployment", "create-namespace": true}),
        json!({"workload": "Deployment", "platform": "openshift", "expose": [route]}),
        json!({"workload": "DeploymentConfig", "platform": "openshift", "expose": [route]}),
        json!({"listeners": web, "expose": [ingress, gateway, balancer], "persistence": null}),
        json!({"metrics": {"exporter": {"image": "exporter:1", "monitor": "service"}}}),
        json!({"metrics": {"exporter": {"image": "exporter:1"}}, "disruption": "none", "reload": "manual"}),
        json!({"version": "2.1", "image": "eclipse-mosquitto:2.1.2", "listeners": [
            {"name": "mqtt", "port": 1883, "proxy-protocol": 1},
            {"name": "mqtts", "port": 8883, "tls": {"issuer": {"name": "own"}, "only-1.3": true}},
            {"name": "http", "port": 9883, "protocol": "http-api"}]}),
        json!({"auth": {"client-certificates": {"authority": {"secret": "clients", "key": "ca"}}},
            "listeners": [{"name": "mqtts", "port": 8883, "tls": {"issuer": {"name": "own"}}}]}),
        json!({"auth": {"anonymous": {"reason": "a test bench"}}, "expose": []}),
        json!({"auth": {"dynamic-security": {"secret": {"secret": "seed", "key": "json"}}}}),
        json!({"bridges": [{"name": "hub", "address": "hub.example.com:8883", "rules": ["topic a/# out 1"],
            "username": "spoke", "password": {"secret": "hub", "key": "password"}, "tls": {}}]}),
    ];
    for case in cases {
        let broker = with(case.clone());
        let bundle = bundle(&broker);
        goes_through_its_types(&bundle);
        let unexpected: Vec<String> = findings(&bundle)
            .into_iter()
            .filter(|finding| !EXPLAINED.iter().any(|code| finding.starts_with(code)))
            .collect();
        assert!(unexpected.is_empty(), "{case}: {unexpected:#?}");
    }
}

#[test]
fn a_cluster_has_names_budgets_and_bounds() {
    // Stock Mosquitto has no cluster, and the check says so.
    let mut broker = with(json!({"image": "cedalo/mosquitto:3.1"}));
    broker.cluster = Some(Cluster {
        replicas: 3,
        ports: vec![("raft".parse().expect("a name"), "7000".parse().expect("a port"))],
        autoscaling: Some(serde_json::from_value(json!({"min": 3, "max": 5, "cpu": 60})).expect("bounds")),
    });
    let bundle = bundle(&broker);
    goes_through_its_types(&bundle);
    assert_eq!(findings(&bundle), ["MK103 StatefulSet/mqtt/mosquitto"]);
    let policy = find(&bundle, "NetworkPolicy", "mosquitto");
    let raft = json!({"from": [{"podSelector": {"matchLabels": {
        "app.kubernetes.io/instance": "mosquitto", "app.kubernetes.io/name": "mosquitto"}}}],
        "ports": [{"port": "raft", "protocol": "TCP"}]});
    assert!(
        policy
            .at("/spec/ingress")
            .as_array()
            .expect("a list")
            .contains(&raft),
        "{:#}",
        policy.value()
    );
}
