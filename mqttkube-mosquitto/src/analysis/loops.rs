//! Messages that come back: loops, several paths to one broker, echoes.
//!
//! Bridges only exchange prefixes, so topics that differ in what no rule looks at go the same way. Flows (sets of
//! topics) are followed through the rules; a sample of each flow is then run through the exact model, which decides.

use std::collections::{BTreeMap, BTreeSet};

use super::network::{LinkId, Run};
use super::pattern::{Samples, intersect, rule_texts};
use super::symbolic::Flow;
use super::{Finding, FindingCode, Link, Network, Remote, Severity};
use crate::Way;

/// Flows that are followed from one broker, and samples that are run, before the search gives up.
const MAX_FLOWS: usize = 1_000;
const MAX_SAMPLES: usize = 1_000;

/// What goes out over a bridge to somebody else's broker and is sent back.
pub(crate) fn echo(link: &Link) -> Option<Finding> {
    if matches!(link.remote, Remote::Broker(_)) || !link.echoes() {
        return None;
    }
    let samples = Samples::of_rules(&link.rules);
    let back = |topic: &String| {
        let out = link.rules.outgoing(topic)?;
        link.rules.incoming(&out.topic)
    };
    for (index, out) in link
        .rules
        .active(Way::Out)
        .filter(|(_, rule)| rule.filter(Way::Out).is_some())
    {
        let outgoing = Flow::new(&out.filter_text(Way::Out)).through(out, Way::Out);
        let returned = outgoing.iter().flat_map(|flow| {
            link.rules
                .active(Way::In)
                .flat_map(|(_, rule)| flow.through(rule, Way::In))
        });
        let mut witnesses = returned.flat_map(|flow| samples.topics(&flow.at_start()));
        if let Some((witness, back)) = witnesses.find_map(|topic| Some((topic.clone(), back(&topic)?))) {
            let message = format!("`{witness}` goes out and is taken in again, as `{}`", back.topic);
            let finding = Finding::new(FindingCode::Echo, Severity::Warning, witness, message)
                .rules([index])
                .way(Way::Out);
            return Some(finding.help(
                "keep the topics of the two directions apart; a remote Mosquitto with `try_private true`, or MQTT 5, does \
                 not send back",
            ));
        }
    }
    None
}

/// Loops and repeated deliveries over the whole network.
pub(super) fn check(network: &Network) -> Vec<Finding> {
    let links = cyclic_links(network);
    let starts: BTreeSet<usize> = links
        .iter()
        .flat_map(|id| [Some(id.0), network.remote_of(*id)])
        .flatten()
        .collect();
    let samples = samples(network, &links);
    let mut found = Found::default();
    for start in starts {
        let (topics, complete) = topics(network, &links, &samples, start);
        found.undecided |= !complete;
        for topic in topics {
            found.add(network, start, &topic, network.run(start, &topic));
        }
    }
    found.finish()
}

fn samples(network: &Network, links: &BTreeSet<LinkId>) -> Samples {
    let rules = links
        .iter()
        .map(|(broker, link)| &network.brokers[*broker].links[*link].rules);
    let texts: Vec<String> = rules.flat_map(rule_texts).collect();
    Samples::new(texts.iter().map(String::as_str))
}

/// The links between brokers of the network without those that hang off it like a tree: nothing comes back over them.
fn cyclic_links(network: &Network) -> BTreeSet<LinkId> {
    let mut links: BTreeMap<LinkId, usize> = BTreeMap::new();
    for (owner, broker) in network.brokers.iter().enumerate() {
        let ids = (0..broker.links.len()).map(|link| (owner, link));
        links.extend(ids.filter_map(|id| Some((id, network.remote_of(id)?))));
    }
    let echoing = |id: &LinkId| network.brokers[id.0].links[id.1].echoes();
    loop {
        let mut degrees: BTreeMap<usize, usize> = BTreeMap::new();
        for (id, remote) in &links {
            *degrees.entry(id.0).or_default() += 1;
            *degrees.entry(*remote).or_default() += 1;
        }
        let before = links.len();
        links.retain(|id, remote| echoing(id) || (degrees[&id.0] > 1 && degrees[remote] > 1));
        if links.len() == before {
            return links.into_keys().collect();
        }
    }
}

