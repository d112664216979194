//! From objects to published states.

use std::time::Duration;

use mqttkube_core::event::{Effect, Event, Purpose};
use mqttkube_core::ids::WatchId;
use serde_json::{Value, json};

use super::driver::{Driver, WATCH, published, publishes};

fn named(item: &str) -> Driver {
    Driver::new(&format!(
        "bindings: [{{namespace: n, resource: Pod, name: p, watch: {{topic: s, locus: status.n, {item}}}}}]"
    ))
}

fn selected(item: &str) -> Driver {
    Driver::new(&format!(
        "bindings: [{{namespace: n, resource: Pod, selector: {{labels: a=b}}, watch: {{topic: 's/{{name}}', locus: status.n, {item}}}}}]"
    ))
}

fn pod(name: &str, n: &Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "n", "uid": format!("uid-{name}")}, "status": {"n": n}})
}

#[track_caller]
fn check(effects: &[Effect], expected: &[&str]) {
    assert_eq!(published(effects), expected);
}

#[test]
fn w8_each_on_delete_says_what_is_published() {
    for (item, expected) in [
        ("retain: true", &["s="][..]),
        ("on-delete: clear", &["s="]),
        ("on-delete: map-null, values: {map: {~: 'OFF'}}", &["s=OFF"]),
        ("on-delete: map-null", &["s="]),
        ("on-delete: map-null, values: {map: {1: one}}, on-miss: drop", &[]),
        ("on-delete: keep", &[]),
        ("on-delete: {payload: gone}", &["s=gone"]),
    ] {
        let mut driver = named(item);
        driver.list(&[pod("p", &json!(1))]);
        let effects = driver.deleted("n", "p");
        check(&effects, expected);
        assert!(publishes(&effects, Purpose::State).is_empty());
        check(&driver.deleted("n", "other"), &[]);
        // Absent at the start is the same.
        check(&named(item).list(&[]), expected);
    }
}

#[test]
fn w9_a_deletion_forgets_so_the_same_value_is_published_again() {
    for value in [json!(1), json!(null), json!("")] {
        let mut driver = named("on-delete: keep");
        let first = published(&driver.list(&[pod("p", &value)]));
        check(&driver.object(pod("p", &value)), &[]);
        driver.deleted("n", "p");
        assert_eq!(published(&driver.object(pod("p", &value))), first, "{value}");
    }
}

#[test]
fn w4_on_absent_publishes_null_or_nothing() {
    let absent = json!({"metadata": {"name": "p", "namespace": "n"}});
    check(
        &named("values: {map: {~: 'OFF'}}").list(std::slice::from_ref(&absent)),
        &["s=OFF"],
    );
    check(&named("on-absent: skip").list(std::slice::from_ref(&absent)), &[]);
    let mut driver = named("on-absent: skip");
    driver.list(&[pod("p", &json!(1))]);
    check(&driver.object(absent), &[]);
    check(&driver.object(pod("p", &json!(1))), &[]);
}

#[test]
fn w2_on_miss_publishes_raw_nothing_or_counts_an_error() {
    check(
        &named("values: {map: {1: one}}").list(&[pod("p", &json!(2))]),
        &["s=2"],
    );
    check(
        &named("values: {map: {1: one}}, on-miss: drop").list(&[pod("p", &json!(2))]),
        &[],
    );
    let mut driver = named("values: {map: {1: one}}, on-miss: error");
    check(&driver.list(&[pod("p", &json!(2))]), &[]);
    let status = driver.engine.status().bindings.remove(0);
    assert_eq!(status.failed, 1);
    assert_eq!(status.last_error.as_deref(), Some("no entry of the map takes 2"));
}

