//! What leads to the pods of a workload, and what watches over them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Branch, list, pods, shown};
use crate::object::{Object, ObjectKey};

/// Services with what leads to them, policies, budgets, scalers and monitors.
pub(super) fn branches<'a>(
    workload: &'a Object,
    objects: &[&'a Object],
    seen: &mut BTreeSet<&'a ObjectKey>,
) -> Vec<Branch> {
    let mut branches = Vec::new();
    for object in objects {
        let branch = match object.kind() {
            "Service" => {
                selects(object.at("/spec/selector"), workload, false).then(|| service(object, objects, seen))
            }
            "NetworkPolicy" => selects(object.at("/spec/podSelector/matchLabels"), workload, true)
                .then(|| Branch::leaf(policy(object))),
            "PodDisruptionBudget" => selects(object.at("/spec/selector/matchLabels"), workload, false)
                .then(|| Branch::leaf(budget(object))),
            "HorizontalPodAutoscaler" => scales(object, workload).then(|| Branch::leaf(scaler(object))),
            "PodMonitor" => selects(object.at("/spec/selector/matchLabels"), workload, false)
                .then(|| Branch::leaf(format!("PodMonitor {}", object.name()))),
            _ => None,
        };
        if let Some(branch) = branch {
            seen.insert(object.key());
            branches.push(branch);
        }
    }
    branches
}

/// Whether these labels are among those of the pods. No labels select all pods where `all` says so, else none.
fn selects(selector: &Value, workload: &Object, all: bool) -> bool {
    let labels = pods::labels(workload);
    match selector.as_object() {
        Some(selector) if !selector.is_empty() => selector.iter().all(|(key, value)| labels[key] == *value),
        _ => all,
    }
}

fn service<'a>(service: &'a Object, objects: &[&'a Object], seen: &mut BTreeSet<&'a ObjectKey>) -> Branch {
    let mut text = format!("Service {}", service.name());
    match service.at("/spec/type").as_str() {
        _ if service.at("/spec/clusterIP") == "None" => text.push_str(" (headless)"),
        Some(kind) if kind != "ClusterIP" => text.push_str(&format!(" ({kind})")),
        _ => {}
    }
    for port in list(service.at("/spec/ports")) {
        text.push_str(&format!(", port {}", shown(&port["port"])));
        if !port["nodePort"].is_null() {
            text.push_str(&format!(" (node port {})", shown(&port["nodePort"])));
        }
        if !port["targetPort"].is_null() && port["targetPort"] != port["port"] {
            text.push_str(&format!(" -> {}", shown(&port["targetPort"])));
        }
    }
    let mut below = Vec::new();
    for object in objects {
        if let Some(text) = way(object, service) {
            seen.insert(object.key());
            below.push(Branch::leaf(text));
        }
    }
    Branch { text, below }
}

/// How a Route, TLSRoute, Ingress or ServiceMonitor leads to a Service.
fn way(object: &Object, service: &Object) -> Option<String> {
    let name = format!("{} {}", object.kind(), object.name());
    let hosts = |pointer: &str| list(object.at(pointer)).map(shown).collect::<Vec<_>>().join(", ");
    match object.kind() {
        "Route" => (object.at("/spec/to/name") == service.name()).then(|| {
            let host = shown(object.at("/spec/host"));
            let way = shown(object.at("/spec/tls/termination"));
            format!(
                "{name}, {host} ({way}) -> {}",
                shown(object.at("/spec/port/targetPort"))
            )
        }),
        "TLSRoute" => list(object.at("/spec/rules"))
            .flat_map(|rule| list(&rule["backendRefs"]))
            .find(|backend| backend["name"] == service.name())
            .map(|backend| {
                format!(
                    "{name}, {} -> {}",
                    hosts("/spec/hostnames"),
                    shown(&backend["port"])
                )
            }),
        "Ingress" => list(object.at("/spec/rules")).find_map(|rule| {
            let backends = list(&rule["http"]["paths"]).map(|path| &path["backend"]["service"]);
            let found = backends
                .into_iter()
                .find(|backend| backend["name"] == service.name())?;
            let port = found["port"].as_object()?.values().next()?;
            Some(format!("{name}, {} -> {}", shown(&rule["host"]), shown(port)))
        }),
        "ServiceMonitor" => {
            let wanted = object.at("/spec/selector/matchLabels").as_object()?;
            let labels = service.at("/metadata/labels");
            wanted
                .iter()
                .all(|(key, value)| labels[key] == *value)
                .then_some(name)
        }
        _ => None,
    }
}

fn policy(policy: &Object) -> String {
    let name = format!("NetworkPolicy {}", policy.name());
    let mut ways = Vec::new();
    for (direction, peers, word) in [("/spec/ingress", "from", "in"), ("/spec/egress", "to", "out")] {
        for rule in list(policy.at(direction)) {
            let ports: Vec<_> = list(&rule["ports"]).map(|port| shown(&port["port"])).collect();
            let ports = if ports.is_empty() {
                "all ports".to_owned()
            } else {
                ports.join(", ")
            };
            let count = list(&rule[peers]).count();
            let who = match count {
                0 => "anybody".to_owned(),
                1 => peer(&rule[peers][0]),
                _ => list(&rule[peers]).map(peer).collect::<Vec<_>>().join(" or "),
            };
            ways.push(format!("{word} {peers} {who}: {ports}"));
        }
    }
    if ways.is_empty() {
        return format!("{name}, nothing passes");
    }
    format!("{name}, {}", ways.join("; "))
}

fn peer(peer: &Value) -> String {
    let labels = |selector: &Value| {
        let pairs = selector["matchLabels"].as_object().into_iter().flatten();
        let pairs: Vec<_> = pairs
            .map(|(key, value)| format!("{key}={}", shown(value)))
            .collect();
        if pairs.is_empty() {
            "all".to_owned()
        } else {
            pairs.join(",")
        }
    };
    if let Some(range) = peer["ipBlock"]["cidr"].as_str() {
        return range.to_owned();
    }
    let mut words = Vec::new();
    if !peer["podSelector"].is_null() {
        words.push(format!("pods {}", labels(&peer["podSelector"])));
    }
    if !peer["namespaceSelector"].is_null() {
        words.push(format!("namespaces {}", labels(&peer["namespaceSelector"])));
    }
    words.join(" in ")
}

fn budget(budget: &Object) -> String {
    let spec = budget.at("/spec");
    let says = ["maxUnavailable", "minAvailable"]
        .iter()
        .find(|key| !spec[**key].is_null())
        .map(|key| format!(", {key} {}", shown(&spec[*key])));
    format!(
        "PodDisruptionBudget {}{}",
        budget.name(),
        says.unwrap_or_default()
    )
}

fn scales(scaler: &Object, workload: &Object) -> bool {
    let target = scaler.at("/spec/scaleTargetRef");
    target["kind"] == workload.kind() && target["name"] == workload.name()
}

fn scaler(scaler: &Object) -> String {
    let least = scaler.at("/spec/minReplicas").as_u64().unwrap_or(1);
    let most = shown(scaler.at("/spec/maxReplicas"));
    format!("HorizontalPodAutoscaler {}, {least} to {most}", scaler.name())
}
