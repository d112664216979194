//! Network policies against the ports that they are about.

use std::collections::HashMap;

use serde_json::Value;

use crate::bundle::Bundle;
use crate::check::matching::Matching;
use crate::check::pod::{Pod, items};
use crate::check::report::Findings;
use crate::check::rules;
use crate::object::{Object, ObjectKey};

/// The ports of Cedalo's cluster: Raft, and control of one node. Both are unencrypted.
const CLUSTER_PORTS: [u64; 2] = [7_000, 1_885];

pub(super) fn check<'p, 'a>(
    bundle: &Bundle,
    pods: &'p [Pod<'a>],
    matching: &Matching<'p, 'a>,
    findings: &mut Findings,
) {
    let policies = bundle
        .objects()
        .iter()
        .filter(|object| object.kind() == "NetworkPolicy");
    let mut own: HashMap<&ObjectKey, Vec<&Object>> = HashMap::new();
    for policy in policies {
        let selected = selected(policy, pods, matching);
        ports(policy, &selected, findings);
        if governs_ingress(policy) {
            for pod in selected {
                own.entry(pod.object.key()).or_default().push(policy);
            }
        }
    }
    for pod in pods {
        let own = own.get(pod.object.key()).map_or(&[][..], Vec::as_slice);
        shut(matching, pod, own, findings);
        cluster(pod, own, findings);
    }
}

/// The pods of a policy. Expressions are not looked at: one with them is taken to apply to nothing here.
fn selected<'p, 'a>(policy: &Object, pods: &'p [Pod<'a>], matching: &Matching<'p, 'a>) -> Vec<&'p Pod<'a>> {
    let selector = policy.at("/spec/podSelector");
    if !selector["matchExpressions"].is_null() {
        return Vec::new();
    }
    if selector.as_object().is_some_and(serde_json::Map::is_empty) {
        let same = |pod: &&Pod<'_>| pod.namespace() == policy.namespace();
        return pods.iter().filter(same).collect();
    }
    matching
        .pods(policy.namespace(), &selector["matchLabels"])
        .collect()
}

fn governs_ingress(policy: &Object) -> bool {
    let types = policy.at("/spec/policyTypes");
    types.is_null() || items(types).any(|kind| kind == "Ingress")
}

/// A port that a policy opens and no pod of its has.
fn ports(policy: &Object, selected: &[&Pod<'_>], findings: &mut Findings) {
    let declares = selected.iter().any(|pod| declared(pod).next().is_some());
    if !declares {
        return;
    }
    for (rule, ingress) in items(policy.at("/spec/ingress")).enumerate() {
        for (index, entry) in items(&ingress["ports"]).enumerate() {
            let port = &entry["port"];
            let known = entry["endPort"].is_number()
                || port.is_null()
                || selected.iter().any(|pod| declared(pod).any(|own| is(own, port)));
            if !known {
                let path = format!("spec.ingress[{rule}].ports[{index}].port");
                let message = format!("no pod of this policy has the port {port}");
                findings.add(&rules::POLICY_PORT, policy, path, message);
            }
        }
    }
}

fn declared<'a>(pod: &Pod<'a>) -> impl Iterator<Item = &'a Value> + use<'a> {
    pod.containers()
        .flat_map(|container| items(&container.value["ports"]))
}

fn is(own: &Value, port: &Value) -> bool {
    let member = if port.is_string() { "name" } else { "containerPort" };
    own[member] == *port
}

/// Policies that together leave a Service of the bundle unreachable.
fn shut<'a>(matching: &Matching<'_, 'a>, pod: &Pod<'a>, own: &[&Object], findings: &mut Findings) {
    let Some(policy) = own.first() else { return };
    for service in matching.services(pod) {
        for (index, port) in items(service.at("/spec/ports")).enumerate() {
            let target = if port["targetPort"].is_null() {
                &port["port"]
            } else {
                &port["targetPort"]
            };
            let Some(declared) = declared(pod).find(|own| is(own, target)) else {
                continue;
            };
            if !own.iter().any(|policy| opens(policy, declared)) {
                let message = format!(
                    "no policy lets anybody reach the port {target} of {}, so {} refuses it",
                    pod.object.key(),
                    policy.key()
                );
                findings.add(
                    &rules::POLICY_SHUTS,
                    service,
                    format!("spec.ports[{index}]"),
                    message,
                );
            }
        }
    }
}

fn opens(policy: &Object, declared: &Value) -> bool {
    items(policy.at("/spec/ingress")).any(|rule| {
        let mut ports = items(&rule["ports"]).peekable();
        ports.peek().is_none()
            || ports.any(|entry| {
                let number = declared["containerPort"].as_u64();
                let (from, to) = (entry["port"].as_u64(), entry["endPort"].as_u64());
                entry["port"].is_null()
                    || is(declared, &entry["port"])
                    || from
                        .zip(to)
                        .zip(number)
                        .is_some_and(|((from, to), number)| (from..=to).contains(&number))
            })
    })
}

/// Traffic between the nodes of a cluster is not encrypted, so only they may speak there.
fn cluster(pod: &Pod<'_>, own: &[&Object], findings: &mut Findings) {
    let ports: Vec<u64> = declared(pod)
        .filter_map(|port| port["containerPort"].as_u64())
        .collect();
    let raft = CLUSTER_PORTS.iter().all(|port| ports.contains(port));
    if !raft {
        return;
    }
    for port in CLUSTER_PORTS {
        let open = own.iter().any(|policy| {
            items(policy.at("/spec/ingress")).any(|rule| {
                let anybody = items(&rule["from"]).next().is_none();
                let entry = |entry: &Value| {
                    entry["port"].is_null()
                        || declared(pod).any(|own| own["containerPort"] == port && is(own, &entry["port"]))
                };
                let all = items(&rule["ports"]).next().is_none();
                anybody && (all || items(&rule["ports"]).any(entry))
            })
        });
        if own.is_empty() || open {
            let message = format!("anybody in the cluster may speak at port {port}, which is not encrypted");
            findings.add(
                &rules::CLUSTER_OPEN,
                pod.object,
                format!("{}.containers", pod.path),
                message,
            );
        }
    }
}
