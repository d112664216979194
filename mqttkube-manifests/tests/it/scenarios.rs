//! Scenarios: whole, clean, and with what each of them promises.

use std::collections::BTreeSet;

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::check::Severity;
use mqttkube_manifests::object::Object;
use mqttkube_manifests::scenario::{self, binding_service, cedalo, cloud_bridge, node_port, openshift};
use mqttkube_mosquitto::Version;
use serde_json::{Value, json};

fn kinds(bundle: &Bundle) -> BTreeSet<&str> {
    bundle.objects().iter().map(Object::kind).collect()
}

fn find<'a>(bundle: &'a Bundle, kind: &str) -> &'a Value {
    let found = bundle.objects().iter().find(|object| object.kind() == kind);
    found.unwrap_or_else(|| panic!("there is no {kind}")).value()
}

/// The names of the volumes that a container mounts.
fn mounts(container: &Value) -> Vec<&str> {
    let mounts = container["volumeMounts"].as_array().expect("it mounts something");
    mounts.iter().filter_map(|mount| mount["name"].as_str()).collect()
}

#[test]
fn every_scenario_is_clean_and_gives_the_same_objects_again() {
    let mut names = BTreeSet::new();
    for scenario in scenario::ALL {
        assert!(names.insert(scenario.name), "{} is there twice", scenario.name);
        let bundle = (scenario.sample)().unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        assert_eq!(
            bundle,
            (scenario.sample)().expect("as before"),
            "{}",
            scenario.name
        );
        let report = bundle.check();
        let accepted: &[&str] = match scenario.name {
            // It signals the broker's process; the older kind was asked for.
            "cloud-bridge-sidecar" => &["MK514"],
            "openshift-deployment-config" => &["MK703"],
            _ => &[],
        };
        // Secrets with passwords and keys are made by their owners.
        let accepted = [accepted, &["MK103"]].concat();
        let found = report.allowing(&accepted);
        assert!(found.findings().is_empty(), "{}:\n{found}", scenario.name);
    }
}

