//! One network that fires each finding about more than the rules of one bridge, and one that does not.

use mqttkube_mosquitto::analysis::{Broker, FindingCode, Link, Network, Remote, ServiceLimits};
use mqttkube_mosquitto::{RuleSet, Version};

pub(crate) struct Case {
    pub(crate) code: FindingCode,
    fires: Network,
    quiet: Network,
}

fn link(remote: Remote, rules: &[&str]) -> Link {
    let rules = rules.iter().map(|rule| rule.parse().expect("a rule")).collect();
    Link::new("link", remote, RuleSet::new(rules, Version::V2_0))
}

fn network(links: Vec<Vec<Link>>) -> Network {
    let brokers = links
        .into_iter()
        .enumerate()
        .map(|(index, links)| Broker::new(format!("b{index}"), links));
    Network {
        brokers: brokers.collect(),
    }
}

/// One bridge to a service that changes its limits.
fn service(rules: &[&str], limit: impl FnOnce(&mut ServiceLimits)) -> Network {
    let mut limits = ServiceLimits::default();
    limit(&mut limits);
    network(vec![vec![link(Remote::Service(Box::new(limits)), rules)]])
}

fn only(filter: &str) -> Option<Vec<mqttkube_mapping::TopicFilter>> {
    Some(vec![filter.parse().expect("a filter")])
}

/// Two bridges from the first broker to the second.
fn two_ways(second: &str) -> Network {
    network(vec![
        vec![
            link(Remote::Broker(1), &["a/# out 1"]),
            link(Remote::Broker(1), &[second]),
        ],
        Vec::new(),
    ])
}

/// Seven links whose filters cross each other: far more topics than anybody tries.
fn tangle() -> Network {
    let rules = |link: usize| -> Vec<String> {
        let numbers = (0..10).map(move |number| 10 * link + number);
        numbers
            .flat_map(|number| [format!("a{number}/+ out 1"), format!("+/b{number} out 1")])
            .collect()
    };
    let links = (0..7).map(|number| {
        let rules = rules(number);
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        link(Remote::Broker(1), &rules)
    });
    network(vec![links.collect(), Vec::new()])
}

pub(crate) fn network_cases() -> Vec<Case> {
    let case = |code, fires, quiet| Case { code, fires, quiet };
    let back = |rule: &str| {
        network(vec![
            vec![link(Remote::Broker(1), &["# out 1"])],
            vec![link(Remote::Broker(0), &[rule])],
        ])
    };
    let echo = |rules: &[&str]| network(vec![vec![link(Remote::Service(Box::default()), rules)]]);
    vec![
        case(FindingCode::Loop, back("# out 1"), back("# in 1")),
        case(
            FindingCode::SeveralPaths,
            two_ways("# out 1"),
            two_ways("b/# out 1"),
        ),
        case(
            FindingCode::Echo,
            echo(&["# out 1", "a/# in 1"]),
            echo(&["b/# out 1", "a/# in 1"]),
        ),
        case(FindingCode::Undecided, tangle(), back("# out 1")),
        case(
            FindingCode::Qos,
            service(&["a out 2"], |limits| limits.max_qos = 1),
            service(&["a out 1"], |limits| limits.max_qos = 1),
        ),
        case(
            FindingCode::Retain,
            service(&["a out 1"], |limits| limits.retain = false),
            service(&["a in 1"], |limits| limits.retain = false),
        ),
        case(
            FindingCode::Slashes,
            service(&["a/b/c out 1"], |limits| limits.max_slashes = Some(1)),
            service(&["a/b out 1"], |limits| limits.max_slashes = Some(1)),
        ),
        case(
            FindingCode::PublishScope,
            service(&["a/# out 1"], |limits| limits.publish = only("a/+")),
            service(&["a/+ out 1"], |limits| limits.publish = only("a/+")),
        ),
        case(
            FindingCode::SubscribeScope,
            service(&["a/# in 1"], |limits| limits.subscribe = only("a/b")),
            service(&["a/b in 1"], |limits| limits.subscribe = only("a/b")),
        ),
        case(
            FindingCode::Subscriptions,
            service(&["a in 1", "b in 1"], |limits| limits.max_subscriptions = Some(1)),
            service(&["a in 1", "b out 1"], |limits| {
                limits.max_subscriptions = Some(1);
            }),
        ),
    ]
}

#[test]
fn every_finding_about_networks_and_services_fires_where_it_should_and_nowhere_else() {
    for Case { code, fires, quiet } in network_cases() {
        let count = |network: &Network| {
            network
                .check()
                .iter()
                .filter(|finding| finding.code == code)
                .count()
        };
        assert!(count(&fires) > 0, "{code} is not found: {:#?}", fires.check());
        assert_eq!(count(&quiet), 0, "{code} is found: {:#?}", quiet.check());
    }
}
