//! Every rule: a bundle without a finding, and for each code one small change that fires it.

use std::collections::BTreeSet;

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::check::{Finding, Rule, Severity, rules};
use serde_json::{Value, json};

/// A broker with everything that the rules look at, and nothing wrong.
fn good() -> Vec<Value> {
    let labels = json!({"app": "mosquitto"});
    let meta = |name: &str| json!({"name": name, "namespace": "mqtt"});
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mqtt"}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("mosquitto")}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta("reader"), "rules": [
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["users"], "verbs": ["get"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta("reader"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "mosquitto", "namespace": "mqtt"}]}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("conf"), "data": {
            "mosquitto.conf": "persistence true\npersistence_location /mosquitto/data/\nautosave_on_changes true\n\
                autosave_interval 1\nmax_queued_messages 0\nlistener 1883\nlistener 8883\npassword_file /users/passwd\n",
            "cloud.tmpl": "remote_password GOOGLE_CLOUD_JWT\n"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("users"), "data": {"passwd": "IyBub2JvZHkgeWV0Cg=="}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta("data"),
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("mosquitto"), "spec": {
            "type": "NodePort", "selector": labels, "ports": [
                {"name": "mqtt", "port": 1883, "targetPort": "mqtt", "nodePort": 31883},
                {"name": "mqtts", "port": 8883, "targetPort": 8883}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("headless"), "spec": {
            "clusterIP": "None", "selector": {"app": "cluster"}, "ports": [{"port": 1883}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("mosquitto"), "spec": {
            "replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "serviceAccountName": "mosquitto",
                "securityContext": {"runAsNonRoot": true, "runAsUser": 1883, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{
                    "name": "mosquitto", "image": "example.org/broker:2.0.22",
                    "env": [{"name": "USER_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "users", "key": "passwd"}}}],
                    "ports": [{"name": "mqtt", "containerPort": 1883}, {"name": "mqtts", "containerPort": 8883}],
                    "readinessProbe": {"tcpSocket": {"port": "mqtt"}},
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [
                        {"name": "conf", "mountPath": "/mosquitto/config"},
                        {"name": "users", "mountPath": "/users"},
                        {"name": "data", "mountPath": "/mosquitto/data"}]}],
                "volumes": [
                    {"name": "conf", "configMap": {"name": "conf"}},
                    {"name": "users", "secret": {"secretName": "users"}},
                    {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}}}}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta("cluster"), "spec": {
            "replicas": 3, "serviceName": "headless", "selector": {"matchLabels": {"app": "cluster"}},
            "template": {"metadata": {"labels": {"app": "cluster"}}, "spec": {
                "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{"name": "broker", "image": "example.org/broker:2.0.22",
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "data", "mountPath": "/mosquitto/data"}]}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]}}),
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta("cluster"), "spec": {
            "maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": {"app": "cluster"}}}}),
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta("cluster"),
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "cluster"}}}),
        json!({"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": meta("mosquitto"),
            "spec": {"to": {"kind": "Service", "name": "mosquitto"}}}),
        json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "metadata": {"name": "here"},
            "resources": ["../base"]}),
    ]
}

/// The path of the Deployment's pod, and of its container.
const POD: &str = "/spec/template/spec";
const CONTAINER: &str = "/spec/template/spec/containers/0";

