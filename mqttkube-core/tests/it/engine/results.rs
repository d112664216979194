//! What becomes of a command, as other programs read it.

use bytes::Bytes;
use mqttkube_core::event::{Event, Purpose};

use super::driver::{Driver, calls, publishes, refuse, unreachable, version};

const LAMP: &str = r#"
kubernetes: {retry-deadline: 1m}
bindings:
  - namespace: media
    resource: Deployment
    name: jellyfin
    id: lamp
    patch:
      - {topic: set, locus: spec.replicas, result: done, dead-letter: dead, values: {map: {"ON": 1, "OFF": 0}}, max: 0}
      - {topic: named, locus: spec.paused, type: bool, result: done, id: "json['n']"}
"#;

/// The exact bytes of the only result.
#[track_caller]
fn check(effects: &[mqttkube_core::event::Effect], expected: &str) {
    let results = publishes(effects, Purpose::Result);
    let [result] = &results[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(std::str::from_utf8(&result.payload), Ok(expected));
    assert_eq!(
        (result.topic.as_str(), result.qos, result.retain),
        ("done", 1, false)
    );
}

const OBJECT: &str = r#"{"apiVersion":"apps/v1","kind":"Deployment","namespace":"media","name":"jellyfin""#;

#[test]
fn d12_a_success_says_what_was_written_and_the_version() {
    let mut driver = Driver::new(LAMP);
    let sent = driver.send("set", "OFF");
    let done = driver.walk(
        sent,
        &[(
            r#"PATCH deployments media/jellyfin/scale merge {"spec":{"replicas":0}}"#,
            version("17"),
        )],
    );
    check(
        &done,
        &format!(
            r#"{{"outcome":"applied","binding":"lamp","item":"patch[0]","object":{OBJECT},"resourceVersion":"17"}},"value":0}}"#
        ),
    );
}

#[test]
fn d12_the_same_version_again_means_that_nothing_changed() {
    let mut driver = Driver::new(LAMP);
    for expected in ["applied", "unchanged"] {
        let (job, _) = calls(&driver.send("set", "OFF")).remove(0);
        let done = driver.answer(job, version("17"));
        check(
            &done,
            &format!(
                r#"{{"outcome":"{expected}","binding":"lamp","item":"patch[0]","object":{OBJECT},"resourceVersion":"17"}},"value":0}}"#
            ),
        );
    }
}

#[test]
fn d12_without_a_request_absent_members_are_left_out() {
    let mut driver = Driver::new(LAMP);
    check(
        &driver.send("set", "DIM"),
        r#"{"outcome":"no_match","binding":"lamp","item":"patch[0]"}"#,
    );
    check(
        &driver.send("set", "ON"),
        r#"{"outcome":"invalid","binding":"lamp","item":"patch[0]","error":"1 is outside the bounds of the item"}"#,
    );
    check(
        &driver.send("set", b"\xff"),
        r#"{"outcome":"invalid","binding":"lamp","item":"patch[0]","error":"the payload is not UTF-8"}"#,
    );
}

#[test]
fn d12_a_refusal_carries_the_words_of_the_api_server() {
    for (code, outcome) in [
        (403, "forbidden"),
        (404, "not_found"),
        (422, "invalid"),
        (400, "invalid"),
        (413, "invalid"),
    ] {
        let mut driver = Driver::new(LAMP);
        let (job, _) = calls(&driver.send("set", "OFF")).remove(0);
        let done = driver.answer(job, refuse(code, "admission webhook \"x\" denied it"));
        check(
            &done,
            &format!(
                r#"{{"outcome":"{outcome}","binding":"lamp","item":"patch[0]","object":{OBJECT}}},"value":0,"error":"admission webhook \"x\" denied it"}}"#
            ),
        );
        assert_eq!(
            super::driver::acks(&done),
            [1],
            "a definitive answer is acknowledged"
        );
    }
}

#[test]
fn d12_correlation_data_is_echoed_and_is_the_id() {
    let mut driver = Driver::new(LAMP);
    let mut message = driver.message("set", "OFF");
    message.correlation_data = Some(Bytes::from_static(b"req-1"));
    let (job, _) = calls(&driver.tell(Event::Message(message))).remove(0);
    let done = driver.answer(job, version("1"));
    check(
        &done,
        &format!(
            r#"{{"outcome":"applied","binding":"lamp","item":"patch[0]","object":{OBJECT},"resourceVersion":"1"}},"value":0,"id":"req-1"}}"#
        ),
    );
    let echoed = publishes(&done, Purpose::Result).remove(0).correlation_data;
    assert_eq!(echoed.as_deref(), Some(&b"req-1"[..]));
}

#[test]
fn d7_a_command_that_is_given_up_goes_raw_to_the_dead_letter_topic_and_is_acknowledged() {
    let mut driver = Driver::new(LAMP);
    let mut effects = driver.send("set", "OFF");
    let mut reported = Vec::new();
    for _ in 0..1000 {
        if let Some((job, _)) = calls(&effects).pop() {
            effects = driver.answer(job, refuse(429, "slow down"));
        } else {
            effects = driver.wait().1;
        }
        for result in super::driver::results(&effects) {
            reported.push(result["outcome"].as_str().unwrap_or_default().to_owned());
        }
        if !super::driver::acks(&effects).is_empty() {
            break;
        }
    }
    assert_eq!(reported, ["retrying", "gave_up"]);
    let dead = publishes(&effects, Purpose::DeadLetter).remove(0);
    assert_eq!(
        (dead.topic.as_str(), &dead.payload[..], dead.retain),
        ("dead", &b"OFF"[..], false)
    );
    assert!(driver.engine.is_idle());
}

#[test]
fn nobody_who_did_not_ask_gets_a_result() {
    let mut driver = Driver::new(&LAMP.replace(", result: done", ""));
    let (job, _) = calls(&driver.send("set", "OFF")).remove(0);
    assert!(publishes(&driver.answer(job, unreachable()), Purpose::Result).is_empty());
}
