//! Migrations: what they change, what they say, and that what they claim to cure is cured.

use std::collections::BTreeSet;

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::legacy::{self, binding_service, cloud_bridge, node_port, openshift};
use mqttkube_manifests::migrate::{self, Change};
use serde_json::{Value, json};

use crate::objects::{codes, value_of};

fn bundle(objects: impl IntoIterator<Item = Value>) -> Bundle {
    let mut bundle = Bundle::new();
    for object in objects {
        bundle.add_value(object).expect("it is an object");
    }
    bundle
}

/// The codes that a migration took away and the codes that it brought.
fn effect(old: &Bundle, run: fn(&Bundle) -> (Bundle, Vec<Change>)) -> (Vec<&'static str>, Vec<&'static str>) {
    let before = codes(old);
    let after = codes(&run(old).0);
    let gone = before.difference(&after).copied().collect();
    (gone, after.difference(&before).copied().collect())
}

fn paths(changes: &[Change]) -> Vec<String> {
    changes
        .iter()
        .map(|change| format!("{} {}", change.object, change.path))
        .collect()
}

#[test]
fn a_recipe_with_a_removed_api_passes_the_check_after_all_migrations() {
    assert!(node_port::bundle().check().errors().count() > 2);
    let (new, changes) = migrate::all(&node_port::bundle());
    assert_eq!(new.check().errors().count(), 0, "{}", new.check());
    assert_eq!(
        value_of(&new, "Deployment", "mqtt")["spec"]["strategy"],
        json!({"type": "Recreate"})
    );
    assert_eq!(
        paths(&changes),
        [
            "Deployment/mqtt/mqtt apiVersion",
            "Deployment/mqtt/mqtt spec",
            "Deployment/mqtt/mqtt spec.strategy",
            "ConfigMap/mqtt/passwd data[passwd]",
            "Deployment/mqtt/mqtt spec.template.spec.volumes[2]",
        ]
    );
}

#[test]
fn each_migration_cures_what_it_claims_and_brings_nothing() {
    let none: Vec<&str> = Vec::new();
    let check = |old: Bundle, run: fn(&Bundle) -> (Bundle, Vec<Change>), cured: &[&str]| {
        assert_eq!(effect(&old, run), (cured.to_vec(), none.clone()));
    };
    check(node_port::bundle(), migrate::apps_v1, &["MK701"]);
    check(node_port::bundle(), migrate::one_volume, &["MK604"]);
    check(node_port::bundle(), migrate::secrets, &["MK402"]);
    check(
        openshift::bundle(),
        migrate::deployment_configs,
        &["MK703", "MK704"],
    );
    check(
        openshift::with_passwd(),
        migrate::deployment_configs,
        &["MK703", "MK704"],
    );
    check(openshift::with_passwd(), migrate::secrets, &["MK402"]);
    check(cloud_bridge::bundle(), migrate::secrets, &["MK401"]);
    check(binding_service::bundle(), migrate::apps_v1, &["MK109"]);
}

#[test]
fn a_second_migration_changes_nothing() {
    for tutorial in legacy::ALL {
        let (once, _) = migrate::all(&(tutorial.bundle)());
        let (twice, changes) = migrate::all(&once);
        assert_eq!(twice, once, "{}", tutorial.name);
        assert_eq!(changes, [], "{}", tutorial.name);
    }
}

#[test]
fn a_password_file_becomes_a_secret_of_the_same_bytes() {
    let old = openshift::with_passwd();
    let text = value_of(&old, "ConfigMap", "passwd")["data"]["passwd"].clone();
    let (new, changes) = migrate::secrets(&old);
    let bytes: k8s_openapi::ByteString =
        serde_json::from_value(value_of(&new, "Secret", "passwd")["data"]["passwd"].clone()).expect("base64");
    assert_eq!(json!(String::from_utf8(bytes.0).expect("text")), text);
    assert!(new.objects().iter().all(|object| object.kind() != "ConfigMap"));
    let volumes =
        &value_of(&new, "DeploymentConfig", "mosquitto-ephemeral")["spec"]["template"]["spec"]["volumes"];
    let secret = json!({"items": [{"key": "passwd", "path": "passwd"}], "secretName": "passwd"});
    assert_eq!(volumes, &json!([{"name": "passwd-mount", "secret": secret}]));
    let said = changes[0].to_string();
    assert!(
        said.starts_with("ConfigMap/passwd: moves into the Secret passwd\n  at data[passwd]\n  why: "),
        "{said}"
    );
}

