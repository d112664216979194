//! The proof that every message reaches every broker once.

use mqttkube_mosquitto::RuleSet;
use mqttkube_mosquitto::analysis::{Broker as Node, FindingCode, Link as Edge, Network, Remote, Severity};

use super::{Topology, TopologyError};

impl Topology {
    /// The bridges as the analysis sees them.
    #[must_use]
    pub fn network(&self) -> Network {
        let mut brokers: Vec<Node> = self
            .brokers
            .iter()
            .map(|broker| Node::new(broker.name.to_string(), Vec::new()))
            .collect();
        for link in &self.links {
            let (Some(from), Some(to)) = (self.brokers.get(link.from), self.brokers.get(link.to)) else {
                continue;
            };
            let rules = RuleSet::new(link.rules.clone(), from.version);
            let mut edge = Edge::new(format!("to-{}", to.name), Remote::Broker(link.to), rules);
            edge.duplicates = from.version.sends_duplicates();
            brokers[link.from].links.push(edge);
        }
        Network { brokers }
    }

    /// Proves that a message that the rules carry reaches every broker, and none twice.
    ///
    /// # Errors
    /// [`TopologyError::NoBroker`], [`TopologyError::NotOnce`] and [`TopologyError::Unreached`].
    pub fn prove(&self) -> Result<(), TopologyError> {
        let brokers = self.brokers.len();
        for link in &self.links {
            if link.from >= brokers || link.to >= brokers {
                return Err(TopologyError::NoBroker {
                    from: link.from,
                    to: link.to,
                    brokers,
                });
            }
        }
        let network = self.network();
        let bad = |code| {
            matches!(
                code,
                FindingCode::Loop | FindingCode::SeveralPaths | FindingCode::Echo | FindingCode::Undecided
            )
        };
        let found: Vec<_> = network
            .check()
            .into_iter()
            .filter(|finding| bad(finding.code) || finding.severity == Severity::Error)
            .collect();
        if !found.is_empty() {
            return Err(TopologyError::NotOnce(found));
        }
        self.reaches_all(&network)
    }

    /// Only for rules in both directions without prefixes: what others carry is meant for some brokers only.
    fn reaches_all(&self, network: &Network) -> Result<(), TopologyError> {
        let rules = self.links.iter().flat_map(|link| &link.rules);
        let topics = rules
            .filter(|rule| {
                rule.direction() == mqttkube_mosquitto::Direction::Both
                    && rule.local_prefix().is_empty()
                    && rule.remote_prefix().is_empty()
            })
            .map(|rule| rule.pattern().replace(['#', '+'], "x"));
        let topics: std::collections::BTreeSet<_> = topics.collect();
        for topic in topics {
            for (from, broker) in self.brokers.iter().enumerate() {
                let run = network.run(from, &topic);
                let missing = self.brokers.iter().enumerate().find(|(to, other)| {
                    *to != from && !run.hops.iter().any(|hop| hop.broker == other.name.as_str())
                });
                if let Some((_, other)) = missing {
                    return Err(TopologyError::Unreached {
                        topic,
                        from: broker.name.clone(),
                        to: other.name.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}
