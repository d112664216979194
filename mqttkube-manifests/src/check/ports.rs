//! Ports of Services, containers and probes.

use std::collections::HashMap;

use serde_json::Value;

use super::matching::Matching;
use super::pod::{Container, Pod, items};
use super::report::Findings;
use super::rules;
use crate::bundle::Bundle;
use crate::object::Object;

pub(super) fn check(bundle: &Bundle, pods: &[Pod<'_>], matching: &Matching<'_, '_>, findings: &mut Findings) {
    let mut node_ports = HashMap::new();
    for object in bundle
        .objects()
        .iter()
        .filter(|object| object.kind() == "Service")
    {
        service(object, matching, findings);
        for (index, port) in items(object.at("/spec/ports")).enumerate() {
            node_port(object, index, port, &mut node_ports, findings);
        }
    }
    for pod in pods {
        for container in pod.containers() {
            names(pod, &container, findings);
            probes(pod, &container, findings);
        }
    }
}

fn service(object: &Object, matching: &Matching<'_, '_>, findings: &mut Findings) {
    let selector = object.at("/spec/selector");
    let selected: Vec<&Pod<'_>> = matching.pods(object.namespace(), selector).collect();
    let ports: Vec<&Value> = items(object.at("/spec/ports")).collect();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        if ports.len() > 1 && port["name"].is_null() {
            findings.add(
                &rules::UNNAMED_PORT,
                object,
                path.clone(),
                format!("port {} has no name", port["port"]),
            );
        }
        let twin = ports[..index].iter().any(|other| {
            let same_number = other["port"] == port["port"] && protocol(other) == protocol(port);
            same_number || (!port["name"].is_null() && other["name"] == port["name"])
        });
        if twin {
            let message = format!("port {} has the name or number of another port", port["port"]);
            findings.add(&rules::DUPLICATE_PORT, object, path.clone(), message);
        }
        // A number reaches whatever listens there, declared or not; only a name must be found. A number that no
        // container declares, while others are declared, is a slip all the same.
        let target = if port["targetPort"].is_null() {
            &port["port"]
        } else {
            &port["targetPort"]
        };
        for pod in &selected {
            if !serves(pod, target) {
                let message = format!("no container of {} has the port {target}", pod.object.key());
                findings.add(
                    &rules::NO_TARGET_PORT,
                    object,
                    format!("{path}.targetPort"),
                    message,
                );
            }
        }
    }
}

fn protocol(port: &Value) -> &str {
    port["protocol"].as_str().unwrap_or("TCP")
}

fn serves(pod: &Pod<'_>, target: &Value) -> bool {
    let mut declared = pod
        .containers()
        .filter(|container| container.is_long_lived())
        .flat_map(|container| items(&container.value["ports"]))
        .peekable();
    if target.is_number() && declared.peek().is_none() {
        return true;
    }
    let member = if target.is_number() {
        "containerPort"
    } else {
        "name"
    };
    declared.any(|port| port[member] == *target)
}

fn node_port<'a>(
    object: &'a Object,
    index: usize,
    port: &Value,
    seen: &mut HashMap<u64, &'a Object>,
    findings: &mut Findings,
) {
    let Some(number) = port["nodePort"].as_u64().filter(|number| *number != 0) else {
        return;
    };
    let path = format!("spec.ports[{index}].nodePort");
    if !(30_000..=32_767).contains(&number) {
        findings.add(
            &rules::NODE_PORT_RANGE,
            object,
            path.clone(),
            format!("{number} is no node port"),
        );
    }
    if let Some(other) = seen.insert(number, object) {
        findings.add(
            &rules::NODE_PORT_TWICE,
            object,
            path,
            format!("{number} is taken by {}", other.key()),
        );
    }
}

fn names(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let ports: Vec<&Value> = items(&container.value["ports"]).collect();
    for (index, port) in ports.iter().enumerate() {
        let twin = |other: &&Value| !port["name"].is_null() && other["name"] == port["name"];
        if ports[..index].iter().any(twin) {
            let path = container.path(pod, &format!("ports[{index}].name"));
            findings.add(
                &rules::DUPLICATE_PORT,
                pod.object,
                path,
                format!("{} names two ports", port["name"]),
            );
        }
    }
}

fn probes(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        for action in ["httpGet", "tcpSocket"] {
            let port = &container.value[probe][action]["port"];
            let known = |name: &str| items(&container.value["ports"]).any(|port| port["name"] == name);
            if let Some(name) = port.as_str().filter(|name| !known(name)) {
                let path = container.path(pod, &format!("{probe}.{action}.port"));
                let message = format!("container {} has no port `{name}`", container.name());
                findings.add(&rules::NO_PROBE_PORT, pod.object, path, message);
            }
        }
    }
}