#[test]
fn a_map_with_other_files_keeps_them_and_both_are_mounted_in_one_place() {
    let (new, _) = migrate::secrets(&cloud_bridge::bundle());
    let map: BTreeSet<_> = value_of(&new, "ConfigMap", "mqtt-conf")["data"]
        .as_object()
        .expect("a map")
        .keys()
        .cloned()
        .collect();
    assert_eq!(Vec::from_iter(map), ["bridge.conf.tmpl", "roots.pem"]);
    let secret = value_of(&new, "Secret", "mqtt-conf")["data"]
        .as_object()
        .expect("a map");
    assert_eq!(secret.keys().collect::<Vec<_>>(), ["ec_private.pem"]);
    let volumes = &value_of(&new, "Deployment", "iot-core-bridge")["spec"]["template"]["spec"]["volumes"];
    let sources =
        json!({"sources": [{"configMap": {"name": "mqtt-conf"}}, {"secret": {"name": "mqtt-conf"}}]});
    assert_eq!(volumes[0], json!({"name": "mqtt-conf", "projected": sources}));
}

#[test]
fn every_way_to_refer_to_a_map_follows() {
    let hash = "u:$7$101$AAAAAAAAAAAAAAAA$AAAA\n";
    let new = migrate::secrets(&bundle([
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"},
            "data": {"passwd": hash, "other": "x"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c", "namespace": "n"}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": {
            "containers": [{"name": "a",
                "env": [{"name": "P", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "passwd"}}},
                    {"name": "O", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "other"}}}],
                "envFrom": [{"configMapRef": {"name": "c"}}, {"configMapRef": {"name": "d"}}]}],
            "volumes": [
                {"name": "v", "projected": {"sources": [{"configMap": {"name": "c",
                    "items": [{"key": "passwd", "path": "a"}, {"key": "other", "path": "b"}]}}]}},
                {"name": "w", "configMap": {"name": "c", "defaultMode": 256}}]}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "q", "namespace": "elsewhere"}, "spec": {
            "volumes": [{"name": "w", "configMap": {"name": "c"}}]}}),
    ]))
    .0;
    let pod = &value_of(&new, "Pod", "p")["spec"];
    let container = &pod["containers"][0];
    assert_eq!(
        container["env"],
        json!([{"name": "P", "valueFrom": {"secretKeyRef": {"name": "c-secret", "key": "passwd"}}},
            {"name": "O", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "other"}}}])
    );
    assert_eq!(
        container["envFrom"],
        json!([{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "c-secret"}}, {"configMapRef": {"name": "d"}}])
    );
    assert_eq!(
        pod["volumes"][0]["projected"]["sources"],
        json!([{"configMap": {"name": "c", "items": [{"key": "other", "path": "b"}]}},
            {"secret": {"name": "c-secret", "items": [{"key": "passwd", "path": "a"}]}}])
    );
    assert_eq!(
        pod["volumes"][1],
        json!({"name": "w", "projected": {"defaultMode": 256,
            "sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "c-secret"}}]}})
    );
    let other = &value_of(&new, "Pod", "q")["spec"]["volumes"][0];
    assert_eq!(other, &json!({"name": "w", "configMap": {"name": "c"}}));
}

#[test]
fn a_deployment_config_keeps_what_a_deployment_has() {
    let old = json!({"apiVersion": "apps.openshift.io/v1", "kind": "DeploymentConfig", "metadata": {"name": "m"},
        "spec": {"replicas": 2, "minReadySeconds": 5, "selector": {"name": "m"}, "test": true,
            "strategy": {"type": "Rolling", "rollingParams": {"maxSurge": "50%", "maxUnavailable": 0,
                "timeoutSeconds": 120, "intervalSeconds": 1, "pre": {"failurePolicy": "Abort"}}},
            "triggers": [{"type": "ConfigChange"}, {"type": "ImageChange", "imageChangeParams": {
                "automatic": true, "containerNames": ["m"], "from": {"kind": "ImageStreamTag", "name": "m:2.0"}}}],
            "template": {"metadata": {"labels": {"name": "m"}}, "spec": {"containers": [{"name": "m", "image": "m:1"}]}}}});
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "m"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps.openshift.io/v1", "kind": "DeploymentConfig", "name": "m"}}});
    let (new, changes) = migrate::deployment_configs(&bundle([old, scaler]));
    let deployment = value_of(&new, "Deployment", "m");
    let triggers = deployment["metadata"]["annotations"]["image.openshift.io/triggers"]
        .as_str()
        .expect("it is there");
    let triggers: Value = serde_json::from_str(triggers).expect("it is JSON");
    assert_eq!(
        triggers,
        json!([{"from": {"kind": "ImageStreamTag", "name": "m:2.0"}, "paused": false,
            "fieldPath": "spec.template.spec.containers[?(@.name==\"m\")].image"}])
    );
    assert_eq!(
        deployment["spec"],
        json!({"replicas": 2, "minReadySeconds": 5, "selector": {"matchLabels": {"name": "m"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}},
            "progressDeadlineSeconds": 120,
            "template": {"metadata": {"labels": {"name": "m"}}, "spec": {"containers": [{"name": "m", "image": "m:1"}]}}})
    );
    let target = &value_of(&new, "HorizontalPodAutoscaler", "m")["spec"]["scaleTargetRef"];
    assert_eq!(
        target,
        &json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "m"})
    );
    let said: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
    for path in [
        "kind",
        "spec.selector",
        "spec.strategy.rollingParams.pre",
        "spec.strategy.type",
        "spec.triggers",
        "spec.test",
    ] {
        assert!(said.contains(&path), "{path} is not in {said:?}");
    }
}