#[test]
fn every_workload_of_every_scenario_is_restricted() {
    for scenario in scenario::ALL {
        let bundle = (scenario.sample)().expect("the sample is right");
        let report = bundle.check();
        let pod_security = report
            .findings()
            .iter()
            .filter(|finding| finding.code.starts_with("MK5") && finding.code != "MK514");
        assert_eq!(pod_security.count(), 0, "{}: {report}", scenario.name);
        assert!(
            kinds(&bundle).contains("NetworkPolicy"),
            "{} has no policy",
            scenario.name
        );
        let errors = report
            .findings()
            .iter()
            .filter(|finding| finding.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{}", scenario.name);
    }
}

#[test]
fn the_key_of_a_bridge_is_in_the_refresher_alone_which_starts_before_the_broker() {
    let bundle = cloud_bridge::sample_sidecar().expect("the sample is right");
    let pod = &find(&bundle, "Deployment")["spec"]["template"]["spec"];
    let (refresher, broker) = (&pod["initContainers"][0], &pod["containers"][0]);
    assert_eq!(refresher["restartPolicy"], "Always");
    assert!(
        refresher["startupProbe"].is_object(),
        "the broker waits for its file"
    );
    assert_eq!(mounts(refresher), ["config", "key", "written"]);
    assert_eq!(mounts(broker), ["written", "users", "data"]);
    let written = pod["volumes"]
        .as_array()
        .and_then(|all| all.iter().find(|one| one["name"] == "written"));
    assert_eq!(written.expect("it is there")["emptyDir"]["medium"], "Memory");
    assert_eq!(pod["shareProcessNamespace"], true);
    assert_eq!(
        broker["securityContext"]["capabilities"],
        json!({"drop": ["ALL"]})
    );
    let text = find(&bundle, "ConfigMap")["data"]["mosquitto.conf"]
        .as_str()
        .expect("text");
    assert!(
        text.contains("remote_password GOOGLE_CLOUD_JWT\n") && !text.contains("insecure"),
        "{text}"
    );
}

#[test]
fn the_relay_shares_no_process_namespace_and_keeps_its_outbox_on_a_claim() {
    let bundle = cloud_bridge::sample_relay().expect("the sample is right");
    let deployment = find(&bundle, "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["shareProcessNamespace"], Value::Null);
    assert_eq!(pod["initContainers"], Value::Null);
    assert_eq!(deployment["spec"]["strategy"], json!({"type": "Recreate"}));
    assert_eq!(
        mounts(&pod["containers"][0]),
        ["config", "key", "secrets", "outbox"]
    );
    assert!(kinds(&bundle).contains("PersistentVolumeClaim"));
}

#[test]
fn an_environment_has_its_own_device_and_key_and_the_same_names() {
    let base = cloud_bridge::sample_relay_inputs();
    let mut device = base.device.clone();
    device.project = "staging".parse().expect("it is a label");
    let mut key = base.key.clone();
    key.secret = "staging-key".parse().expect("it is a name");
    let (one, two) = (base.bundle(), base.with_device(device, key).bundle());
    let (one, two) = (one.expect("it is right"), two.expect("it is right"));
    let keys = |bundle: &Bundle| {
        bundle
            .objects()
            .iter()
            .map(|object| object.key().clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&one), keys(&two));
    let differ = one
        .objects()
        .iter()
        .zip(two.objects())
        .filter(|(one, two)| one != two);
    let differ: Vec<_> = differ.map(|(one, _)| one.kind()).collect();
    assert_eq!(differ, ["ConfigMap", "Deployment"]);
}

#[test]
fn a_bridge_without_rules_is_refused() {
    let mut bridge = cloud_bridge::sample_relay_inputs();
    bridge.rules.clear();
    let error = bridge.bundle().expect_err("it carries nothing").to_string();
    assert_eq!(
        error,
        "the bridge has no rules; give at least one, such as `events/# out 1 gcp/ /devices/bridge/`"
    );
}

#[test]
fn a_node_port_leads_to_tls_only_and_cert_manager_makes_the_certificate() {
    for (version, tag) in [(Version::V2_0, "2.0.22"), (Version::V2_1, "2.1.2")] {
        let mut inputs = node_port::sample_inputs();
        inputs.version = version;
        inputs.image = inputs.image.with_tag(tag).expect("it is a tag");
        let bundle = inputs.bundle().expect("the sample is right");
        assert!(bundle.clone().verified().is_ok(), "{}", bundle.check());
        assert_eq!(
            find(&bundle, "Certificate")["spec"]["issuerRef"]["name"],
            "letsencrypt"
        );
        let ports = bundle
            .objects()
            .iter()
            .filter(|object| object.value()["spec"]["type"] == "NodePort")
            .flat_map(|object| object.at("/spec/ports").as_array().expect("a list"))
            .map(|port| (port["port"].clone(), port["nodePort"].clone()));
        assert_eq!(ports.collect::<Vec<_>>(), [(json!(8883), json!(30883))]);
    }
}

#[test]
fn openshift_chooses_the_user_and_the_route_passes_tls_on() {
    let bundle = openshift::sample().expect("the sample is right");
    let pod = &find(&bundle, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsUser"], Value::Null);
    assert_eq!(pod["securityContext"]["fsGroup"], Value::Null);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let route = &find(&bundle, "Route")["spec"];
    assert_eq!(route["tls"]["termination"], "passthrough");
    assert_eq!(route["host"], "mosquitto.apps.example.com");
    let older = openshift::sample_deployment_config().expect("the sample is right");
    assert!(kinds(&older).contains("DeploymentConfig") && !kinds(&older).contains("Deployment"));
}

#[test]
fn the_binding_service_has_its_rules_its_token_and_one_pod_at_a_time() {
    let bundle = binding_service::sample().expect("the sample is right");
    let role = find(&bundle, "Role");
    assert_eq!(role["metadata"]["namespace"], "media");
    assert_eq!(
        role["rules"],
        json!([
            {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["jellyfin"], "verbs": ["list", "watch"]},
            {"apiGroups": ["apps"], "resources": ["deployments/scale"], "resourceNames": ["jellyfin"], "verbs": ["patch"]}])
    );
    let binding = find(&bundle, "RoleBinding");
    assert_eq!(
        binding["subjects"],
        json!([{"kind": "ServiceAccount", "name": "mqtt-kube", "namespace": "iot"}])
    );
    let deployment = find(&bundle, "Deployment");
    assert_eq!(deployment["spec"]["strategy"], json!({"type": "Recreate"}));
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], true);
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert!(
            pod["containers"][0][probe]["httpGet"].is_object(),
            "{probe} is missing"
        );
    }
    for other in ["node-port", "hub-and-spoke", "cloud-bridge-relay"] {
        let scenario = scenario::ALL
            .iter()
            .find(|scenario| scenario.name == other)
            .expect("it is there");
        let bundle = (scenario.sample)().expect("the sample is right");
        let tokens = bundle
            .objects()
            .iter()
            .filter(|object| object.at("/spec/template/spec/automountServiceAccountToken") == true);
        assert_eq!(tokens.count(), 0, "{other} has a token that it does not need");
    }
}

#[test]
fn rights_for_the_cluster_become_a_cluster_role_and_wildcards_are_refused() {
    let mut inputs = binding_service::sample_inputs();
    inputs.rights[0].namespace = None;
    let bundle = inputs.bundle().expect("it is right");
    assert_eq!(find(&bundle, "ClusterRole")["metadata"]["name"], "iot-mqtt-kube");
    inputs.rights[0].rules[0].verbs = vec!["*".to_owned()];
    let report = inputs.bundle().expect("it can be built").check();
    assert!(report.errors().any(|finding| finding.code == "MK802"), "{report}");
}

fn named<'a>(bundle: &'a Bundle, kind: &str, name: &str) -> &'a Value {
    let found = bundle
        .objects()
        .iter()
        .find(|object| object.kind() == kind && object.name() == name);
    found
        .unwrap_or_else(|| panic!("there is no {kind} {name}"))
        .value()
}

