//! What must hold for a model, part by part.

mod auth;
mod bridges;
mod listeners;

use std::collections::BTreeMap;

use mqttkube_mosquitto::Version;

use super::resolve::{Errors, listener};
use super::{Broker, Exposure, ModelError, ModelProblem, Platform, Workload};
use crate::build::App;
use crate::name::{NodePort, PortName};

pub(super) use self::auth::auth;
pub(super) use self::bridges::bridges;
pub(super) use self::listeners::listeners;

/// The largest number that Mosquitto takes for a limit.
const MOST: u32 = 2_147_483_647;

fn twice(path: String, what: &'static str, name: &impl ToString) -> ModelError {
    ModelError::new(
        path,
        ModelProblem::Twice {
            what,
            name: name.to_string(),
        },
    )
}

pub(super) fn basics(broker: &Broker, errors: &mut Errors) {
    if let Some(key) = broker.labels.keys().find(|key| App::selects_by(key)) {
        let found = format!("the label `{key}` is what the broker's pods are found by");
        errors.push(ModelError::wrong("labels", found, "use another label"));
    }
    let ours = broker.image.repository().ends_with("mosquitto");
    let tag = broker.image.tag().filter(|_| ours);
    let tagged: Option<Version> = tag
        .and_then(|tag| tag.split('-').next())
        .and_then(|tag| tag.parse().ok());
    if let Some(tagged) = tagged.filter(|tagged| *tagged != broker.version) {
        let found = format!(
            "the image is Mosquitto {tagged}, the version is {}",
            broker.version
        );
        errors.push(ModelError::wrong("version", found, "make them agree"));
    }
    if tag.is_some_and(|tag| tag == "2.1.0" || tag.starts_with("2.1.0-")) {
        let found = "Mosquitto 2.1.0 opens no password or ACL file of a mounted Secret";
        errors.push(ModelError::wrong("image", found, "use 2.1.1 or later"));
    }
    if broker.platform == Platform::Kubernetes {
        if broker.workload == Workload::DeploymentConfig {
            let found = "only OpenShift has DeploymentConfigs";
            errors.push(ModelError::wrong(
                "workload",
                found,
                "write `platform: openshift`, or another workload",
            ));
        }
        for (index, _) in broker
            .expose
            .iter()
            .enumerate()
            .filter(|(_, way)| matches!(way, Exposure::Route(_)))
        {
            let path = format!("expose[{index}].route");
            let instead = "write `platform: openshift`, or a `tls-route`";
            errors.push(ModelError::wrong(path, "only OpenShift has Routes", instead));
        }
    }
}

pub(super) fn settings(broker: &Broker, errors: &mut Errors) {
    let mut positive = |path: &str, quantity: &crate::quantity::Quantity| {
        if quantity.billionths() <= 0 {
            errors.push(ModelError::wrong(
                path,
                format!("`{quantity}` is nothing"),
                "write more than 0",
            ));
        }
    };
    if let Some(persistence) = &broker.persistence {
        positive("persistence.size", &persistence.size);
    }
    positive("resources.cpu", &broker.resources.cpu);
    positive("resources.memory", &broker.resources.memory);
    let limits = broker.limits;
    if limits.max_queued.is_some_and(|most| most > MOST) {
        let found = format!("more than {MOST} messages");
        errors.push(ModelError::wrong(
            "limits.max-queued",
            found,
            "write 0 for no limit",
        ));
    }
    if !(20..=MOST).contains(&limits.max_packet) {
        let found = format!("{} bytes are no size of a packet", limits.max_packet);
        errors.push(ModelError::wrong(
            "limits.max-packet",
            found,
            format!("write 20 to {MOST}"),
        ));
    }
}

pub(super) fn node_ports(map: &BTreeMap<PortName, NodePort>, path: &str, errors: &mut Errors) {
    if map.is_empty() {
        errors.push(ModelError::wrong(
            path,
            "no listener is named",
            "write for example `{mqtts: 30883}`",
        ));
    }
    let mut seen = BTreeMap::new();
    for (name, port) in map {
        if let Some(other) = seen.insert(port, name) {
            let found = format!("the node port {port} is that of `{other}` already");
            errors.push(ModelError::wrong(
                format!("{path}.{name}"),
                found,
                "choose another one",
            ));
        }
    }
}

pub(super) fn network(broker: &Broker, errors: &mut Errors) {
    let peers = broker
        .network
        .iter()
        .flat_map(|network| &network.from)
        .enumerate();
    for (index, peer) in peers {
        let path = format!("network.from[{index}]");
        if peer.cidr.is_some() && (peer.namespace.is_some() || !peer.labels.is_empty()) {
            let found = "addresses are outside of the cluster, pods are inside";
            errors.push(ModelError::wrong(
                format!("{path}.cidr"),
                found,
                "make two entries",
            ));
        }
        for (at, name) in peer.listeners.iter().enumerate() {
            listener(broker, name, &format!("{path}.listeners[{at}]"), errors);
        }
    }
}

pub(super) fn cluster(broker: &Broker, errors: &mut Errors) {
    let Some(cluster) = &broker.cluster else {
        return;
    };
    if broker.workload != Workload::StatefulSet {
        let found = "replicas of a cluster need names of their own";
        errors.push(ModelError::wrong("workload", found, "write `StatefulSet`"));
    }
    if cluster.replicas < 3 {
        let found = format!(
            "{} replicas have no majority without one of them",
            cluster.replicas
        );
        errors.push(ModelError::wrong("cluster.replicas", found, "use 3 or more"));
    }
    for (index, (name, port)) in cluster.ports.iter().enumerate() {
        let clash = broker
            .listeners
            .iter()
            .find(|listener| listener.name == *name || listener.port == *port);
        if let Some(other) = clash {
            let problem = ModelProblem::PortTaken {
                port: *port,
                by: other.name.clone(),
            };
            errors.push(ModelError::new(format!("cluster.ports[{index}]"), problem));
        }
    }
    if let Some(scale) = cluster.autoscaling
        && (scale.min < 3 || scale.max < scale.min || scale.cpu == 0)
    {
        let found = format!(
            "{} to {} replicas at {} % are no bounds",
            scale.min, scale.max, scale.cpu
        );
        errors.push(ModelError::wrong(
            "cluster.autoscaling",
            found,
            "write at least 3, and no fewer at most",
        ));
    }
}
