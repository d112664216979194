//! Names that must be found in the bundle.

use std::collections::HashSet;

use serde_json::Value;

use super::matching::Matching;
use super::pod::{Container, Pod, items};
use super::report::Findings;
use super::{Rule, rules};
use crate::bundle::Bundle;
use crate::object::Object;

pub(super) fn check(bundle: &Bundle, pods: &[Pod<'_>], matching: &Matching<'_, '_>, findings: &mut Findings) {
    let made = Made::of(bundle);
    for pod in pods {
        volumes(bundle, &made, pod, findings);
        environment(bundle, &made, pod, findings);
        account(bundle, pod, findings);
        selector(pod, findings);
    }
    for object in bundle.objects() {
        match object.kind() {
            "Service" => service(object, matching, findings),
            "StatefulSet" => headless(bundle, object, findings),
            "HorizontalPodAutoscaler" => scaled(bundle, object, findings),
            "Ingress" | "Route" | "TLSRoute" => backends(bundle, object, findings),
            _ => {}
        }
    }
}

/// An object of the bundle in the same namespace as `from`.
pub(super) fn find<'a>(bundle: &'a Bundle, from: &Object, kind: &str, name: &str) -> Option<&'a Object> {
    bundle.find(kind, from.namespace(), name)
}

/// A reference to a ConfigMap or Secret, where it stands and the keys that it asks for.
struct Source<'a> {
    kind: &'static str,
    name: &'a str,
    path: String,
    keys: Vec<(String, &'a str)>,
    optional: bool,
}

impl Source<'_> {
    fn check(&self, bundle: &Bundle, made: &Made<'_>, from: &Object, findings: &mut Findings) {
        if self.optional {
            return;
        }
        let (kind, name) = (self.kind, self.name);
        let Some(found) = find(bundle, from, kind, name) else {
            let made_elsewhere = kind == "Secret" && made.0.contains(&(from.namespace(), name));
            if !made_elsewhere {
                let rule = if kind == "Secret" {
                    &rules::NO_SECRET
                } else {
                    &rules::NO_CONFIG_MAP
                };
                findings.add(
                    rule,
                    from,
                    self.path.clone(),
                    format!("{kind} `{name}` is not in the bundle"),
                );
            }
            return;
        };
        for (path, key) in &self.keys {
            let has = ["data", "stringData", "binaryData"]
                .iter()
                .any(|data| found.value()[*data].get(key).is_some());
            if !has {
                findings.add(
                    &rules::NO_KEY,
                    from,
                    path.clone(),
                    format!("{kind} `{name}` has no key `{key}`"),
                );
            }
        }
    }
}

/// The Secrets that a Certificate or ExternalSecret of the bundle makes, with their namespaces.
struct Made<'a>(HashSet<(Option<&'a str>, &'a str)>);

impl<'a> Made<'a> {
    fn of(bundle: &'a Bundle) -> Self {
        let name = |object: &'a Object| match object.kind() {
            "Certificate" => object.at("/spec/secretName").as_str(),
            "ExternalSecret" => {
                let name = object.at("/spec/target/name").as_str();
                Some(name.unwrap_or_else(|| object.name()))
            }
            _ => None,
        };
        let made = |object: &'a Object| Some((object.namespace(), name(object)?));
        Self(bundle.objects().iter().filter_map(made).collect())
    }
}