/// One change: object by kind and name, JSON pointer, new value (null removes). A pointer to the end of a list appends.
struct Change(&'static str, String, Value);

fn set(object: &'static str, pointer: &str, value: Value) -> Change {
    Change(object, pointer.to_owned(), value)
}

fn pod(pointer: &str, value: Value) -> Change {
    Change("Deployment/mosquitto", format!("{POD}{pointer}"), value)
}

fn container(pointer: &str, value: Value) -> Change {
    Change("Deployment/mosquitto", format!("{CONTAINER}{pointer}"), value)
}

fn apply(objects: &mut [Value], Change(name, pointer, new): Change) {
    let (kind, name) = name.split_once('/').expect("kind and name");
    let found = objects
        .iter_mut()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    let parent = found
        .expect("the object is there")
        .pointer_mut(parent)
        .expect("the parent is there");
    match parent {
        Value::Array(list) => match last.parse::<usize>() {
            Ok(index) => list[index] = new,
            Err(_) => list.push(new),
        },
        Value::Object(map) if new.is_null() => drop(map.remove(&last.replace("~1", "/"))),
        Value::Object(map) => drop(map.insert(last.replace("~1", "/"), new)),
        _ => panic!("{pointer} is no list or map"),
    }
}

fn findings(objects: Vec<Value>) -> Vec<Finding> {
    let mut bundle = Bundle::new();
    for object in objects {
        bundle.add_value(object).expect("it is an object");
    }
    bundle.check().findings().to_vec()
}

fn cases() -> Vec<(&'static Rule, Vec<Change>)> {
    let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    let budget = "PodDisruptionBudget/cluster";
    let deployment = "Deployment/mosquitto";
    let service = "Service/mosquitto";
    let map = "ConfigMap/conf";
    vec![
        (
            &rules::NO_VOLUME,
            vec![container("/volumeMounts/-", mount("nope", "/x"))],
        ),
        (
            &rules::NO_CONFIG_MAP,
            vec![pod("/volumes/0/configMap/name", json!("nope"))],
        ),
        (
            &rules::NO_SECRET,
            vec![pod("/volumes/1/secret/secretName", json!("nope"))],
        ),
        (
            &rules::NO_KEY,
            vec![container("/env/0/valueFrom/secretKeyRef/key", json!("nope"))],
        ),
        (
            &rules::NO_CLAIM,
            vec![pod("/volumes/2/persistentVolumeClaim/claimName", json!("nope"))],
        ),
        (
            &rules::NO_ACCOUNT,
            vec![pod("/serviceAccountName", json!("nope"))],
        ),
        (
            &rules::SERVICE_SELECTS_NOTHING,
            vec![set(service, "/spec/selector/app", json!("nope"))],
        ),
        (
            &rules::SELECTOR_MISMATCH,
            vec![set(deployment, "/spec/selector/matchLabels/app", json!("nope"))],
        ),
        (
            &rules::NO_SELECTOR,
            vec![set(deployment, "/spec/selector", Value::Null)],
        ),
        (
            &rules::NO_BACKEND,
            vec![set("Route/mosquitto", "/spec/to/name", json!("nope"))],
        ),
        (
            &rules::NO_SERVICE_NAME,
            vec![set(
                "StatefulSet/cluster",
                "/spec/serviceName",
                json!("mosquitto"),
            )],
        ),
        (
            &rules::NO_TARGET,
            vec![set(
                "HorizontalPodAutoscaler/cluster",
                "/spec/scaleTargetRef/name",
                json!("nope"),
            )],
        ),
        (
            &rules::NO_TARGET_PORT,
            vec![set(service, "/spec/ports/0/targetPort", json!("nope"))],
        ),
        (
            &rules::DUPLICATE_PORT,
            vec![set(service, "/spec/ports/1/port", json!(1883))],
        ),
        (
            &rules::UNNAMED_PORT,
            vec![set(service, "/spec/ports/1/name", Value::Null)],
        ),
        (
            &rules::NODE_PORT_RANGE,
            vec![set(service, "/spec/ports/0/nodePort", json!(1883))],
        ),
        (
            &rules::NO_PROBE_PORT,
            vec![container("/readinessProbe/tcpSocket/port", json!("nope"))],
        ),
        (
            &rules::NODE_PORT_TWICE,
            vec![set("Service/headless", "/spec/ports/0/nodePort", json!(31883))],
        ),
        (
            &rules::MOUNT_TWICE,
            vec![container("/volumeMounts/-", mount("conf", "/users/"))],
        ),
        (
            &rules::SUB_PATH_NEVER_UPDATES,
            vec![container("/volumeMounts/1/subPath", json!("passwd"))],
        ),
        (
            &rules::MOUNT_HIDES,
            vec![container("/volumeMounts/-", mount("conf", "/users/more"))],
        ),
        (
            &rules::UNUSED_VOLUME,
            vec![pod("/volumes/-", json!({"name": "x", "emptyDir": {}}))],
        ),
        (
            &rules::KEY_IN_CONFIG_MAP,
            vec![set(
                map,
                "/data/ec.pem",
                json!("-----BEGIN EC PRIVATE KEY-----\nx"),
            )],
        ),
        (
            &rules::PASSWORDS_IN_CONFIG_MAP,
            vec![set(map, "/data/passwd", json!("u:$7$101$a$b\n"))],
        ),
        (
            &rules::SECRET_IN_ENV,
            vec![container(
                "/env/-",
                json!({"name": "MQTT_PASSWORD", "value": "x"}),
            )],
        ),
        (
            &rules::TOKEN_IN_CONFIG_MAP,
            vec![set(map, "/data/b.conf", json!("remote_password hunter2\n"))],
        ),
        (
            &rules::PRIVILEGED,
            vec![container("/securityContext/privileged", json!(true))],
        ),
        (&rules::HOST_NAMESPACE, vec![pod("/hostNetwork", json!(true))]),
        (
            &rules::HOST_PATH,
            vec![pod(
                "/volumes/0",
                json!({"name": "conf", "hostPath": {"path": "/etc"}}),
            )],
        ),
        (
            &rules::HOST_PORT,
            vec![container("/ports/0/hostPort", json!(1883))],
        ),
        (
            &rules::CAPABILITY,
            vec![container(
                "/securityContext/capabilities/add",
                json!(["SYS_PTRACE"]),
            )],
        ),
        (
            &rules::NOT_DROPPED,
            vec![container("/securityContext/capabilities", Value::Null)],
        ),
        (
            &rules::ESCALATION,
            vec![container(
                "/securityContext/allowPrivilegeEscalation",
                Value::Null,
            )],
        ),
        (
            &rules::MAY_BE_ROOT,
            vec![pod("/securityContext/runAsNonRoot", Value::Null)],
        ),
        (
            &rules::NO_SECCOMP,
            vec![pod("/securityContext/seccompProfile", Value::Null)],
        ),
        (
            &rules::VOLUME_KIND,
            vec![pod(
                "/volumes/0",
                json!({"name": "conf", "nfs": {"server": "x", "path": "/"}}),
            )],
        ),
        (
            &rules::PROC_MOUNT,
            vec![container("/securityContext/procMount", json!("Unmasked"))],
        ),
        (
            &rules::SYSCTL,
            vec![pod(
                "/securityContext/sysctls",
                json!([{"name": "kernel.msgmax", "value": "1"}]),
            )],
        ),
        (
            &rules::SELINUX,
            vec![pod(
                "/securityContext/seLinuxOptions",
                json!({"role": "sysadm_r"}),
            )],
        ),
        (
            &rules::SHARED_PROCESSES,
            vec![pod("/shareProcessNamespace", json!(true))],
        ),
        (
            &rules::BLOCKS_DRAIN,
            vec![set(budget, "/spec/maxUnavailable", json!(0))],
        ),
        (&rules::BUDGETS_OVERLAP, Vec::new()), // needs a second budget, see below
        (
            &rules::UNHEALTHY_BLOCKS,
            vec![set(budget, "/spec/unhealthyPodEvictionPolicy", Value::Null)],
        ),
        (
            &rules::ROLLING_ON_ONE_VOLUME,
            vec![set(deployment, "/spec/strategy", Value::Null)],
        ),
        (
            &rules::REPLICAS_ON_ONE_VOLUME,
            vec![set(deployment, "/spec/replicas", json!(2))],
        ),
        (
            &rules::NO_STORAGE_MODE,
            vec![set(
                "PersistentVolumeClaim/data",
                "/spec/accessModes",
                Value::Null,
            )],
        ),
        (
            &rules::REMOVED_API,
            vec![set(deployment, "/apiVersion", json!("extensions/v1beta1"))],
        ),
        (
            &rules::FLOATING_IMAGE,
            vec![container("/image", json!("eclipse-mosquitto"))],
        ),
        (
            &rules::DEPRECATED_KIND,
            vec![set("StatefulSet/cluster", "/kind", json!("DeploymentConfig"))],
        ),
        (
            &rules::DEPRECATED_FIELD,
            vec![set("Kustomization/here", "/bases", json!(["../base"]))],
        ),
        (
            &rules::CLUSTER_ADMIN,
            vec![set("RoleBinding/reader", "/roleRef/name", json!("cluster-admin"))],
        ),
        (
            &rules::WILDCARD_RIGHTS,
            vec![set("Role/reader", "/rules/0/verbs", json!(["*"]))],
        ),
        (
            &rules::DANGEROUS_VERB,
            vec![set("Role/reader", "/rules/0/verbs", json!(["impersonate"]))],
        ),
        (
            &rules::READS_ALL_SECRETS,
            vec![set("Role/reader", "/rules/0/resourceNames", Value::Null)],
        ),
        (
            &rules::NO_ROLE,
            vec![set("RoleBinding/reader", "/roleRef/name", json!("nope"))],
        ),
    ]
}

#[test]
fn nothing_false_is_said_of_a_good_bundle() {
    let found = findings(good());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_rule_fires_on_one_small_change_and_names_the_place() {
    for (rule, changes) in cases() {
        let mut objects = good();
        if *rule == rules::BUDGETS_OVERLAP {
            let mut second = objects
                .iter()
                .find(|object| object["kind"] == "PodDisruptionBudget")
                .cloned();
            second.as_mut().expect("there is a budget")["metadata"]["name"] = json!("second");
            objects.extend(second);
        }
        changes.into_iter().for_each(|change| apply(&mut objects, change));
        let found = findings(objects);
        let own: Vec<&Finding> = found.iter().filter(|finding| finding.code == rule.code).collect();
        assert!(
            !own.is_empty(),
            "{} ({}) is not found; found {found:#?}",
            rule.code,
            rule.title
        );
        assert!(
            own.iter()
                .all(|finding| !finding.path.is_empty() && finding.help == rule.help),
            "{own:#?}"
        );
    }
}

#[test]
fn every_rule_has_a_case_a_code_of_its_own_and_an_explanation() {
    let mut cases: BTreeSet<&str> = cases().iter().map(|(rule, _)| rule.code).collect();
    cases.extend(crate::check_brokers::cases().iter().map(|case| case.rule.code));
    let all: BTreeSet<&str> = rules::ALL.iter().map(|rule| rule.code).collect();
    assert_eq!(cases, all, "rules without a case, or cases without a rule");
    assert_eq!(all.len(), rules::ALL.len(), "a code is used twice");
    for rule in rules::ALL {
        assert_eq!(Rule::find(&rule.code.to_lowercase()), Some(*rule));
        assert!(
            rule.why.ends_with('.') && !rule.help.ends_with('.'),
            "{}",
            rule.code
        );
    }
}

#[test]
fn a_finding_names_object_path_and_cure() {
    let mut objects = good();
    apply(
        &mut objects,
        container("/volumeMounts/-", json!({"name": "certs", "mountPath": "/certs"})),
    );
    let found = findings(objects);
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "Deployment/mqtt/mosquitto: error[MK101]: the pod has no volume `certs`\n  \
          at spec.template.spec.containers[0].volumeMounts[3].name\n  \
          help: declare the volume in the pod, or correct the name of the mount"
        ]
    );
    assert_eq!(found[0].severity, Severity::Error);
}

