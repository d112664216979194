//! Failures that pass, failures that do not, and the end of the process.

use std::time::Duration;

use mqttkube_core::event::{ApiOutcome, Event, Refusal, Resource};
use mqttkube_core::ids::KindId;

use super::driver::{Driver, acks, call, calls, outcome, refuse, results, show, unreachable, version};

const TWO: &str = r#"
kubernetes: {retry-deadline: 1m, request-timeout: 10s}
defaults: {result: done}
bindings:
  - {namespace: n, resource: ConfigMap, name: a, patch: {topic: a, locus: data.v, type: string}}
  - {namespace: n, resource: ConfigMap, name: b, patch: {topic: b, locus: data.v, type: string}}
"#;

fn throttled(seconds: u64) -> ApiOutcome {
    ApiOutcome::Refused(Refusal {
        code: 429,
        retry_after: Some(Duration::from_secs(seconds)),
        ..Refusal::default()
    })
}

#[test]
fn f18_retry_after_is_kept_within_a_fifth_and_nothing_cuts_it_short() {
    let mut driver = Driver::new(TWO);
    let (job, _) = call(&driver.send("a", "1"));
    driver.answer(job, throttled(20));
    // Signs of life of the API server do not count here: it has said when it wants to be asked.
    driver.tell(Event::Reachable);
    let (other, _) = call(&driver.send("b", "1"));
    driver.answer(other, version("1"));
    let (waited, effects) = driver.wait();
    assert!((16.0..=24.0).contains(&waited.as_secs_f64()), "{waited:?}");
    assert_eq!(calls(&effects).len(), 1);
}

#[test]
fn f18_a_retry_after_of_zero_does_not_spin() {
    let mut driver = Driver::new(TWO);
    let mut effects = driver.send("a", "1");
    let mut waited = Duration::ZERO;
    for _ in 0..20 {
        let (job, _) = call(&effects);
        driver.answer(job, throttled(0));
        let (pause, next) = driver.wait();
        (waited, effects) = (waited + pause, next);
    }
    assert!(waited > Duration::from_secs(2), "20 requests in {waited:?}");
}

/// Answers every call for `time` and returns what is reported.
fn run(driver: &mut Driver, time: Duration, mut answer: impl FnMut(&str) -> ApiOutcome) -> Vec<String> {
    let end = driver.now + time;
    let mut reported = Vec::new();
    let mut effects = driver.tell(Event::Tick);
    while !calls(&effects).is_empty() || (driver.now < end && !driver.engine.is_idle()) {
        let mut next = Vec::new();
        let calls = calls(&effects);
        for (job, request) in &calls {
            next.extend(driver.answer(*job, answer(&request.name)));
        }
        if calls.is_empty() {
            next = driver.wait().1;
        }
        effects = next;
        for result in results(&effects) {
            reported.push(format!(
                "{} {}",
                result["object"]["name"].as_str().unwrap_or_default(),
                result["outcome"].as_str().unwrap_or_default()
            ));
        }
    }
    reported
}

#[test]
fn d7_one_object_that_fails_while_others_work_is_given_up_after_the_deadline() {
    let mut driver = Driver::new(TWO);
    let (job, _) = call(&driver.send("a", "1"));
    driver.answer(job, refuse(500, "etcd"));
    let start = driver.now;
    let reported = run(&mut driver, Duration::from_secs(600), |_| refuse(429, "busy"));
    assert_eq!(reported, ["a gave_up"]);
    let took = driver.now - start;
    assert!((60..75).contains(&took.as_secs()), "{took:?}");
}

#[test]
fn d7_while_the_api_server_is_away_commands_are_held_without_a_deadline() {
    for away in [unreachable(), refuse(503, "no endpoints"), refuse(504, "timeout")] {
        let mut driver = Driver::new(TWO);
        for (topic, answer) in [("a", &away), ("b", &away)] {
            let (job, _) = call(&driver.send(topic, "1"));
            assert_eq!(acks(&driver.answer(job, answer.clone())), Vec::<u64>::new());
        }
        let hours = Duration::from_secs(4 * 3600);
        assert!(run(&mut driver, hours, |_| away.clone()).is_empty());
        assert!(!driver.engine.status().api_reachable);
        // It is back: whoever waits comes within a moment, not at the end of a long pause.
        driver.tell(Event::Reachable);
        let back = driver.now;
        let mut reported = run(&mut driver, Duration::from_secs(60), |_| version("1"));
        reported.sort();
        assert_eq!(reported, ["a applied", "b applied"]);
        assert!(
            driver.now - back < Duration::from_secs(1),
            "{:?}",
            driver.now - back
        );
    }
}

