//! The analysis against brute force: every topic of a small alphabet is run through the model.

use std::collections::BTreeSet;

use mqttkube_mosquitto::analysis::{Broker, Finding, FindingCode, Link, Network, Remote, check_rules};
use mqttkube_mosquitto::{RuleSet, TopicRule, Version, Way};
use proptest::prelude::*;

/// All topics of up to four levels over a few names; `x` is in no rule.
fn topics() -> Vec<String> {
    let mut all = Vec::new();
    let mut longest = vec![String::new()];
    for depth in 0..4 {
        let mut next = Vec::new();
        for start in &longest {
            for level in ["a", "b", "c", "aa", "ab", "x", ""] {
                let topic = if depth == 0 {
                    level.to_owned()
                } else {
                    format!("{start}/{level}")
                };
                next.push(topic);
            }
        }
        all.extend(next.iter().filter(|topic| !topic.is_empty()).cloned());
        longest = next;
    }
    all
}

fn rule() -> impl Strategy<Value = TopicRule> {
    let pattern = prop_oneof![
        Just("#"),
        Just("+"),
        Just("a"),
        Just("b"),
        Just("a/#"),
        Just("+/b"),
        Just("a/+"),
        Just("+/#"),
        Just("b/c"),
        Just(""),
        Just("/b"),
        Just("a/b/#"),
    ];
    let prefix = || prop_oneof![3 => Just(""), 2 => Just("a/"), 2 => Just("b/"), 1 => Just("c/"), 1 => Just("a"), 1 => Just("a/b/")];
    let direction = prop_oneof![2 => Just("out"), 1 => Just("in"), 2 => Just("both")];
    (pattern, direction, 0..2_u8, prefix(), prefix()).prop_filter_map(
        "a rule",
        |(pattern, direction, qos, local, remote)| {
            let direction = serde_json::from_value(direction.into()).expect("a direction");
            TopicRule::new(pattern, direction, qos, local, remote).ok()
        },
    )
}

fn rules(most: usize) -> impl Strategy<Value = Vec<TopicRule>> {
    prop::collection::vec(rule(), 1..=most)
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V2_0), Just(Version::V2_1)]
}

fn set(rules: &[TopicRule], version: Version) -> RuleSet {
    RuleSet::new(rules.to_vec(), version)
}

/// Rules and way of every finding of a code.
fn found(findings: &[Finding], code: FindingCode) -> BTreeSet<(Vec<usize>, u8)> {
    let of_code = findings.iter().filter(|finding| finding.code == code);
    of_code
        .map(|finding| (finding.rules.clone(), finding.way.map_or(9, number)))
        .collect()
}

#[derive(Default)]
struct Brute {
    overlaps: BTreeSet<(Vec<usize>, u8)>,
    shadowed: BTreeSet<(Vec<usize>, u8)>,
    empty: BTreeSet<(Vec<usize>, u8)>,
}

fn number(way: Way) -> u8 {
    u8::from(way == Way::In)
}

fn brute(set: &RuleSet, topics: &[String]) -> Brute {
    let mut brute = Brute::default();
    for way in [Way::Out, Way::In] {
        for topic in topics {
            let Some(forward) = set.forward(topic, way) else {
                continue;
            };
            for (place, &i) in forward.matched.iter().enumerate() {
                for &j in &forward.matched[place + 1..] {
                    if set.rules()[i].filter_text(way) != set.rules()[j].filter_text(way) {
                        brute.overlaps.insert((vec![i, j], number(way)));
                    }
                }
                let rule = &set.rules()[i];
                let wanted = if rule.has_prefix() {
                    rule.rename(topic, way)
                } else {
                    topic.clone()
                };
                if let Some(namer) = forward
                    .named_by
                    .filter(|namer| *namer != i && wanted != forward.topic)
                {
                    brute.shadowed.insert((vec![namer, i], number(way)));
                }
            }
            if let Some(namer) = forward.named_by.filter(|_| forward.topic.is_empty()) {
                brute.empty.insert((vec![namer], number(way)));
            }
        }
    }
    brute
}

