//! Which items a message is for, and who gets an answer.

use bytes::Bytes;
use mqttkube_core::event::{Event, Purpose};

use super::driver::{Driver, acks, call, calls, complaints, publishes, show, version};

const HOUSE: &str = r#"
mqtt: {topic-prefix: home}
bindings:
  - {namespace: n, resource: ConfigMap, name: a, patch: {topic: x/y, locus: data.v, retained: once, type: string}}
  - {namespace: n, resource: ConfigMap, name: b, patch: {topic: x/y, locus: data.v, retained: once, type: string}}
  - {namespace: n, resource: ConfigMap, name: c, patch: {topic: x/y, locus: data.v, retained: once, type: string}}
  - {namespace: n, resource: ConfigMap, name: d, patch: {topic: x/y, locus: data.v, type: string}}
  - {namespace: n, resource: ConfigMap, name: e, patch: {topic: "x/+", locus: data.v, type: string}}
  - namespace: n
    resource: Pod
    selector: {labels: app=x}
    watch: {topic: "pods/{name}/state", locus: status.phase}
  - {namespace: n, resource: Pod, name: p, watch: {topic: pod/state, locus: status.phase}}
"#;

/// Names of the objects that are written.
fn written(effects: &[mqttkube_core::event::Effect]) -> Vec<String> {
    calls(effects)
        .into_iter()
        .map(|(_, request)| request.name)
        .collect()
}

#[test]
fn r8_a_retained_command_is_ignored_by_default_and_acknowledged() {
    let mut driver = Driver::new(HOUSE);
    let mut message = driver.message("home/x/z", "1");
    message.retain = true;
    let effects = driver.tell(Event::Message(message));
    assert_eq!((written(&effects).len(), acks(&effects)), (0, vec![1]));
    assert_eq!(driver.engine.status().bindings[4].ignored, 1);
}

#[test]
fn m2_three_bindings_that_take_retained_commands_give_three_runs_over_twenty_connections() {
    let mut driver = Driver::new(HOUSE);
    let mut runs = Vec::new();
    for connection in 0..20 {
        let mut message = driver.message("home/x/y", "1");
        message.retain = true;
        let effects = driver.tell(Event::Message(message));
        for (job, request) in calls(&effects) {
            runs.push(request.name);
            driver.answer(job, version("1"));
        }
        driver.tell(Event::Offline);
        driver.online(connection % 2 == 0);
    }
    assert_eq!(runs, ["a", "b", "c"]);
    let mut other = driver.message("home/x/y", "2");
    other.retain = true;
    let effects = driver.tell(Event::Message(other));
    assert_eq!(
        written(&effects),
        ["a", "b", "c"],
        "another payload is another command"
    );
}

#[test]
fn d1_a_delivery_is_for_the_subscriptions_that_it_names() {
    let mut driver = Driver::new(HOUSE);
    let ids: Vec<u32> = driver.plan.filters().iter().map(|filter| filter.id()).collect();
    let cases: [(&[u32], &[&str]); 5] = [
        (&ids[..1], &["a", "b", "c", "d"]),
        (&ids[1..2], &["e"]),
        (&ids[..2], &["a", "b", "c", "d", "e"]),
        (&[ids[1], ids[1], 0], &["e"]),
        (&[268_435_455], &[]),
    ];
    for (ids, expected) in cases {
        let mut message = driver.message("home/x/y", "1");
        message.subscription_ids = ids.to_vec();
        let effects = driver.tell(Event::Message(message));
        assert_eq!(written(&effects), expected, "{ids:?}");
        for (job, _) in calls(&effects) {
            driver.answer(job, version("1"));
        }
    }
    assert_eq!(driver.engine.status().commands.unrouted, 1);
}

#[test]
fn d1_without_identifiers_the_topic_decides_and_each_item_runs_once() {
    let mut driver = Driver::new(HOUSE);
    let effects = driver.send("home/x/y", "1");
    assert_eq!(written(&effects), ["a", "b", "c", "d", "e"]);
    for topic in [
        "x/y",
        "homely/x/y",
        "home/x/y/z",
        "home/x",
        "$SYS/home/x/y",
        "home//x/y",
        "",
    ] {
        let effects = driver.send(topic, "1");
        assert_eq!(calls(&effects).len(), 0, "{topic:?}");
    }
}

#[test]
fn the_order_per_object_holds_and_others_do_not_wait() {
    let mut driver = Driver::new(HOUSE);
    let first = driver.send("home/x/1", "1");
    assert!(
        calls(&driver.send("home/x/2", "2")).is_empty(),
        "the object is busy"
    );
    assert_eq!(written(&driver.send("home/x/y", "3")), ["a", "b", "c", "d"]);
    let (job, _) = call(&first);
    let second = driver.answer(job, version("1"));
    assert_eq!(
        show(&call(&second).1),
        r#"PATCH configmaps n/e merge {"data":{"v":"2"}}"#
    );
}

/// Where the answer to a request goes.
#[track_caller]
fn check_response(config: &str, command: &str, response: &str, expected: bool) {
    let mut driver = Driver::new(config);
    let mut message = driver.message(command, "1");
    message.response_topic = Some(response.to_owned());
    message.correlation_data = Some(Bytes::from_static(b"\x00\xff"));
    let (job, _) = calls(&driver.tell(Event::Message(message))).remove(0);
    let effects = driver.answer(job, version("1"));
    let answers = publishes(&effects, Purpose::Result);
    assert_eq!(answers.len(), usize::from(expected), "{response:?}");
    for answer in answers {
        assert_eq!(answer.topic, response);
        assert_eq!(answer.correlation_data.as_deref(), Some(&b"\x00\xff"[..]));
        assert!(!answer.retain);
    }
    let refused = driver.engine.status().commands.refused_responses;
    assert_eq!(refused, u64::from(!expected));
}

#[test]
fn d6_a_response_topic_is_answered_under_the_prefix_only() {
    check_response(HOUSE, "home/x/1", "home/answers/7", true);
    let long = format!("home/{}", "a".repeat(65_536));
    for elsewhere in [
        "answers/7",
        "homely/a",
        "$SYS/a",
        "home/+",
        "home/#",
        "home/a\0",
        "",
        &long,
    ] {
        check_response(HOUSE, "home/x/1", elsewhere, false);
    }
}

#[test]
fn d6_a_response_topic_is_never_a_command_nor_a_state() {
    for ours in ["home/x/1", "home/x/y", "home/pod/state", "home/pods/any/state"] {
        check_response(HOUSE, "home/x/1", ours, false);
    }
}

#[test]
fn d6_without_a_prefix_only_the_response_prefix_is_answered() {
    let bindings = "bindings: [{namespace: n, resource: ConfigMap, name: a, patch: {topic: x, locus: data.v, type: string}}]";
    check_response(bindings, "x", "answers/7", false);
    let prefixed = format!("mqtt: {{response-prefix: answers}}\n{bindings}");
    check_response(&prefixed, "x", "answers/7", true);
    check_response(&prefixed, "x", "other/7", false);
}

#[test]
fn d6_what_is_published_and_heard_is_a_warning_on_v5_and_an_error_on_v3() {
    let loops = "bindings: [{namespace: n, resource: ConfigMap, name: a, patch: {topic: 'x/+', locus: data.v}, watch: {topic: x/y, locus: data.v}}]";
    for (version, refused) in [("5", false), ("3.1.1", true)] {
        let (is_refused, text) = complaints(&format!("mqtt: {{version: {version}}}\n{loops}"));
        assert_eq!(is_refused, refused, "{text}");
        assert!(text.contains("is a command for bindings[0].patch[0]"), "{text}");
    }
}
