//! The model of topic rules against a bridge between two real brokers.

use std::collections::BTreeSet;

use mqttkube_mosquitto::setting::{Address, Name, Text};
use mqttkube_mosquitto::{Code, Config, Connection, Listener, RuleSet, TopicRule, Version, Way, lint};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::broker::{Broker, free_port, mosquitto_is_there, scale};
use crate::client::Client;

fn rule() -> impl Strategy<Value = TopicRule> {
    let pattern = prop_oneof![
        Just("#"),
        Just("+"),
        Just("a"),
        Just("a/#"),
        Just("+/b"),
        Just("a/+"),
        Just("+/#"),
        Just("")
    ];
    let prefix =
        || prop_oneof![3 => Just(""), 2 => Just("a/"), 2 => Just("b/"), 1 => Just("c/d/"), 1 => Just("a")];
    let direction = prop_oneof![Just("out"), Just("in"), Just("both")];
    (pattern, direction, prefix(), prefix()).prop_filter_map(
        "a rule",
        |(pattern, direction, local, remote)| {
            let direction = serde_json::from_value(direction.into()).expect("a direction");
            TopicRule::new(pattern, direction, 1, local, remote).ok()
        },
    )
}

fn topics() -> Vec<String> {
    let levels = ["a", "b", "c", "d", "aa"];
    let one = levels.iter().map(|level| (*level).to_owned());
    let two = levels
        .iter()
        .flat_map(|a| levels.iter().map(move |b| format!("{a}/{b}")));
    let three = [
        "a/a/b", "a/b/a", "b/a/b", "c/d/a", "c/d/a/b", "a/a/a", "x/y/z", "b/", "a//b",
    ]
    .map(str::to_owned);
    one.chain(two).chain(three).collect()
}

fn broker(connections: Vec<Connection>) -> Broker {
    let mut config = Config {
        connections,
        ..Config::default()
    };
    config.security.allow_anonymous = Some(true);
    config.global.max_inflight_messages = Some(serde_json::from_str("0").expect("a number"));
    config.global.max_queued_messages = Some(serde_json::from_str("0").expect("a number"));
    config.listeners.extend(Listener::tcp(free_port()));
    Broker::start(config)
}

pub(crate) fn watch(broker: &Broker) -> Client {
    let mut client = Client::connect(broker.port, "watcher", None).expect("anonymous clients may come in");
    assert!(client.subscribe("#") < 3);
    client
}

/// Names by payload, of what was published on the other side.
fn names(client: &Client, sign: &str) -> BTreeSet<(String, String)> {
    let ours = client
        .received
        .iter()
        .filter(|(_, payload)| payload.starts_with(sign));
    let names: Vec<(String, String)> = ours
        .map(|(topic, payload)| (payload.clone(), topic.clone()))
        .collect();
    let set: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(names.len(), set.len(), "something came twice: {names:?}");
    set
}

fn expected(rules: &RuleSet, way: Way, sign: &str, topics: &[String]) -> BTreeSet<(String, String)> {
    let named = topics
        .iter()
        .filter_map(|topic| Some((format!("{sign}{topic}"), rules.forward(topic, way)?.topic)));
    named.collect()
}

/// The rule behind the others, whose message comes last and shows that the subscriptions before it are there.
const LAST: &str = "zz/# both 1";