fn broker_2_0(config: &str, passwd: &str) -> Bundle {
    bundle([
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"mosquitto.conf": config}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users"}, "stringData": {"passwd": passwd}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "m"}, "spec": {
            "containers": [{"name": "m", "image": "docker.io/eclipse-mosquitto:2.0.22", "volumeMounts": [
                {"name": "conf", "mountPath": "/mosquitto/config"}, {"name": "users", "mountPath": "/users"}]}],
            "volumes": [{"name": "conf", "configMap": {"name": "conf"}}, {"name": "users", "secret": {"secretName": "users"}}]}}),
    ])
}

#[test]
fn mosquitto_2_1_keeps_the_meaning_of_the_configuration() {
    let old = broker_2_0(
        "port 1883\nbind_address 0.0.0.0\npassword_file /users/passwd\n",
        "",
    );
    let (new, changes) = migrate::mosquitto_2_1(&old);
    assert_eq!(
        value_of(&new, "ConfigMap", "conf")["data"]["mosquitto.conf"],
        "max_packet_size 268435455\npassword_file /users/passwd\nlistener 1883 0.0.0.0\n"
    );
    let container = &value_of(&new, "Pod", "m")["spec"]["containers"][0];
    assert_eq!(container["image"], "docker.io/eclipse-mosquitto:2.1.2");
    assert_eq!(
        container["env"],
        json!([{"name": "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "value": "1"}])
    );
    assert_eq!(changes.len(), 4, "{changes:?}");
    let again = migrate::mosquitto_2_1(&new);
    assert_eq!(again, (new, Vec::new()));
}

#[test]
fn mosquitto_2_1_takes_out_password_lines_that_stop_it() {
    let good = "a:$7$101$bXF0dGt1YmUtMDAx$\
        PraTqKWBAMYALNI8+Pgz8T/cti/j0JFUiBDZYnMEPG1BU+OnZBVGpS4dqfH5F1lOsY0ZDTfbLc17KuS8gPoSOw==";
    let old = broker_2_0(
        "listener 1883\nmax_packet_size 1000\npassword_file /users/passwd\n",
        &format!("{good}\nb:secret\n{good}\n"),
    );
    let (new, changes) = migrate::mosquitto_2_1(&old);
    assert_eq!(
        value_of(&new, "Secret", "users")["stringData"]["passwd"],
        format!("{good}\n")
    );
    let said: Vec<_> = changes.iter().map(|change| change.what.as_str()).collect();
    assert!(
        said.contains(&"removed what 2.0 passed over, line 2, 3"),
        "{said:?}"
    );
    assert!(
        changes
            .iter()
            .all(|change| !change.to_string().contains("secret")),
        "a line is shown"
    );
}

#[test]
fn mosquitto_2_1_leaves_other_images_and_files_in_the_image_alone() {
    for tutorial in legacy::ALL {
        let (new, changes) = migrate::mosquitto_2_1(&(tutorial.bundle)());
        let broker = tutorial.name == "cloud-bridge";
        assert_eq!(!changes.is_empty(), broker, "{}: {changes:?}", tutorial.name);
        // Its configuration is written in the pod, so there is nothing to change but the image.
        assert_eq!(new != (tutorial.bundle)(), broker, "{}", tutorial.name);
    }
}

#[test]
fn objects_of_a_wrong_shape_are_left_alone() {
    let odd = |spec: Value| {
        bundle(
            ["Deployment", "DeploymentConfig", "ConfigMap", "Pod", "CronJob"].map(
                |kind| json!({"apiVersion": "extensions/v1beta1", "kind": kind, "metadata": {"name": kind}, "spec": spec, "data": spec}),
            ),
        )
    };
    for spec in [
        json!(null),
        json!("text"),
        json!([1]),
        json!({"template": 1}),
        json!({"template": {"spec": {"containers": [1, null], "volumes": [[]]}}}),
        json!({"containers": {"a": 1}, "volumes": [1], "strategy": [], "triggers": 5, "selector": 1}),
    ] {
        let bundle = odd(spec);
        let (migrated, _) = migrate::all(&bundle);
        let (again, _) = migrate::mosquitto_2_1(&migrated);
        assert_eq!(again.objects().len(), bundle.objects().len());
    }
}
