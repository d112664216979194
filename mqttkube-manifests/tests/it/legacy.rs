//! The tutorials, field by field, and what the check says about them.

use std::collections::BTreeSet;

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::legacy::{self, binding_service, cloud_bridge, node_port, openshift};
use mqttkube_mosquitto::{Config, Direction, Version};
use serde_json::{Value, json};

fn find<'a>(bundle: &'a Bundle, kind: &str, name: &str) -> &'a Value {
    let found = bundle
        .objects()
        .iter()
        .find(|object| object.kind() == kind && object.name() == name);
    found
        .unwrap_or_else(|| panic!("there is no {kind} {name}"))
        .value()
}

/// Checks fields by JSON pointer; null says that a field must be absent.
fn check(value: &Value, expected: &[(&str, Value)]) {
    for (pointer, expected) in expected {
        let found = value.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(found, expected, "{pointer}");
    }
}

fn names(bundle: &Bundle) -> Vec<String> {
    let objects = bundle.objects().iter();
    objects
        .map(|object| format!("{} {}", object.kind(), object.name()))
        .collect()
}

/// The codes of all findings.
fn codes(bundle: &Bundle) -> BTreeSet<&'static str> {
    let report = bundle.check();
    report.findings().iter().map(|finding| finding.code).collect()
}

fn assert_found(bundle: &Bundle, expected: &[&'static str]) {
    let found = codes(bundle);
    for code in expected {
        assert!(found.contains(code), "{code} is not in {found:?}");
    }
}

#[test]
fn legacy_000_is_a_deployment_a_service_and_two_config_maps() {
    let expected = [
        "ConfigMap device-config",
        "ConfigMap mqtt-conf",
        "Service mqtt-bridge",
        "Deployment iot-core-bridge",
    ];
    assert_eq!(names(&cloud_bridge::bundle()), expected);
}

#[test]
fn legacy_000_deployment() {
    let bundle = cloud_bridge::bundle();
    let labels = json!({"app": "iot-core-bridge"});
    check(
        find(&bundle, "Deployment", "iot-core-bridge"),
        &[
            ("/apiVersion", json!("apps/v1")),
            ("/metadata/labels", labels.clone()),
            ("/spec/selector/matchLabels", labels.clone()),
            ("/spec/template/metadata/labels", labels),
            ("/spec/replicas", json!(1)),
            (
                "/spec/strategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
            ),
            ("/spec/revisionHistoryLimit", json!(10)),
            ("/spec/template/spec/shareProcessNamespace", json!(true)),
            (
                "/spec/template/spec/volumes",
                json!([{"name": "mqtt-conf", "configMap": {"name": "mqtt-conf"}},
                    {"name": "mosquitto-conf", "emptyDir": {}}, {"name": "mosquitto-persist", "emptyDir": {}}]),
            ),
            ("/spec/template/spec/initContainers", Value::Null),
        ],
    );
}

#[test]
fn legacy_000_containers_in_order_and_without_probes() {
    let bundle = cloud_bridge::bundle();
    let containers =
        &find(&bundle, "Deployment", "iot-core-bridge")["spec"]["template"]["spec"]["containers"];
    let limits = json!({"cpu": "1", "memory": "200Mi"});
    let config = json!({"name": "mqtt-conf", "mountPath": "/etc/mqtt"});
    let written = json!({"name": "mosquitto-conf", "mountPath": "/mosquitto/config"});
    let stored = json!({"name": "mosquitto-persist", "mountPath": "/tmp/mosquitto"});
    check(
        &containers[0],
        &[
            ("/name", json!("refresher")),
            ("/envFrom", json!([{"configMapRef": {"name": "device-config"}}])),
            ("/securityContext/capabilities/add", json!(["SYS_PTRACE"])),
            ("/resources/limits", limits.clone()),
            ("/resources/requests", json!({"cpu": "0.2"})),
            ("/volumeMounts", json!([config, written])),
        ],
    );
    let image = containers[0]["image"].as_str().expect("it has an image");
    assert!(
        image.contains("@sha256:"),
        "the overlay sets it by digest: {image}"
    );
    check(
        &containers[1],
        &[
            ("/name", json!("mosquitto")),
            ("/image", json!("eclipse-mosquitto")),
            ("/securityContext/capabilities/add", json!(["SYS_PTRACE"])),
            ("/resources/limits", limits),
            ("/resources/requests", json!({"cpu": "0.1"})),
            ("/ports", json!([{"name": "mqtt", "containerPort": 1883}])),
            ("/volumeMounts", json!([config, written, stored])),
        ],
    );
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        check(
            containers,
            &[
                (&format!("/0/{probe}"), Value::Null),
                (&format!("/1/{probe}"), Value::Null),
            ],
        );
    }
}

