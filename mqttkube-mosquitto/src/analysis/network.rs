//! Brokers and the bridges between them, and what becomes of one message in it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Finding, ServiceLimits, check_limits, check_rules, loops};
use crate::setting::BridgeProtocol;
use crate::{Config, Connection, RuleSet, Version, Way};

/// Brokers and the bridges between them.
///
/// ```
/// use mqttkube_mosquitto::analysis::{Broker, FindingCode, Link, Network, Remote};
/// use mqttkube_mosquitto::{RuleSet, Version};
///
/// let rules = || RuleSet::new(vec!["# both 1".parse().expect("a rule")], Version::V2_0);
/// let network = Network {
///     brokers: vec![
///         Broker::new("a", vec![Link::new("to-b", Remote::Broker(1), rules())]),
///         Broker::new("b", vec![Link::new("to-a", Remote::Broker(0), rules())]),
///     ],
/// };
/// let findings = network.check();
/// let storm = findings.iter().find(|finding| finding.code == FindingCode::Loop).expect("a loop");
/// assert!(network.run(0, &storm.witness).cycle.is_some());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// In any order; [`Remote::Broker`] counts them from 0.
    pub brokers: Vec<Broker>,
}

/// A broker and its own bridges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// As people call it.
    pub name: String,
    /// The bridges that its configuration has.
    pub links: Vec<Link>,
}

/// A bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Where it goes.
    pub remote: Remote,
    /// What it carries.
    pub rules: RuleSet,
    /// It speaks MQTT 5, so that the remote broker does not send back what came from it.
    pub no_local: bool,
    /// It tells the remote broker that it is a bridge (`try_private`). Mosquitto then does not send back either.
    pub announces: bool,
    /// Retain flags go out with the messages.
    pub retains: bool,
    /// Overlapping rules carry one copy each.
    pub duplicates: bool,
}

/// The other end of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// A Mosquitto of this network.
    Broker(usize),
    /// Somebody else's broker with limits.
    Service(Box<ServiceLimits>),
    /// A broker that nothing is known about.
    Unknown,
}

/// One step of a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Hop {
    /// The broker that it came to.
    pub broker: String,
    /// The bridge that brought it, as `broker/bridge`.
    pub link: String,
    /// Its name there.
    pub topic: String,
}

/// Everything that becomes of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// Every step once.
    pub hops: Vec<Hop>,
    /// A round that the message makes again and again, if there is one; the first step comes again after the last, with
    /// the same name or a longer one.
    pub cycle: Option<Vec<Hop>>,
    /// A broker that gets more than one copy under the same name.
    pub repeated: Option<Hop>,
    /// There were more steps than were followed.
    pub gave_up: bool,
}

/// Where a message is: broker, the link that brought it, name.
pub(super) type Place = (usize, Option<LinkId>, String);
/// Broker and place among its links.
pub(super) type LinkId = (usize, usize);

/// Steps that are followed for one message.
const MAX_STEPS: usize = 20_000;

impl Broker {
    /// A broker with its bridges.
    pub fn new(name: impl Into<String>, links: Vec<Link>) -> Self {
        Self {
            name: name.into(),
            links,
        }
    }

    /// The bridges of a configuration. `resolve` says where each of them goes.
    pub fn from_config(
        name: impl Into<String>,
        config: &Config,
        version: Version,
        mut resolve: impl FnMut(&Connection) -> Remote,
    ) -> Self {
        let links = config.connections.iter().map(|connection| {
            let remote = resolve(connection);
            Link::from_connection(config, connection, remote, version)
        });
        Self::new(name, links.collect())
    }
}

impl Link {
    /// A bridge with Mosquitto's defaults.
    pub fn new(name: impl Into<String>, remote: Remote, rules: RuleSet) -> Self {
        let (no_local, announces, retains, duplicates) = (false, true, true, false);
        Self {
            name: name.into(),
            remote,
            rules,
            no_local,
            announces,
            retains,
            duplicates,
        }
    }

    /// A bridge of a configuration.
    pub fn from_connection(
        config: &Config,
        connection: &Connection,
        remote: Remote,
        version: Version,
    ) -> Self {
        let options = &connection.options;
        let no_local = options.protocol_version == Some(BridgeProtocol::V50);
        let duplicates = config
            .global
            .allow_duplicate_messages
            .unwrap_or(version.sends_duplicates());
        Self {
            name: connection.name.to_string(),
            remote,
            rules: RuleSet::new(connection.rules.clone(), version),
            no_local,
            announces: options.try_private != Some(false),
            retains: options.outgoing_retain != Some(false),
            duplicates: no_local || duplicates,
        }
    }

    /// Whether the remote end may send back what came from us.
    pub(super) fn echoes(&self) -> bool {
        match self.remote {
            Remote::Broker(_) | Remote::Unknown => !(self.no_local || self.announces),
            Remote::Service(_) => !self.no_local,
        }
    }
}

