//! The bridges between the brokers of a bundle, as one network.

use std::collections::{BTreeSet, HashMap};

use mqttkube_mosquitto::analysis::{self, Finding, FindingCode, Link, Network, Remote};
use mqttkube_mosquitto::setting::Address;
use mqttkube_mosquitto::{RuleSet, TopicRule};

use super::Broker;
use crate::check::report::Findings;
use crate::check::rules;

/// Replicas that are looked at: what three do to each other, more do as well.
const MOST_REPLICAS: u64 = 3;

/// One broker of the network: a container, and which of its replicas.
struct Node<'a> {
    broker: &'a Broker<'a>,
    replica: u64,
    replicas: u64,
}

impl Node<'_> {
    fn name(&self) -> String {
        let name = self.broker.pod.object.name();
        if self.replicas > 1 {
            format!("{name}-{}", self.replica)
        } else {
            name.to_owned()
        }
    }
}

pub(super) fn check(brokers: &[Broker<'_>], findings: &mut Findings) {
    let nodes: Vec<Node<'_>> = brokers
        .iter()
        .flat_map(|broker| {
            let replicas = broker.pod.replicas().unwrap_or(1).clamp(1, MOST_REPLICAS);
            (0..replicas).map(move |replica| Node {
                broker,
                replica,
                replicas,
            })
        })
        .collect();
    let places = Places::of(&nodes);
    let network = Network {
        brokers: nodes.iter().map(|node| member(&places, &nodes, node)).collect(),
    };
    let mut said = BTreeSet::new();
    for finding in network.check() {
        let rule = match finding.code {
            FindingCode::Loop => &rules::BRIDGE_LOOP,
            FindingCode::SeveralPaths => &rules::SEVERAL_COPIES,
            FindingCode::Echo => &rules::BRIDGE_ECHO,
            FindingCode::Undecided => &rules::TOPOLOGY_UNDECIDED,
            // Rules of one bridge are looked at with its configuration.
            _ => continue,
        };
        // Replicas with one configuration say the same again.
        let Some(node) = concerned(&nodes, &finding) else {
            continue;
        };
        let Some(configuration) = &node.broker.config else {
            continue;
        };
        let file = &configuration.file;
        let line = line_of(node.broker, &finding);
        if said.insert((rule.code, file.object.key().clone(), line)) {
            match node.broker.peers() {
                Some(peers) => findings.add(rule, node.broker.pod.object, peers.path, message(&finding)),
                None => findings.add(rule, file.object, file.line(line), message(&finding)),
            }
        }
    }
}

fn member(places: &Places<'_>, nodes: &[Node<'_>], node: &Node<'_>) -> analysis::Broker {
    let Some(configuration) = &node.broker.config else {
        return analysis::Broker::new(node.name(), Vec::new());
    };
    if let Some(peers) = node.broker.peers() {
        return analysis::Broker::new(node.name(), to_the_others(nodes, node, &peers.rules));
    }
    let config = &configuration.document.config;
    analysis::Broker::from_config(node.name(), config, node.broker.rules(), |connection| {
        let address = connection.addresses.first();
        address
            .and_then(|address| places.find(node, address))
            .map_or(Remote::Unknown, Remote::Broker)
    })
}

/// A bridge to every other replica.
fn to_the_others(nodes: &[Node<'_>], node: &Node<'_>, rules: &[TopicRule]) -> Vec<Link> {
    let others = nodes
        .iter()
        .enumerate()
        .filter(|(_, other)| std::ptr::eq(other.broker, node.broker) && other.replica != node.replica);
    let version = node.broker.rules();
    let link = |(at, other): (usize, &Node<'_>)| {
        let rules = RuleSet::new(rules.to_vec(), version);
        let mut link = Link::new(format!("to-{}", other.replica), Remote::Broker(at), rules);
        link.duplicates = version.sends_duplicates();
        link
    };
    others.map(link).collect()
}

/// The first replica behind each Service, and every replica by its own name behind it.
struct Places<'a>(HashMap<(Option<&'a str>, String), usize>);

impl<'a> Places<'a> {
    fn of(nodes: &[Node<'a>]) -> Self {
        let mut places = HashMap::new();
        for (at, node) in nodes.iter().enumerate() {
            let object = node.broker.pod.object;
            for service in &node.broker.services {
                let own = format!("{}-{}.{}", object.name(), node.replica, service.name());
                places.entry((object.namespace(), own)).or_insert(at);
                places
                    .entry((object.namespace(), service.name().to_owned()))
                    .or_insert(at);
            }
        }
        Self(places)
    }

    /// The broker of the bundle that an address leads to: `service`, `service.namespace.svc…`, or one pod by
    /// `pod.service` and so on.
    fn find(&self, from: &Node<'_>, address: &Address) -> Option<usize> {
        let labels: Vec<&str> = address.host().split('.').collect();
        [2, 1].into_iter().find_map(|count| {
            let (name, rest) = labels.split_at_checked(count)?;
            let namespace = rest.first().copied().filter(|part| *part != "svc");
            let namespace = namespace.or_else(|| from.broker.pod.namespace());
            self.0.get(&(namespace, name.join("."))).copied()
        })
    }
}

fn concerned<'a>(nodes: &'a [Node<'a>], finding: &Finding) -> Option<&'a Node<'a>> {
    let with_bridges = |node: &&Node<'_>| {
        let config = node.broker.config.as_ref();
        config.is_some_and(|config| !config.document.config.connections.is_empty())
            || node.broker.peers().is_some()
    };
    nodes
        .iter()
        .find(|node| node.name() == finding.broker && with_bridges(node))
        .or_else(|| nodes.iter().find(with_bridges))
}

/// The line of the bridge's first rule that takes part.
fn line_of(broker: &Broker<'_>, finding: &Finding) -> usize {
    let Some(configuration) = &broker.config else {
        return 1;
    };
    let document = &configuration.document;
    let connections = &document.config.connections;
    let index = connections
        .iter()
        .position(|connection| connection.name.as_str() == finding.link)
        .unwrap_or(0);
    let lines = document.rule_lines(index);
    let rule = finding.rules.first().copied().unwrap_or(0);
    lines.get(rule).or_else(|| lines.first()).copied().unwrap_or(1)
}

fn message(finding: &Finding) -> String {
    let path: Vec<String> = finding
        .path
        .iter()
        .map(|hop| format!("{} as `{}`", hop.broker, hop.topic))
        .collect();
    if path.is_empty() {
        format!("{} (topic `{}`)", finding.message, finding.witness)
    } else {
        format!(
            "{} (topic `{}`: {})",
            finding.message,
            finding.witness,
            path.join(", ")
        )
    }
}
