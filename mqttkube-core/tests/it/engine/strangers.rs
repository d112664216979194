//! Whatever happens, in whatever order: no panic, nothing that grows, and rest in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use mqttkube_core::event::{ApiOutcome, Effect, Event, Message, Refusal, Resource};
use mqttkube_core::ids::{JobId, KindId, MessageId, WatchId};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::driver::{Driver, calls};

const CONFIG: &str = r#"
mqtt: {topic-prefix: h}
kubernetes: {retry-deadline: 30s}
defaults: {result: done, dead-letter: dead}
bindings:
  - namespace: n
    resource: Deployment
    name: a
    patch:
      - {topic: a, locus: spec.replicas, max: 3}
      - {topic: a/b, locus: "spec.c[?@.name=='x'].image"}
      - {topic: "a/+", locus: spec.x, type: json, strategy: apply}
    watch: [{topic: a/s, locus: status, min-interval: 1s, retain: true}, {topic: a/t, locus: status.n}]
  - namespace: n
    resource: Job
    name: a
    action:
      - {topic: j, launch: {apiVersion: batch/v1, kind: Job, metadata: {name: "j-${match.input}"}}, values: {map: {"re:.*": launch}}, on-exists: replace}
      - {topic: k, allow: [delete], values: {map: {"re:.*": delete}}, retained: once}
  - {namespace: n, resource: CronJob, name: a, action: {topic: a, allow: [trigger], values: {map: {"re:.*": trigger}}}}
  - {namespace: n, resource: example.com/v1/Heater, name: a, patch: {topic: '#', locus: spec.on}}
  - {namespace: n, resource: Pod, selector: {labels: x=y}, watch: {topic: "p/{name}/{uid}", locus: status, retain: true}}
"#;

const TOPICS: [&str; 8] = ["h/a", "h/a/b", "h/a/s", "h/j", "h/k", "h/other", "h/p/a/u", ""];

fn small_json() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({"items": [{"metadata": {"name": "j-1", "creationTimestamp": "2026-01-01T00:00:00Z"}}]})),
        ("[ab/]{0,2}", 0..4_u8, "[a-z]?").prop_map(|(name, n, uid)| json!({
            "metadata": {"name": name, "namespace": "n", "uid": uid, "resourceVersion": n.to_string()},
            "spec": {"replicas": n, "c": [{"name": "x"}], "jobTemplate": {"spec": {}}},
            "status": {"n": n, "text": "x".repeat(usize::from(n) * 100)},
        })),
    ]
}

fn message() -> impl Strategy<Value = Event> {
    let bytes = prop::collection::vec(any::<u8>(), 0..4);
    let payload = prop_oneof![Just(b"1".to_vec()), Just(b"{}".to_vec()), bytes];
    let flags = (any::<bool>(), any::<bool>(), prop::option::of(0..6_u16), 0..4_u64);
    let more = (
        0..3_usize,
        any::<u32>(),
        prop::option::of(0..TOPICS.len()),
        any::<bool>(),
        any::<u64>(),
    );
    (0..TOPICS.len(), payload, flags, more).prop_map(
        |(topic, payload, (retain, dup, packet_id, epoch), (ids, id, response, correlated, at))| {
            Event::Message(Message {
                id: MessageId(at),
                epoch,
                topic: TOPICS[topic].to_owned(),
                payload: Bytes::from(payload),
                retain,
                dup,
                packet_id,
                subscription_ids: vec![id; ids / 2],
                response_topic: response.map(|topic| TOPICS[topic].to_owned()),
                correlation_data: correlated.then(|| Bytes::from_static(b"\xff")),
                at,
            })
        },
    )
}

