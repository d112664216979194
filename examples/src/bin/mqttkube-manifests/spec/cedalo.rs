//! A CedaloCluster document: brokers of Cedalo with their management centre, behind HAProxy.

use mqttkube_manifests::broker::Autoscaling;
use mqttkube_manifests::name::NodePort;
use mqttkube_manifests::scenario::ScenarioError;
use mqttkube_manifests::scenario::cedalo::{CedaloCluster, ManagementCenter, ProxyInputs, Scaling, Sync};
use mqttkube_mapping::yaml::{Content, Cursor, Section};

use super::words::{node_port, optional, place, quantity, required, value};
use super::{Mistake, broker, listener};

pub(super) fn read(section: &mut Section<'_>) -> Option<CedaloCluster> {
    let name = required(section, "name");
    let namespace = required(section, "namespace");
    let platform = broker::platform(section);
    let version = required(section, "version");
    let image = required(section, "image");
    let replicas = section.or("brokers", 3);
    let license = place(section, "license");
    let users = place(section, "users");
    let storage = match section.get("storage") {
        Some(storage) => quantity(&storage),
        None => section.missing("storage"),
    };
    let sync = section.choice("sync", &[("full", Sync::Full), ("dynsec", Sync::DynSec)]);
    let center = match section.section("management-center", "the section management-center") {
        Some(center) => self::center(center),
        None => section.missing("management-center"),
    };
    let proxy = match section.section("proxy", "the section proxy") {
        Some(proxy) => self::proxy(proxy),
        None => section.missing("proxy"),
    };
    let scaled = value(section, "autoscaling").is_some();
    let scaling = section
        .section("autoscaling", "the section autoscaling")
        .and_then(scaling);
    Some(CedaloCluster {
        name: name?,
        namespace: namespace?,
        platform: platform?,
        image: image?,
        version: version?,
        replicas,
        license: license?,
        users: users?,
        storage: storage?,
        sync: sync?,
        center: center?,
        proxy: proxy?,
        scaling: if scaled { Some(scaling?) } else { None },
    })
}

fn center(mut section: Section<'_>) -> Option<ManagementCenter> {
    let image = required(&mut section, "image");
    let secret = required(&mut section, "secret");
    let node_port = match value(&mut section, "expose") {
        Some(exposure) => exposed(&exposure).map(Exposed::node_port),
        None => Some(None),
    };
    section.finish();
    Some(ManagementCenter {
        image: image?,
        node_port: node_port?,
        secret: secret?,
    })
}

fn proxy(mut section: Section<'_>) -> Option<ProxyInputs> {
    let image = required(&mut section, "image");
    let certificate = match section.get("tls") {
        Some(tls) => listener::certificate(&tls),
        None => section.missing("tls"),
    };
    let node_port = match section.get("expose") {
        Some(exposure) => exposed(&exposure).and_then(|way| {
            if way == Exposed::Inside {
                exposure.error_with_help(
                    "clients connect to HAProxy from outside",
                    "write `expose: {node-port: 30883}`",
                );
            }
            way.node_port()
        }),
        None => section.missing("expose"),
    };
    section.finish();
    Some(ProxyInputs {
        image: image?,
        certificate: certificate?,
        node_port: node_port?,
    })
}

/// From where something is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Exposed {
    /// Inside of the cluster: `cluster-ip`.
    Inside,
    /// From outside, too: `{node-port: NUMBER}`.
    NodePort(NodePort),
}

impl Exposed {
    fn node_port(self) -> Option<NodePort> {
        match self {
            Self::Inside => None,
            Self::NodePort(port) => Some(port),
        }
    }
}

fn exposed(cursor: &Cursor<'_>) -> Option<Exposed> {
    if let Content::Text(_) = cursor.node().content {
        return cursor.choice(&[("cluster-ip", Exposed::Inside)]);
    }
    let mut section = cursor.section("the section expose")?;
    let port = match section.get("node-port") {
        Some(port) => node_port(&port),
        None => section.missing("node-port"),
    };
    section.finish();
    port.map(Exposed::NodePort)
}

fn scaling(mut section: Section<'_>) -> Option<Scaling> {
    let min = section.or("min", 3);
    let max = section.required("max");
    let cpu = section.or("cpu", 60);
    let named = section.has("operator");
    let operator = optional(&mut section, "operator");
    section.finish();
    if named && operator.is_none() {
        return None;
    }
    Some(Scaling {
        bounds: Autoscaling { min, max: max?, cpu },
        operator,
    })
}

/// What is wrong with a cluster, at what is to be changed.
pub(super) fn mistake(cluster: &CedaloCluster, error: &ScenarioError) -> Mistake {
    let path = match error {
        ScenarioError::Wrong { .. } if cluster.replicas < 3 => "brokers",
        ScenarioError::Wrong { .. } => "autoscaling",
        ScenarioError::Proxy(_) => "proxy",
        ScenarioError::TooLong(_) => "name",
        _ => "",
    };
    (path.to_owned(), error.to_string())
}