#[test]
fn w5_values_are_text_or_json() {
    let value = json!({"b": [1, true, null], "a": "é"});
    check(
        &named("").list(&[pod("p", &value)]),
        &[r#"s={"a":"\u00e9","b":[1,true,null]}"#],
    );
    check(&named("").list(&[pod("p", &json!(true))]), &["s=true"]);
    check(
        &named("encoding: json").list(&[pod("p", &json!("x"))]),
        &[r#"s="x""#],
    );
}

#[test]
fn min_interval_holds_back_and_the_newest_value_wins() {
    let mut driver = named("min-interval: 10s");
    check(&driver.list(&[pod("p", &json!(1))]), &["s=1"]);
    check(&driver.object(pod("p", &json!(2))), &[]);
    driver.pass(Duration::from_secs(3));
    check(&driver.object(pod("p", &json!(3))), &[]);
    let (waited, effects) = driver.wait();
    check(&effects, &["s=3"]);
    assert_eq!(waited, Duration::from_secs(7));
    assert!(driver.engine.is_idle());
}

#[test]
fn min_interval_does_not_hold_back_a_deletion_nor_publish_after_it() {
    let mut driver = named("min-interval: 10s");
    driver.list(&[pod("p", &json!(1))]);
    driver.object(pod("p", &json!(2)));
    check(&driver.deleted("n", "p"), &["s="]);
    check(&driver.pass(Duration::from_secs(60)), &[]);
}

#[test]
fn min_interval_across_an_outage_publishes_what_is_there_now() {
    let text = |digit: &str| digit.repeat(300);
    for name in ["p", "a pod of many"] {
        let mut driver = if name == "p" {
            named("min-interval: 10s")
        } else {
            selected("min-interval: 10s")
        };
        let name = name.split(' ').next().unwrap_or_default();
        driver.list(&[pod(name, &json!(text("1")))]);
        driver.object(pod(name, &json!(text("2"))));
        driver.tell(Event::Offline);
        driver.object(pod(name, &json!(text("3"))));
        driver.now += Duration::from_secs(60);
        let mut effects = driver.online(true);
        if effects.contains(&Effect::Relist(WATCH)) {
            effects.extend(driver.list(&[pod(name, &json!(text("3")))]));
        }
        let states = publishes(&effects, Purpose::State);
        let last = states.last().map(|publish| publish.payload.to_vec());
        assert_eq!(last, Some(text("3").into_bytes()), "{} publishes", states.len());
        check(&driver.pass(Duration::from_secs(60)), &[]);
    }
}

#[test]
fn n2_a_new_session_gets_everything_and_a_resumed_one_what_is_retained() {
    let two = "bindings: [{namespace: n, resource: Pod, name: p, watch: [{topic: kept, locus: status.n, retain: true}, {topic: told, locus: status.n}]}]";
    for (resumed, expected) in [(false, &["kept=1", "told=1"][..]), (true, &["kept=1"])] {
        let mut driver = Driver::new(two);
        driver.list(&[pod("p", &json!(1))]);
        driver.tell(Event::Offline);
        check(&driver.online(resumed), expected);
        check(&driver.object(pod("p", &json!(1))), &[]);
    }
}

#[test]
fn n2_what_changed_while_offline_comes_once_and_newest() {
    let mut driver = named("");
    driver.list(&[pod("p", &json!(1))]);
    driver.tell(Event::Offline);
    for n in 2..9 {
        check(&driver.object(pod("p", &json!(n))), &[]);
    }
    check(&driver.online(true), &["s=8"]);
    driver.tell(Event::Offline);
    check(&driver.deleted("n", "p"), &[]);
    check(&driver.online(true), &["s="]);
}

#[test]
fn f15_a_new_list_reports_deletions_in_the_gap_and_does_not_flicker() {
    let mut driver = selected("retain: true");
    let objects: Vec<Value> = ["a", "b", "c"].map(|name| pod(name, &json!(1))).into();
    assert_eq!(driver.list(&objects).len(), 3);
    driver.tell(Event::WatchFailed {
        watch: WATCH,
        error: "410 Gone".to_owned(),
    });
    assert_eq!(
        driver.engine.status().watches[0].error.as_deref(),
        Some("410 Gone")
    );
    check(
        &driver.list(&[pod("a", &json!(1)), pod("c", &json!(2))]),
        &["s/c=2", "s/b="],
    );
    check(&driver.list(&[pod("a", &json!(1)), pod("c", &json!(2))]), &[]);
    assert_eq!(driver.engine.status().watches[0].error, None);
}

#[test]
fn d13_a_selector_topic_holds_the_facts_of_the_object() {
    let mut driver = Driver::new(
        "bindings: [{namespace: '*', resource: Pod, selector: {}, watch: {topic: '{namespace}/{kind}/{name}/{uid}', locus: status.n, retain: true}}]",
    );
    check(&driver.list(&[pod("p", &json!(1))]), &["n/Pod/p/uid-p=1"]);
    check(&driver.deleted("n", "p"), &["n/Pod/p/uid-p="]);
}

#[test]
fn d13_retained_messages_of_objects_that_are_gone_are_cleared_after_the_list() {
    let mut driver = selected("retain: true");
    for topic in ["s/here", "s/gone", "other/gone", "s/gone/deeper", "s/"] {
        driver.tell(Event::RetainedSeen {
            topic: topic.to_owned(),
        });
    }
    check(&driver.pass(Duration::from_secs(5)), &[]);
    let mut effects = driver.list(&[pod("here", &json!(1))]);
    effects.extend(driver.pass(Duration::from_secs(5)));
    let mut lines = published(&effects);
    lines.sort();
    assert_eq!(lines, ["s/=", "s/gone=", "s/here=1"]);
    let cleared = publishes(&effects, Purpose::Clear);
    assert!(cleared.iter().all(|publish| publish.retain));
    assert!(driver.engine.is_idle());
}

#[test]
fn d13_items_that_do_not_clear_are_not_swept() {
    for item in [
        "retain: false",
        "retain: true, on-delete: keep",
        "retain: true, on-delete: {payload: gone}",
    ] {
        let mut driver = selected(item);
        driver.tell(Event::RetainedSeen {
            topic: "s/gone".to_owned(),
        });
        driver.list(&[]);
        check(&driver.pass(Duration::from_secs(5)), &[]);
    }
}

#[test]
fn a_drain_publishes_what_an_interval_holds_back() {
    let mut driver = named("min-interval: 1h");
    driver.list(&[pod("p", &json!(1))]);
    driver.object(pod("p", &json!(2)));
    check(&driver.tell(Event::Drain), &["s=2"]);
}

#[test]
fn a_large_state_is_published_again_when_its_object_was_listed_again() {
    let mut driver = selected("retain: true");
    let large = pod("p", &json!("x".repeat(200_000)));
    assert_eq!(driver.list(std::slice::from_ref(&large)).len(), 1);
    driver.tell(Event::Offline);
    assert_eq!(driver.online(false), [Effect::Relist(WATCH)]);
    assert_eq!(publishes(&driver.list(&[large]), Purpose::State).len(), 1);
}

#[test]
fn objects_without_a_name_and_watches_that_do_not_exist_are_passed_over() {
    let mut driver = named("");
    driver.tell(Event::Listing { watch: WATCH });
    for object in [
        json!(null),
        json!([]),
        json!({"metadata": "x"}),
        json!({"metadata": {"name": 1}}),
    ] {
        check(&driver.object(object), &[]);
    }
    let watch = WatchId(77);
    let object = Box::new(pod("p", &json!(1)));
    for event in [
        Event::Listing { watch },
        Event::Object { watch, object },
        Event::Listed { watch },
        Event::Watching { watch },
    ] {
        check(&driver.tell(event), &[]);
    }
}