#[test]
fn legacy_000_service_is_an_open_load_balancer_in_the_default_namespace() {
    check(
        find(&cloud_bridge::bundle(), "Service", "mqtt-bridge"),
        &[
            ("/metadata/namespace", json!("default")),
            ("/spec/type", json!("LoadBalancer")),
            ("/spec/loadBalancerIP", json!("")),
            ("/spec/selector", json!({"app": "iot-core-bridge"})),
            (
                "/spec/ports",
                json!([{"protocol": "TCP", "port": 1883, "targetPort": 1883}]),
            ),
        ],
    );
}

#[test]
fn legacy_000_config_maps_hold_the_settings_and_the_key() {
    let bundle = cloud_bridge::bundle();
    let settings = json!({"PROJECT_ID": "my-project", "REGISTRY_ID": "gadgets", "BRIDGE_DEVICE_ID": "bridge",
        "CLOUD_REGION": "us-central1", "JWT_EXPIRATION_MINUTES": "600", "CONFIG_REFRESH_MINUTES": "500"});
    assert_eq!(find(&bundle, "ConfigMap", "device-config")["data"], settings);
    let files = find(&bundle, "ConfigMap", "mqtt-conf")["data"]
        .as_object()
        .expect("a map");
    let keys: BTreeSet<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        Vec::from_iter(keys),
        ["bridge.conf.tmpl", "ec_private.pem", "roots.pem"]
    );
}

#[test]
fn legacy_000_kustomize_files_of_base_and_overlay() {
    let files: Vec<_> = cloud_bridge::kustomize();
    let file = |path: &str| {
        &files
            .iter()
            .find(|(at, _)| *at == path)
            .unwrap_or_else(|| panic!("{path}"))
            .1
    };
    check(
        file("base/kustomization.yaml"),
        &[
            ("/resources", json!(["deployment.yaml", "service.yaml"])),
            (
                "/configMapGenerator",
                json!([{"name": "mqtt-conf",
                    "files": ["etc-mqtt/roots.pem", "etc-mqtt/bridge.conf.tmpl"]}]),
            ),
        ],
    );
    check(
        file("bridge/kustomization.yaml"),
        &[
            ("/bases", json!(["../base"])),
            ("/resources", json!(["device-config.yaml"])),
            ("/patchesStrategicMerge", json!(["project-image.yaml"])),
            (
                "/configMapGenerator",
                json!([{"name": "mqtt-conf", "behavior": "merge", "files": ["ec_private.pem"]}]),
            ),
        ],
    );
    check(
        file("bridge/project-image.yaml"),
        &[
            ("/metadata/name", json!("iot-core-bridge")),
            ("/spec/template/spec/containers/0/name", json!("refresher")),
        ],
    );
    assert_eq!(
        file("bridge/device-config.yaml")["data"]["REGISTRY_ID"],
        "gadgets"
    );
}