/// The rules that can go, judged from the last to the first by those that stay.
fn brute_dead(set: &RuleSet, topics: &[String]) -> BTreeSet<usize> {
    let mut stay: Vec<usize> = (0..set.rules().len()).collect();
    let mut dead = BTreeSet::new();
    for index in (0..set.rules().len()).rev() {
        let rest: Vec<usize> = stay.iter().copied().filter(|other| *other != index).collect();
        let some = |indices: &[usize]| {
            let rules = indices.iter().map(|index| set.rules()[*index].clone()).collect();
            RuleSet::new(rules, Version::V2_0)
        };
        let (with, without) = (some(&stay), some(&rest));
        let same = |topic: &String, way| {
            let outcome = |set: &RuleSet| {
                set.forward(topic, way)
                    .map(|forward| (forward.topic, forward.qos))
            };
            outcome(&with) == outcome(&without)
        };
        if topics
            .iter()
            .all(|topic| same(topic, Way::Out) && same(topic, Way::In))
        {
            dead.insert(index);
            stay = rest;
        }
    }
    dead
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn brute_force_finds_the_same_overlaps_shadows_and_empty_names(rules in rules(5), version in version()) {
        let set = set(&rules, version);
        let topics = topics();
        let findings = check_rules(&set, false);
        let brute = brute(&set, &topics);
        prop_assert_eq!(found(&findings, FindingCode::Overlap), brute.overlaps);
        prop_assert_eq!(found(&findings, FindingCode::Shadowed), brute.shadowed);
        prop_assert_eq!(found(&findings, FindingCode::EmptyName), brute.empty);
    }

    #[test]
    fn brute_force_finds_the_same_dead_rules(rules in rules(5)) {
        let set = set(&rules, Version::V2_0);
        let findings = check_rules(&set, false);
        let dead: BTreeSet<usize> =
            findings.iter().filter(|f| f.code == FindingCode::Dead).filter_map(|f| f.rules.last().copied()).collect();
        prop_assert_eq!(dead, brute_dead(&set, &topics()));
    }

    #[test]
    fn a_witness_of_an_overlap_is_taken_by_both_rules(rules in rules(6), version in version()) {
        let set = set(&rules, version);
        for finding in check_rules(&set, true) {
            let Some(way) = finding.way else { continue };
            let forward = set.forward(&finding.witness, way);
            match finding.code {
                FindingCode::Overlap => {
                    let matched = forward.expect("the witness is taken").matched;
                    prop_assert!(finding.rules.iter().all(|rule| matched.contains(rule)));
                }
                FindingCode::Shadowed => prop_assert_eq!(forward.and_then(|f| f.named_by), Some(finding.rules[0])),
                FindingCode::EmptyName => prop_assert_eq!(forward.map(|f| f.topic), Some(String::new())),
                FindingCode::Parent => prop_assert!(forward.is_some_and(|f| f.topic.ends_with(&finding.witness))),
                _ => {}
            }
        }
    }
}

fn network() -> impl Strategy<Value = Network> {
    let link = |brokers: usize| (0..brokers, 0..brokers, rules(2), any::<bool>(), version());
    (2_usize..4).prop_flat_map(move |count| {
        prop::collection::vec(link(count), 1..4).prop_map(move |links| {
            let mut brokers: Vec<Broker> = (0..count)
                .map(|index| Broker::new(format!("b{index}"), Vec::new()))
                .collect();
            for (place, (from, to, rules, announces, version)) in links.into_iter().enumerate() {
                if from != to {
                    let mut link = Link::new(format!("l{place}"), Remote::Broker(to), set(&rules, version));
                    link.announces = announces;
                    brokers[from].links.push(link);
                }
            }
            Network { brokers }
        })
    })
}

/// Broker and topic of a message.
type Published = Option<(usize, String)>;