impl Network {
    /// Everything that can be found.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for broker in &self.brokers {
            for link in &broker.links {
                let mut found = check_rules(&link.rules, link.duplicates);
                if let Remote::Service(limits) = &link.remote {
                    found.extend(check_limits(&link.rules, limits, link.retains));
                }
                found.extend(loops::echo(link));
                for mut finding in found {
                    finding.broker.clone_from(&broker.name);
                    finding.link.clone_from(&link.name);
                    findings.push(finding);
                }
            }
        }
        findings.extend(loops::check(self));
        findings
    }

    /// Follows one message that a client publishes at a broker.
    pub fn run(&self, broker: usize, topic: &str) -> Run {
        let mut run = Run::default();
        let mut walk = Walk {
            network: self,
            done: BTreeSet::new(),
            path: Vec::new(),
            run: &mut run,
            depth: self.depth(),
        };
        walk.visit((broker, None, topic.to_owned()));
        if run.cycle.is_none() {
            run.repeated = self.repeated(broker, topic, &run.hops);
        }
        run
    }

    /// Beyond this many steps a name that has grown goes on growing.
    fn depth(&self) -> usize {
        let links: usize = self.brokers.iter().map(|broker| broker.links.len()).sum();
        16 + 4 * links.min(500)
    }

    fn repeated(&self, start: usize, topic: &str, hops: &[Hop]) -> Option<Hop> {
        let mut copies = BTreeSet::from([(self.brokers.get(start)?.name.as_str(), topic)]);
        hops.iter()
            .find(|hop| !copies.insert((&hop.broker, &hop.topic)))
            .cloned()
    }

    /// Where a message goes next. A bridge does not get back what it brought; its remote end may.
    pub(super) fn next(&self, (broker, via, topic): &Place) -> Vec<Place> {
        let mut next = Vec::new();
        for (id, way, link) in self.links_at(*broker) {
            let back = *via == Some(id) && !(way == Way::In && link.echoes());
            let to = if way == Way::Out {
                self.remote_of(id)
            } else {
                Some(id.0)
            };
            if let (false, Some(to), Some(forward)) = (back, to, link.rules.forward(topic, way)) {
                // Brokers refuse a message without a topic.
                next.extend((!forward.topic.is_empty()).then_some((to, Some(id), forward.topic)));
            }
        }
        next
    }

    /// The bridges that can take a message away from a broker: its own, and those of others that end there.
    pub(super) fn links_at(&self, broker: usize) -> impl Iterator<Item = (LinkId, Way, &Link)> {
        let own = self
            .brokers
            .get(broker)
            .into_iter()
            .flat_map(|broker| &broker.links)
            .enumerate();
        let own = own.map(move |(index, link)| ((broker, index), Way::Out, link));
        let others = self.brokers.iter().enumerate().flat_map(|(owner, other)| {
            other
                .links
                .iter()
                .enumerate()
                .map(move |(index, link)| ((owner, index), Way::In, link))
        });
        own.chain(others.filter(move |(_, _, link)| link.remote == Remote::Broker(broker)))
    }

    pub(super) fn remote_of(&self, (broker, link): LinkId) -> Option<usize> {
        match self.brokers.get(broker)?.links.get(link)?.remote {
            Remote::Broker(remote) if remote < self.brokers.len() => Some(remote),
            _ => None,
        }
    }

    pub(super) fn hop(&self, (broker, via, topic): &Place) -> Hop {
        let link = via.map(|(owner, link)| {
            let owner = &self.brokers[owner];
            format!("{}/{}", owner.name, owner.links[link].name)
        });
        Hop {
            broker: self.brokers[*broker].name.clone(),
            link: link.unwrap_or_default(),
            topic: topic.clone(),
        }
    }
}

/// A search in depth that notices when it comes back to its own path.
struct Walk<'a> {
    network: &'a Network,
    done: BTreeSet<Place>,
    path: Vec<Place>,
    run: &'a mut Run,
    depth: usize,
}

impl Walk<'_> {
    fn visit(&mut self, start: Place) {
        let mut open = vec![self.network.next(&start)];
        self.path.push(start);
        while let Some(next) = open.last_mut() {
            let Some(place) = next.pop() else {
                open.pop();
                self.done.extend(self.path.pop());
                continue;
            };
            self.run.hops.push(self.network.hop(&place));
            if let Some(cycle) = self.cycle(&place) {
                self.run.cycle = Some(cycle);
                return;
            }
            if self.run.hops.len() >= MAX_STEPS {
                self.run.gave_up = true;
                return;
            }
            if !self.done.contains(&place) {
                open.push(self.network.next(&place));
                self.path.push(place);
            }
        }
    }

    fn cycle(&self, place: &Place) -> Option<Vec<Hop>> {
        let hops = |from: usize| {
            self.path[from + 1..]
                .iter()
                .chain([place])
                .map(|place| self.network.hop(place))
                .collect()
        };
        if let Some(at) = self.path.iter().position(|earlier| earlier == place) {
            return Some(hops(at));
        }
        if self.path.len() < self.depth {
            return None;
        }
        let same_link = |earlier: &&Place| {
            (earlier.0, earlier.1) == (place.0, place.1) && earlier.2.len() < place.2.len()
        };
        let earlier = self.path.iter().rev().find(same_link)?;
        let at = self.path.iter().position(|place| place == earlier)?;
        Some(hops(at))
    }
}