#[test]
fn f14_a_call_that_is_never_answered_ends_by_itself_and_its_late_answer_is_ignored() {
    let mut driver = Driver::new(TWO);
    let (job, _) = call(&driver.send("a", "1"));
    let effects = driver.pass(Duration::from_secs(16));
    assert_eq!(outcome(&effects).0, "retrying");
    let effects = driver.answer(job, version("1"));
    assert!(acks(&effects).is_empty());
    assert_eq!(driver.engine.status().commands.late_answers, 1);
    let (_, effects) = driver.wait();
    let (job, _) = call(&effects);
    assert_eq!(acks(&driver.answer(job, version("1"))), [1]);
}

#[test]
fn f4_acknowledgements_of_a_lost_connection_are_not_sent_on_the_next() {
    let mut driver = Driver::new(TWO);
    let message = driver.message("a", "1");
    let (job, _) = call(&driver.tell(Event::Message(message.clone())));
    driver.tell(Event::Offline);
    driver.online(true);
    assert!(acks(&driver.answer(job, version("1"))).is_empty());
    let again = driver.message("a", "1");
    let redelivered = mqttkube_core::event::Message {
        dup: true,
        packet_id: message.packet_id,
        ..again
    };
    let effects = driver.tell(Event::Message(redelivered));
    assert_eq!(
        (calls(&effects).len(), acks(&effects)),
        (0, vec![2]),
        "it was carried out already"
    );
}

#[test]
fn a_drain_takes_nothing_new_lets_flights_land_and_drops_what_waits_unacknowledged() {
    let mut driver = Driver::new(TWO);
    let (first, _) = call(&driver.send("a", "1"));
    driver.send("a", "2");
    let (failing, _) = call(&driver.send("b", "3"));
    driver.tell(Event::Drain);
    assert!(driver.send("a", "4").is_empty(), "the next process gets it");
    assert!(!driver.engine.is_drained());
    let effects = driver.answer(first, version("1"));
    assert_eq!((acks(&effects), calls(&effects).len()), (vec![1], 0));
    let effects = driver.answer(failing, unreachable());
    assert_eq!((acks(&effects), results(&effects).len()), (vec![], 0));
    assert!(driver.engine.is_drained());
}

const HEATER: &str = r#"
kubernetes: {retry-deadline: 1m}
defaults: {result: done}
bindings:
  - {namespace: n, resource: example.com/v1/Heater, name: h, patch: {topic: h, locus: spec.replicas, type: int}}
"#;

fn heater(scale: bool, namespaced: bool) -> Event {
    Event::Kind {
        kind: KindId(0),
        resource: Resource {
            group: "example.com".to_owned(),
            version: "v1".to_owned(),
            kind: "Heater".to_owned(),
            plural: "heaterz".to_owned(),
            namespaced,
        },
        scale,
    }
}

#[test]
fn d11_a_kind_that_appears_late_gets_its_commands_by_what_discovery_says() {
    for (scale, namespaced, expected) in [
        (
            true,
            true,
            r#"PATCH heaterz n/h/scale merge {"spec":{"replicas":2}}"#,
        ),
        (false, true, r#"PATCH heaterz n/h merge {"spec":{"replicas":2}}"#),
        (false, false, r#"PATCH heaterz -/h merge {"spec":{"replicas":2}}"#),
    ] {
        let mut driver = Driver::new(HEATER);
        let effects = driver.send("h", "2");
        assert!(calls(&effects).is_empty() && acks(&effects).is_empty());
        let mut effects = driver.tell(heater(scale, namespaced));
        if calls(&effects).is_empty() {
            effects = driver.wait().1;
        }
        assert_eq!(show(&call(&effects).1), expected);
    }
}

#[test]
fn d11_nobody_to_ask_is_waited_for_and_a_missing_kind_is_given_up() {
    let mut driver = Driver::new(HEATER);
    driver.send("h", "2");
    let hours = Duration::from_secs(3600);
    assert!(run(&mut driver, hours, |_| version("1")).is_empty());
    driver.tell(Event::KindMissing { kind: KindId(0) });
    assert_eq!(driver.engine.status().missing_kinds, ["example.com/v1/Heater"]);
    assert_eq!(run(&mut driver, hours, |_| version("1")), ["h gave_up"]);
    driver.tell(heater(true, true));
    assert!(driver.engine.status().missing_kinds.is_empty());
}