/// Topics to publish at one broker; the flag tells whether all flows were followed.
fn topics(
    network: &Network,
    links: &BTreeSet<LinkId>,
    samples: &Samples,
    start: usize,
) -> (Vec<String>, bool) {
    let mut search = Search {
        network,
        links,
        seen: BTreeSet::new(),
        filters: BTreeMap::new(),
    };
    let complete = search.follow(start);
    let mut filters: BTreeSet<String> = search.filters.values().flatten().cloned().collect();
    // Two ways to the same broker have in common what both filters match.
    for at_broker in search.filters.values() {
        let at_broker: Vec<&String> = at_broker.iter().collect();
        for (index, left) in at_broker.iter().enumerate() {
            filters.extend(
                at_broker[index + 1..]
                    .iter()
                    .filter_map(|right| intersect(left, right)),
            );
        }
    }
    let topics: BTreeSet<String> = filters.iter().flat_map(|filter| samples.topics(filter)).collect();
    let all = topics.len() <= MAX_SAMPLES;
    (topics.into_iter().take(MAX_SAMPLES).collect(), complete && all)
}

struct Search<'a> {
    network: &'a Network,
    links: &'a BTreeSet<LinkId>,
    seen: BTreeSet<(usize, Option<LinkId>, Flow)>,
    /// By broker: the filters, at the start, of what comes there.
    filters: BTreeMap<usize, BTreeSet<String>>,
}

impl Search<'_> {
    fn follow(&mut self, start: usize) -> bool {
        let rounds = 2 * self.links.len().min(40) + 2;
        let mut open: Vec<(usize, Option<LinkId>, Flow)> = Vec::new();
        for (_, way, link) in self.links_at(start) {
            let filters = link
                .rules
                .active(way)
                .filter(|(_, rule)| rule.filter(way).is_some());
            open.extend(filters.map(|(_, rule)| (start, None, Flow::new(&rule.filter_text(way)))));
        }
        for _ in 0..rounds {
            let mut next = Vec::new();
            for state in open {
                if self.seen.len() >= MAX_FLOWS {
                    return false;
                }
                if self.seen.insert(state.clone()) {
                    self.filters
                        .entry(state.0)
                        .or_default()
                        .insert(state.2.at_start());
                    self.step(&state, &mut next);
                }
            }
            open = next;
        }
        true
    }

    fn links_at(&self, broker: usize) -> Vec<(LinkId, Way, &Link)> {
        self.network
            .links_at(broker)
            .filter(|(id, _, _)| self.links.contains(id))
            .collect()
    }

    fn step(
        &self,
        (broker, via, flow): &(usize, Option<LinkId>, Flow),
        next: &mut Vec<(usize, Option<LinkId>, Flow)>,
    ) {
        for (id, way, link) in self.links_at(*broker) {
            if *via == Some(id) && !(way == Way::In && link.echoes()) {
                continue;
            }
            let to = if way == Way::Out {
                self.network.remote_of(id)
            } else {
                Some(id.0)
            };
            for (_, rule) in link.rules.active(way) {
                let flows = flow.through(rule, way);
                next.extend(
                    to.into_iter()
                        .flat_map(|to| flows.iter().map(move |flow| (to, Some(id), flow.clone()))),
                );
            }
        }
    }
}

#[derive(Default)]
struct Found {
    /// By the links that take part, so that each loop is told once.
    loops: BTreeMap<BTreeSet<String>, Finding>,
    paths: BTreeMap<(String, String), Finding>,
    undecided: bool,
}

impl Found {
    fn add(&mut self, network: &Network, start: usize, topic: &str, run: Run) {
        self.undecided |= run.gave_up;
        let broker = &network.brokers[start].name;
        if let Some(cycle) = run.cycle {
            let links: BTreeSet<String> = cycle.iter().map(|hop| hop.link.clone()).collect();
            let names: Vec<&str> = links.iter().map(String::as_str).collect();
            let message = format!(
                "a message published at `{broker}` goes round for ever over {}",
                names.join(", ")
            );
            let mut finding = Finding::new(FindingCode::Loop, Severity::Error, topic, message)
                .help("let every pair of brokers have one path: a star or a tree, each link a bridge on one side only");
            finding.broker.clone_from(broker);
            finding.path = cycle;
            self.loops.entry(links).or_insert(finding);
        } else if let Some(hop) = run.repeated {
            let message = format!(
                "a message published at `{broker}` comes to `{}` more than once",
                hop.broker
            );
            let mut finding = Finding::new(FindingCode::SeveralPaths, Severity::Error, topic, message)
                .help("let every pair of brokers have one path, or give each path topics of its own");
            finding.broker.clone_from(broker);
            finding.path = run.hops;
            self.paths.entry((broker.clone(), hop.broker)).or_insert(finding);
        }
    }

    fn finish(self) -> Vec<Finding> {
        let undecided = self.undecided.then(|| {
            let message = "the network has more ways for messages than were followed".to_owned();
            Finding::new(FindingCode::Undecided, Severity::Warning, "", message)
                .help("let every pair of brokers have one path: a star or a tree")
        });
        self.loops
            .into_values()
            .chain(self.paths.into_values())
            .chain(undecided)
            .collect()
    }
}