#[test]
fn a_secret_is_named_by_its_place_and_never_shown() {
    let mut objects = good();
    apply(
        &mut objects,
        container("/env/-", json!({"name": "API_TOKEN", "value": "canary-91"})),
    );
    apply(
        &mut objects,
        container(
            "/args",
            json!(["-P", "canary-92", "--password=canary-93", "--token", "canary-94"]),
        ),
    );
    apply(
        &mut objects,
        set("ConfigMap/conf", "/data/x", json!("bridge_psk canary-95\n")),
    );
    let found = findings(objects);
    assert_eq!(
        found
            .iter()
            .filter(|finding| finding.code.starts_with("MK4"))
            .count(),
        5,
        "{found:#?}"
    );
    assert!(!format!("{found:?}").contains("canary"), "{found:#?}");
}

#[test]
fn a_secret_that_a_certificate_makes_is_not_missed() {
    let mut objects = good();
    apply(&mut objects, pod("/volumes/1/secret/secretName", json!("tls")));
    objects.push(json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
        "metadata": {"name": "tls", "namespace": "mqtt"}, "spec": {"secretName": "tls"}}));
    assert!(
        !findings(objects)
            .iter()
            .any(|finding| finding.code == rules::NO_SECRET.code)
    );
}

#[test]
fn a_namespace_that_is_privileged_on_purpose_is_left_in_peace() {
    let mut objects = good();
    let labels = json!({"pod-security.kubernetes.io/enforce": "privileged"});
    apply(&mut objects, set("Namespace/mqtt", "/metadata/labels", labels));
    apply(
        &mut objects,
        container("/securityContext/privileged", json!(true)),
    );
    assert!(findings(objects).is_empty());
}
