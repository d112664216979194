//! What a rule's options and the properties of MQTT 5 become on the other side (bridge.md 7.4).

use mqttkube_bridge::endpoint::Limits;
use mqttkube_bridge::relay::{Lane, Routes};
use mqttkube_mqtt::Version;

use super::scripted::{PUBACK, packet, publish};
use super::{Bench, Setup, publish_with, rule, seen, take, text};

const RESPONSE_TOPIC: u8 = 0x08;
const CORRELATION_DATA: u8 = 0x09;
const CONTENT_TYPE: u8 = 0x03;
const USER: u8 = 0x26;

#[tokio::test]
async fn the_retain_flag_follows_the_rule_and_the_profile() {
    let check = async |rules: &str, retain: bool, expected: bool| {
        let limits = Limits {
            retain,
            ..Limits::default()
        };
        let setup = Setup {
            limits,
            ..Setup::default()
        };
        let mut bench = Bench::start(&[rules], setup).await;
        bench.here.send(&publish_with("l/t", 1, true, &[], b"x")).await;
        assert_eq!(take(&mut bench.there).await.retain, expected, "{rules} {retain}");
    };
    check("# out 1 l/ r/", true, true).await;
    check("# out 1 l/ r/", false, false).await;
    check("drop: # out 1 l/ r/", true, false).await;
}

#[test]
fn the_flag_is_asked_for_as_it_was_published() {
    let routes = Routes::new(vec!["# out 1 l/ r/".parse().expect("a rule")], Limits::default());
    assert!(routes.subscriptions(Lane::Out)[0].retain_as_published);
}

#[tokio::test]
async fn messages_of_a_strict_rule_go_one_at_a_time_and_hold_up_no_other() {
    let mut bench = Bench::start(&["strict: s/# out 1 l/ r/", "t/# out 1 l/ r/"], Setup::default()).await;
    for (id, topic) in [(1, "l/s/a"), (2, "l/s/b"), (3, "l/s/a"), (4, "l/t")] {
        bench.here.send(&publish(topic, id, b"x", false)).await;
    }
    let first = seen(&bench.there.expect(super::PUBLISH).await);
    let other = seen(&bench.there.expect(super::PUBLISH).await);
    assert_eq!((first.topic.as_str(), other.topic.as_str()), ("r/s/a", "r/t"));
    assert!(bench.there.is_silent().await, "the first is not acknowledged");
    bench.there.puback(other.id).await;
    bench.there.puback(first.id).await;
    assert_eq!(bench.here.expect(PUBACK).await.id(), 1);
    let second = seen(&bench.there.expect(super::PUBLISH).await);
    assert_eq!(second.topic, "r/s/b");
    assert!(bench.there.is_silent().await);
    bench.there.puback(second.id).await;
    assert_eq!(take(&mut bench.there).await.topic, "r/s/a");
    bench
        .until("all have arrived", |status| status.out.forwarded == 4)
        .await;
    let by_rule: Vec<u64> = bench
        .handle
        .status()
        .out
        .rules
        .iter()
        .map(|rule| rule.forwarded)
        .collect();
    assert_eq!(by_rule, [3, 1]);
}

/// In store mode the source has its acknowledgements at once, and the order is kept on the way out of the store.
#[tokio::test]
async fn messages_of_a_strict_rule_leave_the_store_one_at_a_time_and_hold_up_no_other() {
    let setup = Setup {
        store: true,
        ..Setup::default()
    };
    let mut bench = Bench::start(&["strict: s/# out 1 l/ r/", "t/# out 1 l/ r/"], setup).await;
    for (id, topic) in [(1, "l/s/a"), (2, "l/s/b"), (3, "l/s/a"), (4, "l/t")] {
        bench
            .here
            .send(&publish(topic, id, &[b'0' + id as u8], false))
            .await;
        assert_eq!(bench.here.expect(PUBACK).await.id(), id, "it is on the disk");
    }
    let mut sent = Vec::new();
    let mut first = seen(&bench.there.expect(super::PUBLISH).await);
    let other = seen(&bench.there.expect(super::PUBLISH).await);
    assert_eq!(other.topic, "r/t", "it does not wait for a strict one");
    bench.there.puback(other.id).await;
    while sent.len() < 2 {
        assert!(
            bench.there.is_silent().await,
            "{} is not acknowledged",
            first.topic
        );
        bench.there.puback(first.id).await;
        sent.push((first.topic, first.payload));
        first = seen(&bench.there.expect(super::PUBLISH).await);
    }
    bench.there.puback(first.id).await;
    sent.push((first.topic, first.payload));
    let expected = [("r/s/a", b"1"), ("r/s/b", b"2"), ("r/s/a", b"3")]
        .map(|(topic, payload)| (topic.to_owned(), payload.to_vec()));
    assert_eq!(sent, expected);
    bench
        .until("all have arrived", |status| status.out.forwarded == 4)
        .await;
    let store = bench.store.clone().expect("there is one");
    bench
        .until("the store is empty", |_| store.status().messages == [0, 0])
        .await;
}

