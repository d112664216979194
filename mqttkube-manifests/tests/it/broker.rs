//! The model of a broker: what it becomes, and what is wrong with it.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, PersistentVolumeClaim, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use mqttkube_manifests::broker::{BridgePassword, Broker, Cluster};
use mqttkube_manifests::build::{App, ExternalSecret, Store};
use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::name::ConfigKey;
use mqttkube_manifests::object::Object;
use serde_json::{Value, json};

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

#[track_caller]
pub(crate) fn bundle(broker: &Broker) -> Bundle {
    broker.bundle().unwrap_or_else(|errors| panic!("{errors:#?}"))
}

#[track_caller]
pub(crate) fn find<'a>(bundle: &'a Bundle, kind: &str, name: &str) -> &'a Object {
    let found = bundle
        .objects()
        .iter()
        .find(|object| object.kind() == kind && object.name() == name);
    found.unwrap_or_else(|| panic!("there is no {kind}/{name}"))
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

/// The text of a file in the ConfigMap.
fn file<'a>(bundle: &'a Bundle, key: &str) -> &'a str {
    let files = find(bundle, "ConfigMap", "mosquitto-config").at("/data");
    files[key].as_str().unwrap_or_else(|| panic!("there is no {key}"))
}

/// The template's `spec`.
fn pod(bundle: &Bundle) -> &Value {
    find(bundle, "StatefulSet", "mosquitto").at("/spec/template/spec")
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

#[test]
fn a_configuration_of_2_1_says_for_each_listener_who_may_come_in() {
    let bundle = bundle(&newer());
    let expected = "persistence true\npersistence_location /mosquitto/data/\nautosave_interval 30\n\
        max_queued_messages 10000\nmax_inflight_messages 100\nmax_packet_size 2000000\nlog_dest stderr\nlog_type error\n\
        log_type warning\nlog_type notice\nlog_type information\nlog_timestamp_format %Y-%m-%dT%H:%M:%S%z\n\
        connection_messages true\npassword_file /mosquitto/auth/passwd\nacl_file /mosquitto/auth/acl\n\
        listener 1883\nenable_proxy_protocol 1\nlistener_allow_anonymous false\n\
        listener 8883\ncertfile /mosquitto/tls/mqtts/tls.crt\nkeyfile /mosquitto/tls/mqtts/tls.key\ntls_version tlsv1.3\n\
        listener_allow_anonymous false\n\
        listener 8080\nprotocol websockets\nmax_connections 10\nlistener_allow_anonymous true\n\
        listener 9883\nprotocol http_api\nlistener_allow_anonymous true\n";
    assert_eq!(file(&bundle, "mosquitto.conf"), expected);
    let secret: Secret = find(&bundle, "Secret", "mosquitto-auth")
        .to()
        .expect("it is a Secret");
    let data = secret.data.expect("it has data");
    assert_eq!(
        String::from_utf8_lossy(&data["passwd"].0),
        format!("panel:{HASH}\n")
    );
    assert_eq!(
        String::from_utf8_lossy(&data["acl"].0),
        "topic read /api/v1/version\ntopic read open/#\n"
    );
    let main = &pod(&bundle)["containers"][0];
    assert_eq!(
        main["env"],
        json!([{"name": "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "value": "1"}])
    );
}

#[test]
fn a_configuration_of_2_0_has_settings_for_each_listener_only_where_they_differ() {
    let text = |open: bool| {
        let listeners =
            json!([{"name": "mqtt", "port": 1883}, {"name": "open", "port": 1884, "anonymous": open}]);
        let users = json!({"users": [{"name": "panel", "hash": HASH}]});
        file(
            &bundle(&with(
                json!({"listeners": listeners, "auth": users, "expose": []}),
            )),
            "mosquitto.conf",
        )
        .to_owned()
    };
    let alike = "allow_anonymous false\npassword_file /mosquitto/auth/passwd\nlistener 1883\nlistener 1884\n";
    assert!(text(false).ends_with(alike), "{}", text(false));
    let differ = "listener 1883\nallow_anonymous false\npassword_file /mosquitto/auth/passwd\n\
        listener 1884\nallow_anonymous true\npassword_file /mosquitto/auth/passwd\n";
    assert!(text(true).ends_with(differ), "{}", text(true));
    assert!(
        text(true).starts_with("per_listener_settings true\n"),
        "{}",
        text(true)
    );
}

#[test]
fn letting_everybody_in_stands_in_the_configuration_with_its_reason() {
    let bundle = bundle(&with(json!({"auth": {"anonymous": {"reason": "a test\nbench"}}})));
    let text = file(&bundle, "mosquitto.conf");
    assert!(
        text.starts_with("# Everybody may come in: a test bench\n"),
        "{text}"
    );
    assert!(text.contains("\nallow_anonymous true\n"), "{text}");
}

#[test]
fn the_policy_opens_what_is_for_clients_and_keeps_the_http_interface_closed() {
    let rules = |changes: Value| {
        let mut broker = newer();
        let changes: Broker = with(changes);
        (broker.expose, broker.network) = (changes.expose, changes.network);
        find(&bundle(&broker), "NetworkPolicy", "mosquitto")
            .at("/spec/ingress")
            .clone()
    };
    let ports = |names: &[&str]| {
        names
            .iter()
            .map(|name| json!({"port": name, "protocol": "TCP"}))
            .collect::<Vec<Value>>()
    };
    let own = json!([{"podSelector": {}}]);
    assert_eq!(
        rules(json!({"expose": []})),
        json!([{"from": own, "ports": ports(&["mqtt", "mqtts", "ws"])}])
    );
    assert_eq!(
        rules(json!({"expose": [{"node-port": {"mqtts": 30883}}]})),
        json!([{"from": own, "ports": ports(&["mqtt", "ws"])}, {"ports": ports(&["mqtts"])}]),
    );
    let named = json!({"from": [{"namespace": "apps"}, {"cidr": "10.0.0.0/8", "listeners": ["mqtts"]}]});
    let apps = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "apps"}}});
    assert_eq!(
        rules(json!({"network": named})),
        json!([
            {"from": [apps], "ports": ports(&["mqtt", "ws"])},
            {"from": [apps, {"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": ports(&["mqtts"])},
        ]),
    );
    assert_eq!(rules(json!({"network": {"from": []}})), json!([]));
}

#[test]
fn a_broker_reaches_nobody_but_the_other_end_of_its_bridges() {
    let egress = |bridges: Value| {
        find(
            &bundle(&with(json!({"bridges": bridges}))),
            "NetworkPolicy",
            "mosquitto",
        )
        .at("/spec/egress")
        .clone()
    };
    assert_eq!(egress(json!([])), json!([]));
    let bridge =
        json!({"name": "hub", "address": "hub.example.com:8883", "rules": ["topic a/# out 1"], "tls": {}});
    let names = json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]});
    assert_eq!(
        egress(json!([bridge])),
        json!([{"ports": [{"port": 8883, "protocol": "TCP"}]}, names])
    );
}

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
fn the_plugin_of_dynamic_security_writes_to_the_volume_and_is_seeded_once() {
    let bundle = bundle(&with(json!({"auth": {"dynamic-security": {"file": {}}}})));
    let text = file(&bundle, "mosquitto.conf");
    let plugin = "plugin /usr/lib/mosquitto_dynamic_security.so\nplugin_opt_config_file /mosquitto/data/dynamic-security.json\n";
    assert!(text.contains(plugin), "{text}");
    let script = file(&bundle, "prepare.sh");
    assert!(script.contains("if [ ! -e $seeded ]; then"), "{script}");
    let main = &pod(&bundle)["containers"][0]["volumeMounts"];
    let seen: Vec<&str> = main
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|mount| mount["name"].as_str())
        .collect();
    assert!(
        !seen.contains(&"seed"),
        "the broker does not see the seed: {seen:?}"
    );
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