fn compare(rules: &[TopicRule]) {
    let mut rules = rules.to_vec();
    rules.push(LAST.parse().expect("a rule"));
    let model = RuleSet::new(rules.clone(), Version::V2_0);
    let remote = broker(Vec::new());
    let address: Address = format!("127.0.0.1:{}", remote.port).parse().expect("an address");
    let mut bridge = Connection::new(Name::new("bridge").expect("a name"), vec![address], rules);
    bridge.options.notification_topic = Some(Text::new("state").expect("a topic"));
    bridge.options.notifications_local_only = Some(true);
    let local = broker(vec![bridge]);

    let (mut far, mut near) = (watch(&remote), watch(&local));
    let mut publisher = Client::connect(remote.port, "far", None).expect("anonymous clients may come in");
    let mut tries = 0;
    loop {
        publisher.publish("zz/up", &format!("up{tries}"));
        if near.receives(&format!("up{tries}"), std::time::Duration::from_millis(200)) {
            break;
        }
        tries += 1;
        assert!(
            tries < 100,
            "the bridge does not come up: {:?}\n{}",
            model.rules(),
            local.log()
        );
    }
    let usable = |way| -> Vec<String> {
        // A message without a topic ends the connection of the bridge.
        let empty = |topic: &String| {
            model
                .forward(topic, way)
                .is_some_and(|forward| forward.topic.is_empty())
        };
        topics().into_iter().filter(|topic| !empty(topic)).collect()
    };
    let (out, back) = (usable(Way::Out), usable(Way::In));
    let mut home = Client::connect(local.port, "near", None).expect("anonymous clients may come in");
    out.iter()
        .for_each(|topic| home.publish(topic, &format!("out:{topic}")));
    home.publish("zz/last", "last-out");
    far.receive_until("last-out");
    back.iter()
        .for_each(|topic| publisher.publish(topic, &format!("in:{topic}")));
    publisher.publish("zz/last", "last-in");
    near.receive_until("last-in");
    let shown = model.rules();
    assert_eq!(
        names(&far, "out:"),
        expected(&model, Way::Out, "out:", &out),
        "out: {shown:?}"
    );
    assert_eq!(
        names(&near, "in:"),
        expected(&model, Way::In, "in:", &back),
        "in: {shown:?}"
    );
}

#[test]
fn a_real_bridge_names_topics_as_the_model_does() {
    if !mosquitto_is_there("a_real_bridge_names_topics_as_the_model_does") {
        return;
    }
    for rules in [
        &["# out 1 a/ b/", "# in 1 \"\" b/"][..],
        &["a/# out 1", "# out 1 a/ b/"],
        &["a both 1 a b", "\"\" in 1 c/d c"],
        &["+ out 1", "+/# out 1 a/ c/d/"],
    ] {
        compare(
            &rules
                .iter()
                .map(|rule| rule.parse().expect("a rule"))
                .collect::<Vec<_>>(),
        );
    }
    let mut runner = TestRunner::deterministic();
    for _ in 0..20 * scale() {
        let rules = prop::collection::vec(rule(), 1..5)
            .new_tree(&mut runner)
            .expect("rules")
            .current();
        compare(&rules);
    }
}

/// Whether a message of the remote broker comes in by these rules.
fn comes_in(rules: [&str; 2], unsubscribe: Option<bool>) -> bool {
    let rules = rules.into_iter().chain([LAST]);
    let rules: Vec<TopicRule> = rules.map(|rule| rule.parse().expect("a rule")).collect();
    let remote = broker(Vec::new());
    let address: Address = format!("127.0.0.1:{}", remote.port).parse().expect("an address");
    let mut bridge = Connection::new(Name::new("bridge").expect("a name"), vec![address], rules);
    bridge.options.notifications = Some(false);
    bridge.options.attempt_unsubscribe = unsubscribe;
    let text = Config {
        connections: vec![bridge.clone()],
        ..Config::default()
    };
    let text = text.write(Version::V2_0).expect("2.0 has all of this");
    let warned = lint(&text, Version::V2_0)
        .iter()
        .any(|lint| lint.code == Code::BridgeUnsubscribesIn);
    let local = broker(vec![bridge]);
    let mut near = watch(&local);
    let mut publisher = Client::connect(remote.port, "far", None).expect("anonymous clients may come in");
    let up = (0..100).any(|_| {
        publisher.publish("zz/up", "up");
        near.receives("up", std::time::Duration::from_millis(200))
    });
    assert!(up, "the bridge does not come up: {}", local.log());
    publisher.publish("a/x", "came");
    publisher.publish("zz/last", "last");
    near.receive_until("last");
    let came = near.received.iter().any(|(_, payload)| payload == "came");
    assert_eq!(
        warned, !came,
        "what is warned of happens, and nothing else:\n{text}"
    );
    came
}

#[test]
fn an_out_rule_behind_an_in_rule_of_the_same_remote_filter_takes_its_subscription_back() {
    let name = "an_out_rule_behind_an_in_rule_of_the_same_remote_filter_takes_its_subscription_back";
    if !mosquitto_is_there(name) {
        return;
    }
    let (to_us, from_us) = ("a/# in 1", "# out 1 b/ a/");
    assert!(!comes_in([to_us, from_us], None));
    assert!(comes_in([to_us, from_us], Some(false)));
    assert!(comes_in([from_us, to_us], None));
}
