//! What the pods of a workload are made of.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Branch, list, shown};
use crate::object::{Object, ObjectKey};
use crate::render::canonical;

/// The pod, or the template of the pods.
pub(super) fn template(workload: &Object) -> Option<&Value> {
    let pointer = match workload.kind() {
        "Pod" => "",
        "Deployment" | "StatefulSet" | "DaemonSet" | "DeploymentConfig" | "Job" => "/spec/template",
        "CronJob" => "/spec/jobTemplate/spec/template",
        _ => return None,
    };
    workload.value().pointer(pointer)
}

/// The labels of the pods.
pub(super) fn labels(workload: &Object) -> &Value {
    template(workload).map_or(&Value::Null, |template| &template["metadata"]["labels"])
}

/// Account, containers, volumes, and the bridges in the configuration.
pub(super) fn branches<'a>(
    workload: &'a Object,
    objects: &[&'a Object],
    seen: &mut BTreeSet<&'a ObjectKey>,
) -> Vec<Branch> {
    let Some(template) = template(workload) else {
        return Vec::new();
    };
    let pod = &template["spec"];
    let mut branches = Vec::new();
    if let Some(account) = pod["serviceAccountName"].as_str() {
        branches.push(self::account(account, objects, seen));
    }
    for (member, word) in [("initContainers", "first"), ("containers", "container")] {
        branches.extend(list(&pod[member]).map(|container| self::container(container, word, pod)));
    }
    for volume in list(&pod["volumes"]) {
        for (kind, name) in sources(volume) {
            let found = objects
                .iter()
                .find(|object| object.kind() == kind && object.name() == name);
            if let Some(object) = found {
                seen.insert(object.key());
                branches.extend(bridges(object).into_iter().map(Branch::leaf));
            }
        }
    }
    branches
}

fn account<'a>(name: &str, objects: &[&'a Object], seen: &mut BTreeSet<&'a ObjectKey>) -> Branch {
    let mut below = Vec::new();
    for object in objects {
        let bound = object.kind() == "RoleBinding"
            && list(object.at("/subjects"))
                .any(|subject| subject["kind"] == "ServiceAccount" && subject["name"] == name);
        if bound {
            seen.insert(object.key());
            let role = object.at("/roleRef");
            let role = (shown(&role["kind"]), shown(&role["name"]));
            below.push(Branch::leaf(format!("may what {} {} allows", role.0, role.1)));
            let found = objects
                .iter()
                .find(|object| (object.kind(), object.name()) == (&role.0, &role.1));
            seen.extend(found.map(|object| object.key()));
        }
        if object.kind() == "ServiceAccount" && object.name() == name {
            seen.insert(object.key());
        }
    }
    Branch {
        text: format!("as ServiceAccount {name}"),
        below,
    }
}

fn container(container: &Value, word: &str, pod: &Value) -> Branch {
    let word = if container["restartPolicy"] == "Always" {
        "sidecar"
    } else {
        word
    };
    let mut text = format!(
        "{word} {}, {}",
        shown(&container["name"]),
        shown(&container["image"])
    );
    let ports: Vec<_> = list(&container["ports"])
        .map(|port| match port["name"].as_str() {
            Some(name) => format!("{name} {}", shown(&port["containerPort"])),
            None => shown(&port["containerPort"]),
        })
        .collect();
    if !ports.is_empty() {
        text.push_str(&format!(", listens: {}", ports.join(", ")));
    }
    let mut below: Vec<Branch> = list(&container["volumeMounts"])
        .map(|mount| {
            Branch::leaf(format!(
                "{} <- {}",
                shown(&mount["mountPath"]),
                volume(&mount["name"], pod)
            ))
        })
        .collect();
    let variables = list(&container["env"]).chain(list(&container["envFrom"]));
    let named: BTreeSet<String> = variables.filter_map(source_of_variable).collect();
    below.extend(
        named
            .into_iter()
            .map(|source| Branch::leaf(format!("environment <- {source}"))),
    );
    Branch { text, below }
}

fn source_of_variable(variable: &Value) -> Option<String> {
    let places = [
        ("/valueFrom/configMapKeyRef/name", "ConfigMap"),
        ("/valueFrom/secretKeyRef/name", "Secret"),
        ("/configMapRef/name", "ConfigMap"),
        ("/secretRef/name", "Secret"),
    ];
    let found = places
        .iter()
        .find_map(|(pointer, kind)| Some((kind, variable.pointer(pointer)?)));
    found.map(|(kind, name)| format!("{kind} {}", shown(name)))
}

fn volume(name: &Value, pod: &Value) -> String {
    let Some(volume) = list(&pod["volumes"]).find(|volume| volume["name"] == *name) else {
        return format!("claim {} of each pod", shown(name));
    };
    let sources: Vec<_> = sources(volume)
        .into_iter()
        .map(|(kind, name)| format!("{kind} {name}"))
        .collect();
    if !sources.is_empty() {
        return sources.join(", ");
    }
    if volume["emptyDir"]["medium"] == "Memory" {
        return "memory".to_owned();
    }
    let kind = volume.as_object().into_iter().flatten().map(|(key, _)| key);
    let kind = kind.into_iter().find(|key| *key != "name");
    kind.map_or_else(|| "nothing".to_owned(), |kind| kind.clone())
}

/// Kind and name of what a volume holds.
fn sources(volume: &Value) -> Vec<(&'static str, String)> {
    const PLACES: &[(&str, &str)] = &[
        ("/configMap/name", "ConfigMap"),
        ("/secret/secretName", "Secret"),
        ("/secret/name", "Secret"),
        ("/persistentVolumeClaim/claimName", "PersistentVolumeClaim"),
    ];
    let of = |value: &Value| {
        let found = PLACES.iter();
        let found =
            found.filter_map(|(pointer, kind)| Some((*kind, value.pointer(pointer)?.as_str()?.to_owned())));
        found.collect::<Vec<_>>()
    };
    let projected = list(&volume["projected"]["sources"]).flat_map(of);
    of(volume).into_iter().chain(projected).collect()
}

/// The bridge connections in files of a ConfigMap or Secret. Names, addresses and topics; never passwords.
fn bridges(object: &Object) -> Vec<String> {
    let value = canonical::object(object.value());
    let mut found: Vec<String> = Vec::new();
    for text in value["data"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, text)| text)
    {
        let text = text.as_str().unwrap_or_default();
        let decoded = match object.kind() {
            "Secret" => STANDARD
                .decode(text)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok()),
            _ => Some(text.to_owned()),
        };
        for line in decoded.unwrap_or_default().lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("connection"), Some(name)) => found.push(format!("bridge {name}")),
                (Some("address" | "addresses"), Some(address)) => {
                    append(&mut found, &format!(" -> {address}"));
                }
                (Some("topic"), Some(topic)) => {
                    append(
                        &mut found,
                        &format!(", {} {topic}", words.next().unwrap_or("out")),
                    );
                }
                _ => {}
            }
        }
    }
    found
}

/// To the bridge that the lines are about; lines of other files begin with the same words.
fn append(found: &mut [String], text: &str) {
    if let Some(last) = found.last_mut() {
        last.push_str(text);
    }
}