fn answer() -> impl Strategy<Value = ApiOutcome> {
    let code = prop::sample::select(vec![
        0, 200, 302, 400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 504, 65_535,
    ]);
    let refusal =
        (code, any::<bool>(), prop::option::of(any::<Duration>())).prop_map(|(code, apply, retry_after)| {
            let message = if apply { "Apply failed with 1 conflict" } else { "" };
            ApiOutcome::Refused(Refusal {
                code,
                message: message.to_owned(),
                retry_after,
                ..Refusal::default()
            })
        });
    prop_oneof![
        small_json().prop_map(|body| ApiOutcome::Ok(Box::new(body))),
        refusal,
        Just(super::driver::unreachable()),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let watch = || (0..5_u32).prop_map(WatchId);
    let kind = || (0..7_u32).prop_map(KindId);
    let resource = |namespaced| Resource {
        group: "g".to_owned(),
        version: "v1".to_owned(),
        kind: "K".to_owned(),
        plural: "ks".to_owned(),
        namespaced,
    };
    prop_oneof![
        8 => message(),
        12 => (0..40_u64, answer()).prop_map(|(job, outcome)| Event::Done { job: JobId(job), outcome }),
        2 => (0..4_u64, any::<bool>()).prop_map(|(epoch, resumed)| Event::Online { epoch, resumed }),
        1 => Just(Event::Offline),
        1 => (kind(), any::<bool>(), any::<bool>()).prop_map(move |(kind, scale, namespaced)| Event::Kind { kind, resource: resource(namespaced), scale }),
        1 => kind().prop_map(|kind| Event::KindMissing { kind }),
        1 => watch().prop_map(|watch| Event::Listing { watch }),
        1 => watch().prop_map(|watch| Event::Listed { watch }),
        4 => (watch(), small_json()).prop_map(|(watch, object)| Event::Object { watch, object: Box::new(object) }),
        2 => (watch(), prop::option::of("[n/]"), "[ab/]{0,2}").prop_map(|(watch, namespace, name)| Event::Deleted { watch, namespace, name }),
        1 => watch().prop_map(|watch| Event::WatchFailed { watch, error: String::new() }),
        1 => (0..TOPICS.len()).prop_map(|topic| Event::RetainedSeen { topic: TOPICS[topic].to_owned() }),
        4 => Just(Event::Tick),
    ]
}

/// Answers and waits until nothing is left to do.
fn settle(driver: &mut Driver, mut pending: BTreeMap<JobId, ()>) {
    let kinds = u32::try_from(driver.plan.kinds().len()).expect("a handful");
    for kind in (0..kinds).map(KindId) {
        let resource = Resource::clone(driver.plan.kind(kind).resource());
        let effects = driver.tell(Event::Kind {
            kind,
            resource,
            scale: false,
        });
        pending.extend(calls(&effects).into_iter().map(|(job, _)| (job, ())));
    }
    let mut effects = driver.tell(Event::Online {
        epoch: 1000,
        resumed: true,
    });
    for _ in 0..20_000 {
        pending.extend(calls(&effects).into_iter().map(|(job, _)| (job, ())));
        effects = match pending.pop_first() {
            Some((job, ())) => driver.answer(job, super::driver::refuse(403, "no")),
            None if driver.engine.next_deadline().is_some() => driver.wait().1,
            None => return,
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_makes_the_engine_panic_or_keeps_it_busy_for_ever(
        events in prop::collection::vec((event(), 0..3000_u64), 1..120),
        drain in any::<bool>(),
    ) {
        let mut driver = Driver::offline(CONFIG);
        let (mut messages, mut pending) = (0, BTreeMap::new());
        for (event, milliseconds) in events {
            messages += usize::from(matches!(event, Event::Message(_)));
            if let Event::Done { job, .. } = &event {
                pending.remove(job);
            }
            driver.now += Duration::from_millis(milliseconds);
            let effects = driver.tell(event);
            pending.extend(calls(&effects).into_iter().map(|(job, _)| (job, ())));
            let acked = effects.iter().filter(|effect| matches!(effect, Effect::Ack(_))).count();
            let commands = driver.engine.status().commands;
            prop_assert!(acked <= messages);
            prop_assert!(commands.running <= messages && commands.unacknowledged <= messages);
            prop_assert!(commands.objects <= commands.running * 6, "{commands:?}");
            prop_assert!(commands.in_flight <= commands.objects);
        }
        if drain {
            driver.tell(Event::Drain);
            for job in pending.into_keys() {
                driver.answer(job, super::driver::unreachable());
            }
            driver.pass(Duration::from_secs(100));
            prop_assert!(driver.engine.is_drained());
            return Ok(());
        }
        settle(&mut driver, pending);
        let status = driver.engine.status();
        prop_assert!(driver.engine.is_idle(), "{status:?}");
        prop_assert_eq!((status.commands.objects, status.commands.in_flight, status.commands.unacknowledged), (0, 0, 0));
    }
}

/// The whole state of the engine as text, in bytes.
fn size_after(driver: &mut Driver, rounds: u32) -> usize {
    for round in 0..rounds {
        let effects = driver.send("h/j", round.to_string());
        let mut open = calls(&effects);
        while let Some((job, _)) = open.pop() {
            let body = json!({"metadata": {"uid": format!("u{round}"), "resourceVersion": "1"}, "spec": {"on": "x"}});
            open.extend(calls(&driver.answer(job, super::driver::ok(body))));
        }
        let name = format!("p{}", round % 100_000);
        let object = json!({"metadata": {"name": name, "namespace": "n", "uid": "u"}, "status": 1});
        let watch = WatchId(1);
        driver.tell(Event::Object {
            watch,
            object: Box::new(object),
        });
        driver.tell(Event::Deleted {
            watch,
            namespace: Some("n".to_owned()),
            name,
        });
    }
    format!("{:?}", driver.engine).len()
}

#[test]
fn memory_is_bounded_by_what_is_there_and_not_by_what_has_been() {
    let mut driver = Driver::new(CONFIG);
    settle(&mut driver, BTreeMap::new());
    driver.online(false);
    let full = size_after(&mut driver, 5_000);
    let later = size_after(&mut driver, 5_000);
    assert!(later <= full + full / 20, "{full} bytes, then {later}");
    assert_eq!(driver.engine.status().watches[1].objects, 0);
}