/// A cut while one is on its way: it comes again before the next one has its turn.
#[tokio::test]
async fn a_strict_rule_keeps_its_order_over_a_cut_in_both_modes() {
    for store in [false, true] {
        let setup = Setup {
            store,
            ..Setup::default()
        };
        let mut bench = Bench::start(&["strict: # out 1 l/ r/"], setup).await;
        for id in 1..=3 {
            bench
                .here
                .send(&publish("l/t", id, &[b'0' + id as u8], false))
                .await;
        }
        let first = seen(&bench.there.expect(super::PUBLISH).await);
        assert_eq!(first.payload, b"1");
        let mut there = bench.reconnect(super::scripted::WELCOME_BACK).await;
        let mut order = Vec::new();
        while order.len() < 3 {
            let packet = there.read().await.expect("it stands");
            if packet.kind() == super::SUBSCRIBE {
                super::grant(&mut there, &packet, Version::V5).await;
                continue;
            }
            let seen = seen(&packet);
            order.extend(seen.payload);
            there.puback(seen.id).await;
        }
        assert_eq!(order, b"123", "store: {store}");
    }
}

#[tokio::test]
async fn properties_are_carried_in_order_and_the_topic_for_answers_gets_its_name_over_there() {
    let rules = ["ask/# out 1 l/ r/", "answer/# in 1 l/ r/"];
    let mut bench = Bench::start(&rules, Setup::default()).await;
    let given = [
        text(CONTENT_TYPE, &["text/plain"]),
        text(RESPONSE_TOPIC, &["l/answer/7"]),
        text(CORRELATION_DATA, &["id"]),
        text(USER, &["b", "1"]),
        text(USER, &["a", "2"]),
        text(USER, &["b", "3"]),
    ]
    .concat();
    bench
        .here
        .send(&publish_with("l/ask/x", 1, false, &given, b"x"))
        .await;
    let carried = take(&mut bench.there).await;
    let contains = |part: &[u8]| {
        carried
            .properties
            .windows(part.len())
            .any(|window| window == part)
    };
    let users = [
        text(USER, &["b", "1"]),
        text(USER, &["a", "2"]),
        text(USER, &["b", "3"]),
    ]
    .concat();
    for part in [
        text(CONTENT_TYPE, &["text/plain"]),
        text(RESPONSE_TOPIC, &["r/answer/7"]),
        text(CORRELATION_DATA, &["id"]),
        users,
    ] {
        assert!(contains(&part), "{part:x?} in {:x?}", carried.properties);
    }
    assert_eq!(carried.properties.len(), given.len(), "nothing is added");

    let lost = text(RESPONSE_TOPIC, &["elsewhere"]);
    bench
        .here
        .send(&publish_with("l/ask/x", 2, false, &lost, b"x"))
        .await;
    assert!(take(&mut bench.there).await.properties.is_empty());
    assert_eq!(bench.handle.status().out.answers_lost, 1);
}

#[test]
fn rules_that_bring_nothing_back_are_known() {
    let check = |rules: &[&str], expected| {
        let routes = Routes::with(rules.iter().map(|text| rule(text)).collect(), Limits::default());
        assert_eq!(routes.loop_free(), expected, "{rules:?}");
    };
    check(&["# out 1"], true);
    check(&["# both 1"], false);
    check(&["events/# out 1 l/ r/", "commands/# in 1 l/ r/"], true);
    check(&["# out 1 a/ b/", "# in 1 c/ d/"], true);
    check(&["# out 1 a/ b/", "# in 1 c/ b/"], false);
    // What comes in is taken out again.
    check(&["# out 1 a/ b/", "# in 1 a/ d/"], false);
    check(&["+/x out 1", "y/# in 1"], false);
}

#[tokio::test]
async fn a_mark_is_set_only_where_something_could_come_back() {
    let check = async |rules: &[&str], expected: &[u8]| {
        let mut bench = Bench::start(rules, Setup::default()).await;
        bench.here.send(&publish("a/t", 1, b"x", false)).await;
        assert_eq!(take(&mut bench.there).await.properties, expected, "{rules:?}");
    };
    check(&["# out 1 a/ b/"], &[]).await;
    check(&["# both 1 a/ b/"], &text(USER, &["mqttkube-hops", "1"])).await;
}

#[tokio::test]
async fn a_broker_of_mqtt_3_1_1_may_send_back_what_it_got_once() {
    let setup = Setup {
        version: Version::V311,
        limits: Limits {
            user_properties: false,
            ..Limits::default()
        },
        ..Setup::default()
    };
    let mut bench = Bench::start(&["# both 1 a/ b/"], setup).await;
    bench.here.send(&publish("a/t", 1, b"x", false)).await;
    let (topic, id, _) = bench.there.expect(super::PUBLISH).await.publish();
    assert_eq!(topic, "b/t");
    bench.there.puback(id).await;
    assert_eq!(bench.here.expect(PUBACK).await.id(), 1);
    // PUBLISH of MQTT 3.1.1 at QoS 1: the echo, then the same by somebody else.
    for id in [1, 2] {
        bench
            .there
            .send(&packet(0x32, &[0, 3, b'b', b'/', b't', 0, id, b'x']))
            .await;
    }
    assert_eq!(take(&mut bench.here).await.topic, "a/t");
    bench
        .until("one is an echo, one is carried", |status| {
            (status.incoming.dropped_for("circle"), status.incoming.forwarded) == (1, 1)
        })
        .await;
}
