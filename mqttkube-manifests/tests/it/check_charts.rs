//! What well-known charts render, in shape: scripts that write configurations, namespaces that are here and there.

use std::collections::BTreeSet;

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::check::{Finding, Report, rules};
use serde_json::{Value, json};

fn check(objects: impl IntoIterator<Item = Value>) -> Report {
    let mut bundle = Bundle::new();
    for object in objects {
        bundle.add_value(object).expect("it is an object");
    }
    bundle.check()
}

fn labels() -> Value {
    json!({"app.kubernetes.io/name": "mosquitto", "app.kubernetes.io/managed-by": "Helm"})
}

/// A chart whose replicas join each other by bridges that a script writes before the broker starts.
fn federated(script: &str) -> Vec<Value> {
    let metadata = |name: &str| json!({"name": name, "namespace": "mqtt", "labels": labels()});
    let pod = json!({
        "initContainers": [{"name": "generate", "image": "eclipse-mosquitto:2.0.22", "command": ["sh", "-ec", script],
            "volumeMounts": [{"name": "template", "mountPath": "/template"}, {"name": "made", "mountPath": "/work"}]}],
        "containers": [{"name": "mosquitto", "image": "eclipse-mosquitto:2.0.22", "command": ["mosquitto"],
            "args": ["-c", "/mosquitto/config/mosquitto.conf"], "ports": [{"name": "mqtt", "containerPort": 1883}],
            "readinessProbe": {"tcpSocket": {"port": "mqtt"}},
            "volumeMounts": [{"name": "made", "mountPath": "/mosquitto/config"}]}],
        "volumes": [{"name": "template", "configMap": {"name": "federated-config"}}, {"name": "made", "emptyDir": {}}],
    });
    vec![
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("federated-config"),
            "data": {"mosquitto.conf.tmpl": "listener 1883\nallow_anonymous true\n"}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata("federated-headless"),
            "spec": {"clusterIP": "None", "selector": labels(), "ports": [{"name": "mqtt", "port": 1883}]}}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata("federated"),
            "spec": {"replicas": 3, "serviceName": "federated-headless", "selector": {"matchLabels": labels()},
                "template": {"metadata": {"labels": labels()}, "spec": pod}}}),
    ]
}

fn script(rule: &str) -> String {
    format!(
        "cp /template/mosquitto.conf.tmpl /work/mosquitto.conf\nfor i in 0 1 2; do\n  [ $i = $ordinal ] || printf \
         '\\nconnection to-%s\\naddress federated-%s.federated-headless.mqtt.svc:1883\\ntopic {rule}\\n' \"$i\" \
         \"federated-$i\" >> /work/mosquitto.conf\ndone\n"
    )
}

fn only<'a>(report: &'a Report, code: &str) -> Vec<&'a Finding> {
    report
        .findings()
        .iter()
        .filter(|finding| finding.code == code)
        .collect()
}

#[test]
fn a_mesh_of_replicas_that_a_script_makes_is_refused_at_the_script() {
    for rule in ["# both 1", "# out 1", "sensors/# both 0"] {
        let report = check(federated(&script(rule)));
        let found = only(&report, rules::BRIDGE_LOOP.code);
        assert!(!found.is_empty(), "{rule}: {report}");
        for finding in found {
            assert_eq!(finding.object, "StatefulSet/mqtt/federated");
            assert_eq!(finding.path, "spec.template.spec.initContainers[0].command[2]");
            assert!(
                finding.message.contains("federated-1 as `"),
                "{}",
                finding.message
            );
        }
        // They are joined, only too well.
        assert!(
            only(&report, rules::REPLICAS_APART.code).is_empty(),
            "{rule}: {report}"
        );
    }
}

#[test]
fn a_script_that_joins_nothing_leaves_the_replicas_apart() {
    for text in [
        "cp /template/mosquitto.conf.tmpl /work/mosquitto.conf",
        &script("# both 1").replace("federated-$i", "hub"),
    ] {
        let report = check(federated(text));
        assert!(only(&report, rules::BRIDGE_LOOP.code).is_empty(), "{report}");
        assert_eq!(only(&report, rules::REPLICAS_APART.code).len(), 1, "{report}");
    }
}

/// `helm template` shows the namespace where the chart's author has thought of it; all objects are installed into it.
#[test]
fn objects_of_a_release_find_each_other_whether_they_name_the_namespace_or_not() {
    let report = |left_out: &str| {
        let mut objects = federated("cp /template/mosquitto.conf.tmpl /work/mosquitto.conf");
        for object in &mut objects {
            if object["kind"] == left_out {
                object["metadata"]
                    .as_object_mut()
                    .expect("a map")
                    .remove("namespace");
            }
        }
        objects.push(
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "r", "labels": labels()},
            "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]}),
        );
        check(objects)
    };
    let codes = |report: &Report| -> BTreeSet<&str> {
        report.findings().iter().map(|finding| finding.code).collect()
    };
    let whole = codes(&report("nothing"));
    for kind in ["ConfigMap", "Service", "StatefulSet"] {
        assert_eq!(codes(&report(kind)), whole, "{kind}");
    }
    // Findings call objects what their author calls them.
    let found = report("StatefulSet");
    let names: BTreeSet<_> = found
        .findings()
        .iter()
        .map(|finding| finding.object.as_str())
        .collect();
    assert!(names.contains("StatefulSet/federated"), "{names:?}");
}
