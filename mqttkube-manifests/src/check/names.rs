//! Names, labels and amounts: what the API server would refuse, found before it is asked.

use std::str::FromStr;

use serde_json::Value;

use super::pod::{Container, Pod, items};
use super::report::Findings;
use super::{Rule, rules};
use crate::bundle::Bundle;
use crate::name::{ConfigKey, DnsLabel, DnsSubdomain, LabelKey, LabelValue, PortName, ServiceName};
use crate::object::{KUSTOMIZE, Object};
use crate::quantity::Quantity;

pub(super) fn check(bundle: &Bundle, pods: &[Pod<'_>], findings: &mut Findings) {
    for object in bundle.objects() {
        own_name(object, findings);
        labels(object, "metadata", object.at("/metadata"), findings);
        data_keys(object, findings);
    }
    for pod in pods {
        let metadata = pod.metadata();
        if metadata != object_metadata(pod.object) {
            labels(pod.object, &pod.metadata_path(), metadata, findings);
        }
        for container in pod.containers() {
            container_names(pod, &container, findings);
            amounts(pod, &container, findings);
        }
    }
}

fn object_metadata(object: &Object) -> &Value {
    object.at("/metadata")
}

/// Reports a text that is not a `T`.
fn expect<T: FromStr<Err: ToString>>(
    text: &Value,
    object: &Object,
    path: impl Into<String>,
    findings: &mut Findings,
) {
    let Some(text) = text.as_str() else { return };
    if let Err(error) = text.parse::<T>() {
        findings.add(&rules::BAD_NAME, object, path, error.to_string());
    }
}

fn own_name(object: &Object, findings: &mut Findings) {
    if object.key().group == KUSTOMIZE {
        return; // it never reaches the API server
    }
    let (name, path) = (object.at("/metadata/name"), "metadata.name");
    match object.kind() {
        "Namespace" => expect::<DnsLabel>(name, object, path, findings),
        "Service" => expect::<ServiceName>(name, object, path, findings),
        // Names of rights may hold more, such as `system:node`.
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => {}
        _ => expect::<DnsSubdomain>(name, object, path, findings),
    }
    expect::<DnsLabel>(
        object.at("/metadata/namespace"),
        object,
        "metadata.namespace",
        findings,
    );
    let (most, reason) = match object.kind() {
        "StatefulSet" => (
            52,
            "its pods carry a label with the name and a hash of 11 characters",
        ),
        "CronJob" => (52, "its Jobs are called after it with 11 more characters"),
        "Deployment" | "DeploymentConfig" | "DaemonSet" | "Job" => {
            (63, "its pods carry the name, or its own Job's, in a label")
        }
        _ => return,
    };
    let length = object.name().len();
    if length > most {
        let message = format!("the name has {length} characters, {most} are allowed: {reason}");
        findings.add(&rules::LONG_NAME, object, path, message);
    }
}

fn labels(object: &Object, path: &str, metadata: &Value, findings: &mut Findings) {
    for member in ["labels", "annotations"] {
        for (key, value) in metadata[member].as_object().into_iter().flatten() {
            let place = format!("{path}.{member}[{key}]");
            report::<LabelKey>(key, &rules::BAD_LABEL, object, &place, findings);
            match value.as_str() {
                Some(text) if member == "labels" => {
                    report::<LabelValue>(text, &rules::BAD_LABEL, object, &place, findings);
                }
                Some(_) => {}
                None => {
                    let message = format!("`{value}` is no text; put it into quotes");
                    findings.add(&rules::BAD_LABEL, object, place, message);
                }
            }
        }
    }
}

fn report<T: FromStr<Err: ToString>>(
    text: &str,
    rule: &Rule,
    object: &Object,
    path: &str,
    findings: &mut Findings,
) {
    if let Err(error) = text.parse::<T>() {
        findings.add(rule, object, path, error.to_string());
    }
}

fn data_keys(object: &Object, findings: &mut Findings) {
    if !["ConfigMap", "Secret"].contains(&object.kind()) {
        return;
    }
    for member in ["data", "stringData", "binaryData"] {
        for key in object.value()[member]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            let path = format!("{member}[{key}]");
            report::<ConfigKey>(key, &rules::BAD_NAME, object, &path, findings);
        }
    }
}

fn container_names(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let object = pod.object;
    expect::<DnsLabel>(
        &container.value["name"],
        object,
        container.path(pod, "name"),
        findings,
    );
    for (index, port) in items(&container.value["ports"]).enumerate() {
        let path = container.path(pod, &format!("ports[{index}].name"));
        expect::<PortName>(&port["name"], object, path, findings);
        let number = &port["containerPort"];
        if !number.as_u64().is_some_and(|port| (1..=65_535).contains(&port)) {
            let path = container.path(pod, &format!("ports[{index}].containerPort"));
            findings.add(
                &rules::BAD_PORT,
                object,
                path,
                format!("`{number}` is no port; 1 to 65535 are"),
            );
        }
    }
}

fn amounts(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let resources = &container.value["resources"];
    let read = |member: &str, name: &str| {
        let text = match &resources[member][name] {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some(text.parse::<Quantity>())
    };
    for member in ["requests", "limits"] {
        for name in resources[member]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            let path = || container.path(pod, &format!("resources.{member}.{name}"));
            match read(member, name) {
                Some(Err(error)) => {
                    findings.add(&rules::BAD_QUANTITY, pod.object, path(), error.to_string());
                }
                Some(Ok(request)) if member == "requests" => {
                    if let Some(Ok(limit)) = read("limits", name)
                        && request > limit
                    {
                        let message = format!("{request} of {name} are requested and {limit} are the limit");
                        findings.add(&rules::REQUEST_ABOVE_LIMIT, pod.object, path(), message);
                    }
                }
                _ => {}
            }
        }
    }
}
