//! Who reaches a broker, and how many brokers there really are.

use mqttkube_mosquitto::setting::Protocol;
use serde_json::Value;

use super::{Broker, items};
use crate::bundle::Bundle;
use crate::check::report::Findings;
use crate::check::rules;
use crate::object::Object;

pub(super) fn check(ways: &Ways<'_>, broker: &Broker<'_>, findings: &mut Findings) {
    for service in &broker.services {
        for (index, port) in items(service.at("/spec/ports")).enumerate() {
            let target = if port["targetPort"].is_null() {
                &port["port"]
            } else {
                &port["targetPort"]
            };
            if let Some(number) = broker.port_number(target) {
                reached(ways, broker, service, index, number, findings);
            }
        }
    }
    replicas(ways, broker, findings);
}

/// What leads into the cluster, and what changes numbers of replicas.
pub(super) struct Ways<'a> {
    routes: Vec<&'a Object>,
    scalers: Vec<&'a Object>,
}

impl<'a> Ways<'a> {
    pub(super) fn of(bundle: &'a Bundle) -> Self {
        let of = |kinds: &[&str]| {
            let objects = bundle.objects().iter();
            objects.filter(|object| kinds.contains(&object.kind())).collect()
        };
        Self {
            routes: of(&["Route", "TLSRoute", "TCPRoute", "Ingress"]),
            scalers: of(&["HorizontalPodAutoscaler"]),
        }
    }
}

fn reached(
    ways: &Ways<'_>,
    broker: &Broker<'_>,
    service: &Object,
    index: usize,
    number: u16,
    findings: &mut Findings,
) {
    let places = broker.listening();
    let path = format!("spec.ports[{index}]");
    if places.is_empty() {
        return;
    }
    let Some(listening) = places.iter().find(|listening| listening.port == number) else {
        let declared = items(&broker.container.value["ports"]).any(|port| port["containerPort"] == number);
        // Others than Mosquitto itself have ports that its configuration does not name.
        if declared && broker.stock {
            let message = format!(
                "the broker of {} does not listen at {number}",
                broker.pod.object.key()
            );
            findings.add(&rules::NOT_LISTENING, service, path, message);
        }
        return;
    };
    if listening.local {
        let message = format!(
            "the broker of {} listens at {number} for its own pod only: its configuration has no `listener` line for others",
            broker.pod.object.key()
        );
        findings.add(&rules::LOCAL_ONLY, service, path, message);
        return;
    }
    let Some(how) = way_in(ways, service, index) else {
        return;
    };
    let mqtt = listening.options.protocol != Some(Protocol::HttpApi);
    if mqtt && broker.lets_anybody_in(listening) {
        let message = format!("clients without a name may come in at {number}, and {how} leads there");
        findings.add(&rules::OPEN_TO_ALL, service, path, message);
    } else if mqtt && !listening.options.uses_tls() && !ends_tls(ways, service, index) {
        let message =
            format!("passwords and messages at {number} can be read on the way, and {how} leads there");
        findings.add(&rules::PLAIN_OUTSIDE, service, path, message);
    }
}

/// How a port of the Service is reached from outside of the cluster, if it is.
fn way_in(ways: &Ways<'_>, service: &Object, index: usize) -> Option<String> {
    match service.at("/spec/type").as_str() {
        Some("LoadBalancer") => return Some("a load balancer".to_owned()),
        Some("NodePort") => return Some("a port of every node".to_owned()),
        _ => {}
    }
    let leads =
        |object: &&Object| object.namespace() == service.namespace() && leads_to(object, service, index);
    ways.routes
        .iter()
        .copied()
        .find(leads)
        .map(|object| object.key().to_string())
}

/// Whether a route or Ingress leads to a port of the Service. One that names no port leads to all.
fn leads_to(object: &Object, service: &Object, index: usize) -> bool {
    let port = &service.at("/spec/ports")[index];
    // By name, by number, or, as Routes do it, by what the port of the Service leads to.
    let meant = |named: &Value| {
        let names = [&port["name"], &port["port"], &port["targetPort"]];
        named.is_null() || names.into_iter().any(|name| !name.is_null() && name == named)
    };
    let name = service.name();
    match object.kind() {
        "Route" => object.at("/spec/to/name") == name && meant(object.at("/spec/port/targetPort")),
        "TLSRoute" | "TCPRoute" => items(object.at("/spec/rules"))
            .flat_map(|rule| items(&rule["backendRefs"]))
            .any(|backend| backend["name"] == name && meant(&backend["port"])),
        "Ingress" => items(object.at("/spec/rules"))
            .flat_map(|rule| items(&rule["http"]["paths"]))
            .map(|path| &path["backend"]["service"])
            .any(|backend| {
                let named = &backend["port"];
                let port = if named["name"].is_null() {
                    &named["number"]
                } else {
                    &named["name"]
                };
                backend["name"] == name && meant(port)
            }),
        _ => false,
    }
}

/// An Ingress, or a Route that does not pass TLS through, encrypts the way from outside.
fn ends_tls(ways: &Ways<'_>, service: &Object, index: usize) -> bool {
    let outside = ["LoadBalancer", "NodePort"]
        .iter()
        .any(|kind| service.at("/spec/type") == *kind);
    !outside
        && ways.routes.iter().any(|object| {
            let encrypts = match object.kind() {
                "Route" => ["edge", "reencrypt"]
                    .iter()
                    .any(|end| object.at("/spec/tls/termination") == *end),
                "Ingress" => items(object.at("/spec/tls")).next().is_some(),
                _ => false,
            };
            encrypts && leads_to(object, service, index)
        })
}

/// Mosquitto has no cluster: each replica is a broker of its own with its own clients and retained messages.
fn replicas(ways: &Ways<'_>, broker: &Broker<'_>, findings: &mut Findings) {
    if !broker.stock {
        return;
    }
    let object = broker.pod.object;
    if let Some(count) = broker.pod.replicas().filter(|count| *count > 1) {
        // Brokers that are joined by bridges are each reached under a name of their own.
        let joined = broker
            .config
            .as_ref()
            .is_some_and(|config| !config.document.config.connections.is_empty());
        if !joined && broker.peers().is_none() {
            let message = format!("{count} brokers that know nothing of each other's clients and messages");
            findings.add(&rules::REPLICAS_APART, object, "spec.replicas", message);
        }
    }
    let scalers = ways.scalers.iter().filter(|scaler| {
        let target = scaler.at("/spec/scaleTargetRef");
        scaler.namespace() == object.namespace()
            && target["kind"] == object.kind()
            && target["name"] == object.name()
    });
    for scaler in scalers {
        let message = format!(
            "{} runs Mosquitto, which more replicas do not make faster",
            object.key()
        );
        findings.add(&rules::SCALED_APART, scaler, "spec.scaleTargetRef", message);
    }
}