fn volumes(bundle: &Bundle, made: &Made<'_>, pod: &Pod<'_>, findings: &mut Findings) {
    for (index, volume) in pod.volumes() {
        let path = format!("{}.volumes[{index}]", pod.path);
        let projected = items(&volume["projected"]["sources"]).enumerate();
        let parts = std::iter::once((path.clone(), volume))
            .chain(projected.map(|(at, source)| (format!("{path}.projected.sources[{at}]"), source)));
        for (path, part) in parts {
            for source in [
                volume_source(part, &path, "ConfigMap"),
                volume_source(part, &path, "Secret"),
            ] {
                source
                    .into_iter()
                    .for_each(|source| source.check(bundle, made, pod.object, findings));
            }
        }
        let claim = volume["persistentVolumeClaim"]["claimName"].as_str();
        if let Some(claim) =
            claim.filter(|name| find(bundle, pod.object, "PersistentVolumeClaim", name).is_none())
        {
            let path = format!("{path}.persistentVolumeClaim.claimName");
            findings.add(
                &rules::NO_CLAIM,
                pod.object,
                path,
                format!("claim `{claim}` is not in the bundle"),
            );
        }
    }
    let templates =
        items(pod.object.at("/spec/volumeClaimTemplates")).map(|claim| &claim["metadata"]["name"]);
    let known: Vec<&Value> = pod
        .volumes()
        .map(|(_, volume)| &volume["name"])
        .chain(templates)
        .collect();
    for container in pod.containers() {
        for (index, mount) in items(&container.value["volumeMounts"]).enumerate() {
            if !known.contains(&&mount["name"]) {
                let path = container.path(pod, &format!("volumeMounts[{index}].name"));
                let name = mount["name"].as_str().unwrap_or_default();
                findings.add(
                    &rules::NO_VOLUME,
                    pod.object,
                    path,
                    format!("the pod has no volume `{name}`"),
                );
            }
        }
    }
}

/// The ConfigMap or Secret of a volume, or of one source of a projected volume: the two name themselves differently.
fn volume_source<'a>(part: &'a Value, path: &str, kind: &'static str) -> Option<Source<'a>> {
    let member = if kind == "Secret" { "secret" } else { "configMap" };
    let source = &part[member];
    let name = source["name"]
        .as_str()
        .or_else(|| source["secretName"].as_str())?;
    let keys = items(&source["items"]).enumerate().filter_map(|(index, item)| {
        Some((
            format!("{path}.{member}.items[{index}].key"),
            item["key"].as_str()?,
        ))
    });
    let optional = source["optional"] == true;
    Some(Source {
        kind,
        name,
        path: format!("{path}.{member}"),
        keys: keys.collect(),
        optional,
    })
}

fn environment(bundle: &Bundle, made: &Made<'_>, pod: &Pod<'_>, findings: &mut Findings) {
    for container in pod.containers() {
        let single = items(&container.value["env"])
            .enumerate()
            .flat_map(|(index, variable)| {
                [("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")]
                    .into_iter()
                    .filter_map(move |(kind, member)| {
                        let reference = &variable["valueFrom"][member];
                        let path = container.path(pod, &format!("env[{index}].valueFrom.{member}"));
                        let keys = reference["key"]
                            .as_str()
                            .map(|key| (format!("{path}.key"), key))
                            .into_iter()
                            .collect();
                        let optional = reference["optional"] == true;
                        Some(Source {
                            kind,
                            name: reference["name"].as_str()?,
                            path,
                            keys,
                            optional,
                        })
                    })
            });
        let whole = items(&container.value["envFrom"])
            .enumerate()
            .flat_map(|(index, from)| {
                [("ConfigMap", "configMapRef"), ("Secret", "secretRef")]
                    .into_iter()
                    .filter_map(move |(kind, member)| {
                        let reference = &from[member];
                        let path = container.path(pod, &format!("envFrom[{index}].{member}"));
                        let optional = reference["optional"] == true;
                        Some(Source {
                            kind,
                            name: reference["name"].as_str()?,
                            path,
                            keys: Vec::new(),
                            optional,
                        })
                    })
            });
        single
            .chain(whole)
            .for_each(|source| source.check(bundle, made, pod.object, findings));
    }
}

fn account(bundle: &Bundle, pod: &Pod<'_>, findings: &mut Findings) {
    let Some(name) = pod.spec["serviceAccountName"]
        .as_str()
        .filter(|name| *name != "default")
    else {
        return;
    };
    if find(bundle, pod.object, "ServiceAccount", name).is_none() {
        let path = format!("{}.serviceAccountName", pod.path);
        findings.add(
            &rules::NO_ACCOUNT,
            pod.object,
            path,
            format!("ServiceAccount `{name}` is not in the bundle"),
        );
    }
}