#[test]
fn legacy_000_template_of_the_bridge() {
    let config = Config::read(cloud_bridge::TEMPLATE).config;
    let bridge = &config.connections[0];
    assert_eq!(bridge.name.to_string(), "google_cloud_iot");
    assert_eq!(bridge.addresses[0].to_string(), "mqtt.googleapis.com:443");
    let rules: Vec<_> = bridge.rules.iter().map(|rule| rule.direction()).collect();
    let (out, back) = (Direction::Out, Direction::In);
    assert_eq!(rules, [out, out, out, back, back, back]);
    let options = &bridge.options;
    let text = config.write(Version::V2_0).expect("2.0 takes it");
    for line in [
        "topic \"\" out 1 gcp/events /devices/CONFIG_DEVICE_ID/events",
        "topic \"\" out 1 gcp/state /devices/CONFIG_DEVICE_ID/state",
        "topic # out 1 gcp/events/ /devices/CONFIG_DEVICE_ID/events/",
        "topic \"\" in 1 gcp/config /devices/CONFIG_DEVICE_ID/config",
        "topic \"\" in 1 gcp/commands /devices/CONFIG_DEVICE_ID/commands",
        "topic # in 1 gcp/commands/ /devices/CONFIG_DEVICE_ID/commands/",
        "bridge_protocol_version mqttv311",
        "remote_username unused",
        "remote_password GOOGLE_CLOUD_JWT",
        "bridge_cafile BASE_DIR/roots.pem",
        "persistence true",
        "persistence_location /tmp/mosquitto/",
        "notifications false",
        "try_private false",
        "start_type automatic",
        "keepalive_interval 60",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    assert_eq!(options.insecure, Some(true));
    assert_eq!(options.cleansession, None);
    assert_eq!(options.remote_clientid, options.local_clientid);
    assert!(config.listeners.is_empty(), "the tutorial forgot it");
}

#[test]
fn legacy_000_client_pod() {
    check(
        &cloud_bridge::client("client-a"),
        &[
            ("/kind", json!("Pod")),
            ("/metadata/labels", json!({"run": "client-a"})),
            ("/spec/containers/0/image", json!("gcr.io/my-project/mqtt-client")),
            ("/spec/containers/0/tty", json!(true)),
        ],
    );
}

#[test]
fn legacy_000_defects_are_found() {
    // A private key in a ConfigMap, SYS_PTRACE, one process namespace, an image without version, root.
    let expected = ["MK401", "MK505", "MK514", "MK702", "MK508"];
    assert_found(&cloud_bridge::bundle(), &expected);
}

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
        find(&bundle, "PersistentVolumeClaim", "mqtt-volumeclaim"),
        &[
            ("/metadata/namespace", json!("mqtt")),
            ("/spec/accessModes", json!(["ReadWriteOnce"])),
            ("/spec/resources/requests/storage", json!("1Gi")),
        ],
    );
    check(
        find(&bundle, "Service", "mqtt-nodeport"),
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
        find(&bundle, "Secret", "mqtt-credentials"),
        &[
            ("/data/cloudflare-key.secret", json!("bXlhcGlrZXlpc3Nvc2VjcmV0")),
            ("/data/cloudflare-email.secret", mail.clone()),
            ("/data/letsencrypt-email.secret", mail),
        ],
    );
    for name in ["mosquitto.conf", "passwd"] {
        let data = find(&bundle, "ConfigMap", name)["data"]
            .as_object()
            .expect("a map");
        assert_eq!(data.keys().collect::<Vec<_>>(), [name]);
    }
}

#[test]
fn legacy_001_deployment() {
    let bundle = node_port::bundle();
    let container = "/spec/template/spec/containers/0";
    let deployment = find(&bundle, "Deployment", "mqtt");
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

#[test]
fn legacy_002_deployment_config() {
    for bundle in [openshift::bundle(), openshift::with_passwd()] {
        let probe = json!({"tcpSocket": {"port": 1883}, "initialDelaySeconds": 30, "periodSeconds": 10,
            "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3});
        let container = "/spec/template/spec/containers/0";
        check(
            find(&bundle, "DeploymentConfig", "mosquitto-ephemeral"),
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
        let config = find(bundle, "DeploymentConfig", "mosquitto-ephemeral");
        config["spec"]["template"]["spec"]["containers"][0]["env"].clone()
    };
    assert_eq!(variables(&openshift::bundle()), stray);
    assert_eq!(variables(&openshift::with_passwd()), Value::Null);
}

#[test]
fn legacy_002_passwd_variant_mounts_one_file() {
    let bundle = openshift::with_passwd();
    check(
        find(&bundle, "DeploymentConfig", "mosquitto-ephemeral"),
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
    let line = find(&bundle, "ConfigMap", "passwd")["data"]["passwd"]
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
            find(&bundle, "Service", &name),
            &[
                ("/spec/ports", ports),
                ("/spec/type", Value::Null),
                ("/spec/selector", json!({"name": "mosquitto-ephemeral"})),
            ],
        );
    }
    check(
        find(&bundle, "Route", "mosquitto-ephemeral-tls"),
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

#[test]
fn legacy_003_account_rights_and_configuration() {
    let bundle = binding_service::bundle();
    let account = json!([{"kind": "ServiceAccount", "name": "mqtt-kube", "namespace": "iot"}]);
    check(
        find(&bundle, "ClusterRoleBinding", "iot-mqtt-kube"),
        &[
            ("/roleRef/name", json!("cluster-admin")),
            ("/roleRef/kind", json!("ClusterRole")),
            ("/subjects", account),
        ],
    );
    check(
        find(&bundle, "ServiceAccount", "mqtt-kube"),
        &[("/metadata/namespace", json!("iot"))],
    );
    let config = find(&bundle, "ConfigMap", "mqtt-kube-config");
    assert!(config["data"]["config.yaml"].is_string());
}

#[test]
fn legacy_003_deployment_without_selector_and_labels() {
    let container = "/spec/template/spec/containers/0";
    check(
        find(&binding_service::bundle(), "Deployment", "mqtt-kube"),
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

#[test]
fn tutorials_have_names_of_their_own() {
    let names: BTreeSet<_> = legacy::ALL.iter().map(|tutorial| tutorial.name).collect();
    assert_eq!(names.len(), legacy::ALL.len());
}
