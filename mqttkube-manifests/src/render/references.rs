//! Where objects name ConfigMaps and Secrets: the places that kustomize knows, and the pods of a `DeploymentConfig`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::object::ObjectKey;

/// Kinds whose pods kustomize looks into.
const KNOWN: &[&str] = &[
    "Pod",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "ServiceAccount",
    "Ingress",
    "Role",
    "ClusterRole",
];

/// New names by the old key.
type Names = BTreeMap<ObjectKey, String>;

/// Changes every reference in an object of this namespace.
pub(super) fn rename(value: &mut Value, namespace: Option<&str>, names: &Names) {
    if names.is_empty() {
        return;
    }
    visit(value, &mut |kind, name| {
        let key = ObjectKey {
            group: String::new(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.as_str().unwrap_or_default().to_owned(),
        };
        if let Some(new) = names.get(&key) {
            *name = new.as_str().into();
        }
    });
}

/// Whether the object names this ConfigMap or Secret from a place that kustomize does not look into, so that a
/// generator would leave it dangling.
pub(super) fn unseen(value: &Value, namespace: Option<&str>, key: &ObjectKey) -> bool {
    let kind = value["kind"].as_str().unwrap_or_default();
    if namespace != key.namespace.as_deref() || KNOWN.contains(&kind) {
        return false;
    }
    let mut found = false;
    visit(&mut value.clone(), &mut |kind, name| {
        found |= kind == key.kind && name.as_str() == Some(key.name.as_str());
    });
    found
}

/// Calls `see` with kind and name of every reference.
fn visit(value: &mut Value, see: &mut dyn FnMut(&str, &mut Value)) {
    for pointer in [
        "/spec",
        "/spec/template/spec",
        "/spec/jobTemplate/spec/template/spec",
    ] {
        if let Some(pod) = value.pointer_mut(pointer) {
            visit_pod(pod, see);
        }
    }
    match value["kind"].as_str().unwrap_or_default() {
        "ServiceAccount" => each(value, "imagePullSecrets", &mut |secret| {
            name(secret, "/name", "Secret", see);
        }),
        "Ingress" => {
            if let Some(spec) = value.get_mut("spec") {
                each(spec, "tls", &mut |tls| name(tls, "/secretName", "Secret", see));
            }
        }
        "Role" | "ClusterRole" => each(value, "rules", &mut visit_rule(see)),
        _ => {}
    }
}

/// A rule may name objects of several kinds; kustomize changes them all.
fn visit_rule(see: &mut dyn FnMut(&str, &mut Value)) -> impl FnMut(&mut Value) {
    move |rule| {
        for name in rule["resourceNames"].as_array_mut().into_iter().flatten() {
            see("ConfigMap", name);
            see("Secret", name);
        }
    }
}

fn visit_pod(pod: &mut Value, see: &mut dyn FnMut(&str, &mut Value)) {
    each(pod, "volumes", &mut |volume| {
        name(volume, "/configMap/name", "ConfigMap", see);
        name(volume, "/secret/secretName", "Secret", see);
        if let Some(projected) = volume.get_mut("projected") {
            each(projected, "sources", &mut |source| {
                name(source, "/configMap/name", "ConfigMap", see);
                name(source, "/secret/name", "Secret", see);
            });
        }
    });
    for containers in ["containers", "initContainers"] {
        each(pod, containers, &mut |container| {
            each(container, "env", &mut |variable| {
                name(variable, "/valueFrom/configMapKeyRef/name", "ConfigMap", see);
                name(variable, "/valueFrom/secretKeyRef/name", "Secret", see);
            });
            each(container, "envFrom", &mut |source| {
                name(source, "/configMapRef/name", "ConfigMap", see);
                name(source, "/secretRef/name", "Secret", see);
            });
        });
    }
    each(pod, "imagePullSecrets", &mut |secret| {
        name(secret, "/name", "Secret", see);
    });
}

fn each(value: &mut Value, list: &str, visit: &mut dyn FnMut(&mut Value)) {
    if let Some(Value::Array(items)) = value.get_mut(list) {
        items.iter_mut().for_each(visit);
    }
}

fn name(value: &mut Value, pointer: &str, kind: &str, see: &mut dyn FnMut(&str, &mut Value)) {
    if let Some(name) = value.pointer_mut(pointer) {
        see(kind, name);
    }
}
