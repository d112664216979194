//! How clients from elsewhere reach a broker, and who may.

use std::collections::BTreeMap;

use mqttkube_manifests::broker::{Exposure, Ingress, LoadBalancer, Network, Parent, Peer, Route, TlsRoute};
use mqttkube_manifests::name::{AbsolutePath, NodePort, PortName};
use mqttkube_mapping::yaml::{Content, Cursor, Section, suggest};

use super::words::{list, map, names, node_port, optional, parse, required, value};

const WAYS: [&str; 6] = [
    "cluster-ip",
    "node-port",
    "load-balancer",
    "route",
    "tls-route",
    "ingress",
];

pub(super) fn read(section: &mut Section<'_>) -> Vec<Exposure> {
    list(section, "expose", exposure)
}

fn exposure(cursor: &Cursor<'_>) -> Option<Exposure> {
    if matches!(cursor.node().content, Content::Text(_)) {
        let bare = [
            ("cluster-ip", Exposure::ClusterIp {}),
            ("load-balancer", Exposure::LoadBalancer(LoadBalancer::default())),
        ];
        return cursor.choice(&bare);
    }
    let entries = cursor.entries()?;
    let [(key, inner)] = entries.as_slice() else {
        cursor.error(format!(
            "an element of expose has one key: one of {}",
            WAYS.join(", ")
        ));
        return None;
    };
    match key.node().as_str().unwrap_or_default() {
        "cluster-ip" => Some(Exposure::ClusterIp {}),
        "node-port" => node_ports(inner).map(Exposure::NodePort),
        "load-balancer" => load_balancer(inner).map(Exposure::LoadBalancer),
        "route" => route(inner).map(Exposure::Route),
        "tls-route" => tls_route(inner).map(Exposure::TlsRoute),
        "ingress" => ingress(inner).map(Exposure::Ingress),
        other => {
            let help = match suggest(other, WAYS) {
                Some(word) => format!("did you mean {word:?}?"),
                None => format!("it is one of {}", WAYS.join(", ")),
            };
            key.error_with_help(format!("unknown way to expose a broker {other:?}"), help);
            None
        }
    }
}

fn node_ports(cursor: &Cursor<'_>) -> Option<BTreeMap<PortName, NodePort>> {
    let pairs = cursor.entries()?;
    let pairs = pairs
        .iter()
        .map(|(name, number)| (parse(name), node_port(number)));
    let pairs: Vec<_> = pairs.collect();
    pairs
        .into_iter()
        .map(|(name, number)| Some((name?, number?)))
        .collect()
}

fn load_balancer(cursor: &Cursor<'_>) -> Option<LoadBalancer> {
    let mut section = cursor.section("a load-balancer")?;
    let balancer = LoadBalancer {
        class: optional(&mut section, "class"),
        source_ranges: names(&mut section, "source-ranges"),
        listeners: names(&mut section, "listeners"),
    };
    section.finish();
    Some(balancer)
}

fn route(cursor: &Cursor<'_>) -> Option<Route> {
    let mut section = cursor.section("a route")?;
    let host = required(&mut section, "host");
    let listener = optional(&mut section, "listener");
    section.finish();
    Some(Route {
        host: host?,
        listener,
    })
}

fn tls_route(cursor: &Cursor<'_>) -> Option<TlsRoute> {
    let mut section = cursor.section("a tls-route")?;
    let route = TlsRoute {
        parents: list(&mut section, "parents", parent),
        hosts: names(&mut section, "hosts"),
        listener: optional(&mut section, "listener"),
    };
    section.finish();
    Some(route)
}

fn parent(cursor: &Cursor<'_>) -> Option<Parent> {
    let mut section = cursor.section("a parent")?;
    let name = required(&mut section, "name");
    let namespace = optional(&mut section, "namespace");
    let part = optional(&mut section, "section");
    section.finish();
    Some(Parent {
        name: name?,
        namespace,
        section: part,
    })
}

fn ingress(cursor: &Cursor<'_>) -> Option<Ingress> {
    let mut section = cursor.section("an ingress")?;
    let host = required(&mut section, "host");
    let class = optional(&mut section, "class");
    let path = optional(&mut section, "path").unwrap_or(AbsolutePath::literal("/mqtt"));
    let tls_secret = required(&mut section, "tls-secret");
    let listener = optional(&mut section, "listener");
    section.finish();
    Some(Ingress {
        host: host?,
        class,
        path,
        tls_secret: tls_secret?,
        listener,
    })
}

pub(super) fn network(section: &mut Section<'_>) -> Option<Network> {
    let mut section = section.section("network", "the section network")?;
    let from = list(&mut section, "from", peer);
    section.finish();
    Some(Network { from })
}

fn peer(cursor: &Cursor<'_>) -> Option<Peer> {
    let mut section = cursor.section("an element of network.from")?;
    let peer = Peer {
        namespace: optional(&mut section, "namespace"),
        labels: map(&mut section, "labels", parse),
        cidr: optional(&mut section, "cidr"),
        listeners: names(&mut section, "listeners"),
    };
    if let Some(cidr) =
        value(&mut section, "cidr").filter(|_| section.has("namespace") || section.has("labels"))
    {
        cidr.error("addresses are outside of the cluster, so `cidr` does not go together with `namespace` or `labels`");
    }
    section.finish();
    Some(peer)
}