fn selector(pod: &Pod<'_>, findings: &mut Findings) {
    // A DeploymentConfig's selector is the labels themselves, and may be left out; Jobs make their own.
    let (pointer, path) = match pod.object.kind() {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => {
            ("/spec/selector/matchLabels", "spec.selector")
        }
        "DeploymentConfig" if !pod.object.at("/spec/selector").is_null() => {
            ("/spec/selector", "spec.selector")
        }
        _ => return,
    };
    let selector = pod.object.at(pointer);
    if pod.object.at("/spec/selector").is_null() {
        let message = format!("{} has no selector", pod.object.kind());
        findings.add(&rules::NO_SELECTOR, pod.object, path, message);
    } else if !selector.is_null() && !pod.fits(selector) {
        let message = format!(
            "the selector {selector} does not fit the labels {} of the template",
            pod.labels
        );
        findings.add(&rules::SELECTOR_MISMATCH, pod.object, path, message);
    }
}

fn service(object: &Object, matching: &Matching<'_, '_>, findings: &mut Findings) {
    let selector = object.at("/spec/selector");
    if selector.as_object().is_none_or(serde_json::Map::is_empty) {
        return; // its endpoints are made by others
    }
    if matching.pods(object.namespace(), selector).next().is_none() {
        let message = format!("no pod of the bundle has the labels {selector}");
        findings.add(&rules::SERVICE_SELECTS_NOTHING, object, "spec.selector", message);
    }
}

fn headless(bundle: &Bundle, object: &Object, findings: &mut Findings) {
    let Some(name) = object
        .at("/spec/serviceName")
        .as_str()
        .filter(|name| !name.is_empty())
    else {
        return;
    };
    let found = find(bundle, object, "Service", name);
    if !found.is_some_and(|service| service.at("/spec/clusterIP") == "None") {
        let message = format!("`{name}` is no headless Service of the bundle");
        findings.add(&rules::NO_SERVICE_NAME, object, "spec.serviceName", message);
    }
}

fn scaled(bundle: &Bundle, object: &Object, findings: &mut Findings) {
    let target = object.at("/spec/scaleTargetRef");
    let (Some(kind), Some(name)) = (target["kind"].as_str(), target["name"].as_str()) else {
        return;
    };
    absent(
        bundle,
        object,
        (kind, name),
        &rules::NO_TARGET,
        "spec.scaleTargetRef",
        findings,
    );
}

fn backends(bundle: &Bundle, object: &Object, findings: &mut Findings) {
    let mut check = |name: &Value, path: String| {
        if let Some(name) = name.as_str() {
            absent(
                bundle,
                object,
                ("Service", name),
                &rules::NO_BACKEND,
                &path,
                findings,
            );
        }
    };
    match object.kind() {
        "Route" => check(object.at("/spec/to/name"), "spec.to.name".to_owned()),
        "TLSRoute" => {
            for (rule, value) in items(object.at("/spec/rules")).enumerate() {
                for (index, backend) in items(&value["backendRefs"]).enumerate() {
                    check(
                        &backend["name"],
                        format!("spec.rules[{rule}].backendRefs[{index}].name"),
                    );
                }
            }
        }
        _ => {
            check(
                object.at("/spec/defaultBackend/service/name"),
                "spec.defaultBackend.service.name".to_owned(),
            );
            for (rule, value) in items(object.at("/spec/rules")).enumerate() {
                for (index, entry) in items(&value["http"]["paths"]).enumerate() {
                    let path = format!("spec.rules[{rule}].http.paths[{index}].backend.service.name");
                    check(&entry["backend"]["service"]["name"], path);
                }
            }
        }
    }
}

fn absent(
    bundle: &Bundle,
    from: &Object,
    (kind, name): (&str, &str),
    rule: &Rule,
    path: &str,
    findings: &mut Findings,
) {
    if find(bundle, from, kind, name).is_none() {
        findings.add(rule, from, path, format!("{kind} `{name}` is not in the bundle"));
    }
}

/// Whether any container mounts the volume.
pub(super) fn is_mounted(pod: &Pod<'_>, volume: &Value) -> bool {
    let mounts = |container: &Container<'_>| {
        let devices = items(&container.value["volumeDevices"]).any(|device| device["name"] == *volume);
        devices || items(&container.value["volumeMounts"]).any(|mount| mount["name"] == *volume)
    };
    pod.containers().any(|container| mounts(&container))
}