#[test]
fn the_cluster_has_three_brokers_with_names_volumes_and_a_licence() {
    let bundle = cedalo::sample().expect("the sample is right");
    let set = &find(&bundle, "StatefulSet")["spec"];
    assert_eq!(set["replicas"], 3);
    assert_eq!(set["serviceName"], "mosquitto-headless");
    assert!(set["volumeClaimTemplates"][0].is_object());
    let container = &set["template"]["spec"]["containers"][0];
    assert!(mounts(container).contains(&"license"));
    // Followers do not open the listeners for clients.
    assert_eq!(container["readinessProbe"]["tcpSocket"]["port"], "control");
    let ports = named(&bundle, "Service", "mosquitto-headless")["spec"]["ports"].clone();
    let numbers: Vec<_> = ports
        .as_array()
        .expect("a list")
        .iter()
        .map(|port| port["port"].clone())
        .collect();
    assert_eq!(numbers, [1883, 1884, 1885, 7000].map(|port| json!(port)));
}

/// The ports that a policy opens, and to pods of which name.
fn opened(bundle: &Bundle, policy: &str) -> Vec<(Value, Vec<Value>)> {
    let rules = named(bundle, "NetworkPolicy", policy)["spec"]["ingress"].clone();
    let rules = rules.as_array().expect("a list").clone();
    rules
        .iter()
        .map(|rule| {
            let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
            let ports = list(&rule["ports"])
                .iter()
                .map(|port| port["port"].clone())
                .collect();
            let from = &rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"];
            (from.clone(), ports)
        })
        .collect()
}

#[test]
fn ports_without_encryption_are_open_to_the_cluster_alone() {
    let bundle = cedalo::sample().expect("the sample is right");
    let inner = [json!("control"), json!("raft"), json!(1885), json!(7000)];
    for (from, ports) in opened(&bundle, "mosquitto") {
        let secret = ports.iter().any(|port| inner.contains(port));
        assert!(!secret || from == "mosquitto", "{from}: {ports:?}");
    }
    let control = opened(&bundle, "mosquitto-control");
    assert_eq!(control.len(), 1);
    assert_eq!(control[0].0, "management-center");
    let outside: Vec<_> = bundle
        .objects()
        .iter()
        .filter(|object| object.value()["spec"]["type"] == "NodePort")
        .flat_map(|object| object.at("/spec/ports").as_array().expect("a list"))
        .map(|port| port["port"].clone())
        .collect();
    assert_eq!(outside, [json!(8088), json!(8883)]);
}

#[test]
fn the_proxy_of_a_full_cluster_follows_the_leader_and_the_other_one_spreads() {
    let full = cedalo::sample_inputs();
    let text = full.proxy().expect("it is right").write().expect("it is right");
    assert!(
        text.contains(
            "server mosquitto-2 mosquitto-2.mosquitto-headless.messaging.svc.cluster.local:1884 backup"
        ),
        "{text}"
    );
    let mut spread = full;
    spread.sync = cedalo::Sync::DynSec;
    let text = spread.proxy().expect("it is right").write().expect("it is right");
    assert!(
        text.contains("_mqtt-leader._tcp.mosquitto-headless.messaging.svc.cluster.local"),
        "{text}"
    );
}

#[test]
fn an_autoscaler_alone_is_refused_for_a_full_cluster() {
    let bounds = mqttkube_manifests::broker::Autoscaling {
        min: 3,
        max: 5,
        cpu: 60,
    };
    let mut inputs = cedalo::sample_inputs();
    inputs.scaling = Some(cedalo::Scaling {
        bounds,
        operator: None,
    });
    let error = inputs
        .bundle()
        .expect_err("it would lose the majority")
        .to_string();
    assert!(
        error.starts_with("an autoscaler removes a broker without telling the cluster"),
        "{error}"
    );
    let scaling = inputs.scaling.as_mut().expect("it is there");
    scaling.operator = Some(
        "registry.cedalo.com/cedalo/cluster-operator:2.8"
            .parse()
            .expect("an image"),
    );
    let bundle = inputs.bundle().expect("the operator tells it");
    assert!(kinds(&bundle).contains("HorizontalPodAutoscaler"));
    named(&bundle, "Deployment", "mosquitto-operator");
    inputs.replicas = 2;
    let error = inputs.bundle().expect_err("two have no majority").to_string();
    assert_eq!(
        error,
        "2 brokers have no majority when one is gone; write 3 or more"
    );
}

#[test]
fn certbot_alone_has_the_credentials_of_the_zone_and_starts_before_the_broker() {
    let bundle = node_port::sample_certbot().expect("the sample is right");
    let pod = &find(&bundle, "StatefulSet")["spec"]["template"]["spec"];
    let certbot = &pod["initContainers"][0];
    assert_eq!(
        (&certbot["name"], &certbot["restartPolicy"]),
        (&json!("certbot"), &json!("Always"))
    );
    assert!(
        certbot["startupProbe"].is_object(),
        "the broker waits for a certificate"
    );
    assert!(mounts(certbot).contains(&"certbot-dns"));
    let broker = &pod["containers"][0];
    assert!(mounts(broker).contains(&"tls-mqtts") && !mounts(broker).contains(&"certbot-dns"));
    assert!(!kinds(&bundle).contains("Certificate"));
}
