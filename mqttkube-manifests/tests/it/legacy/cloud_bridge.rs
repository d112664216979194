//! The tutorial with a bridge to a cloud: Mosquitto, its refresher, and the kustomize files around them.

use std::collections::BTreeSet;

use mqttkube_manifests::legacy::cloud_bridge;
use mqttkube_mosquitto::{Config, Direction, Version};
use serde_json::{Value, json};

use super::{assert_found, check, names};
use crate::objects::value_of;

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
        value_of(&bundle, "Deployment", "iot-core-bridge"),
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
        &value_of(&bundle, "Deployment", "iot-core-bridge")["spec"]["template"]["spec"]["containers"];
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
        value_of(&cloud_bridge::bundle(), "Service", "mqtt-bridge"),
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
    assert_eq!(value_of(&bundle, "ConfigMap", "device-config")["data"], settings);
    let files = value_of(&bundle, "ConfigMap", "mqtt-conf")["data"]
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