/// Whether any topic of the alphabet goes round, or comes to a broker twice.
fn brute_network(network: &Network, topics: &[String]) -> (Published, Published) {
    let (mut cycle, mut repeated) = (None, None);
    for broker in 0..network.brokers.len() {
        for topic in topics {
            let run = network.run(broker, topic);
            if run.cycle.is_some() {
                cycle.get_or_insert((broker, topic.clone()));
            } else if run.repeated.is_some() {
                repeated.get_or_insert((broker, topic.clone()));
            }
        }
    }
    (cycle, repeated)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn brute_force_finds_no_loop_that_the_analysis_missed(network in network()) {
        let findings = network.check();
        let of = |code| findings.iter().filter(move |finding| finding.code == code);
        for finding in of(FindingCode::Loop) {
            let broker = network.brokers.iter().position(|broker| broker.name == finding.broker).expect("a broker");
            prop_assert!(network.run(broker, &finding.witness).cycle.is_some(), "{}", finding);
        }
        for finding in of(FindingCode::SeveralPaths) {
            let broker = network.brokers.iter().position(|broker| broker.name == finding.broker).expect("a broker");
            prop_assert!(network.run(broker, &finding.witness).repeated.is_some(), "{}", finding);
        }
        let (cycle, repeated) = brute_network(&network, &topics());
        prop_assert_eq!(of(FindingCode::Loop).count() > 0, cycle.is_some(), "loop at {:?}", cycle);
        let told = of(FindingCode::SeveralPaths).count() > 0;
        prop_assert!(told || repeated.is_none(), "twice at {:?}", repeated);
        prop_assert_eq!(of(FindingCode::Undecided).count(), 0);
    }
}

fn both(remote: usize) -> Link {
    let rules = RuleSet::new(vec!["# both 1".parse().expect("a rule")], Version::V2_0);
    Link::new(format!("to-{remote}"), Remote::Broker(remote), rules)
}

#[track_caller]
fn check_codes(network: &Network, expected: &[FindingCode]) {
    let found: BTreeSet<FindingCode> = network.check().iter().map(|finding| finding.code).collect();
    assert_eq!(found, expected.iter().copied().collect());
}

#[test]
fn a_mesh_storms_and_a_star_does_not() {
    let mesh = |index: usize| {
        Broker::new(
            format!("b{index}"),
            (0..3).filter(|to| *to != index).map(both).collect(),
        )
    };
    check_codes(
        &Network {
            brokers: (0..3).map(mesh).collect(),
        },
        &[FindingCode::Loop],
    );
    let spoke = |index: usize| Broker::new(format!("s{index}"), vec![both(0)]);
    let brokers = std::iter::once(Broker::new("hub", Vec::new()))
        .chain((1..5).map(spoke))
        .collect();
    check_codes(&Network { brokers }, &[]);
}

#[test]
fn a_ring_of_links_that_only_go_out_delivers_twice_or_goes_round() {
    let out = |index: usize| {
        let rules = RuleSet::new(vec!["# out 1".parse().expect("a rule")], Version::V2_0);
        Broker::new(
            format!("b{index}"),
            vec![Link::new("next", Remote::Broker((index + 1) % 3), rules)],
        )
    };
    check_codes(
        &Network {
            brokers: (0..3).map(out).collect(),
        },
        &[FindingCode::Loop],
    );
}

#[test]
fn prefixes_that_keep_the_sides_apart_prove_a_pair_free_of_loops() {
    let link = |remote, rule: &str| {
        let rules = RuleSet::new(vec![rule.parse().expect("a rule")], Version::V2_0);
        Link::new("link", Remote::Broker(remote), rules)
    };
    let brokers = vec![
        Broker::new("a", vec![link(1, "own/# out 1 \"\" from-a/")]),
        Broker::new("b", vec![link(0, "own/# out 1 \"\" from-b/")]),
    ];
    check_codes(&Network { brokers }, &[]);
}

#[test]
fn names_that_grow_are_a_loop_too() {
    let link = |remote| {
        let rules = RuleSet::new(vec!["# out 1 \"\" copy/".parse().expect("a rule")], Version::V2_0);
        Link::new("link", Remote::Broker(remote), rules)
    };
    let brokers = vec![Broker::new("a", vec![link(1)]), Broker::new("b", vec![link(0)])];
    check_codes(&Network { brokers }, &[FindingCode::Loop]);
}

#[test]
fn a_thousand_spokes_are_checked_in_a_blink() {
    let spoke = |index: usize| Broker::new(format!("s{index}"), vec![both(0)]);
    let brokers = std::iter::once(Broker::new("hub", Vec::new()))
        .chain((1..1000).map(spoke))
        .collect();
    check_codes(&Network { brokers }, &[]);
}
