//! Launching: the identity of a command, and names that nobody should be able to choose.

use bytes::Bytes;
use mqttkube_core::event::{Event, Message, Request, Verb};
use serde_json::{Value, json};

use super::driver::{Driver, acks, call, calls, complaints, ok, outcome, refuse, show, version};

const UNIQUE: &str = "metadata: {name: 'job-${uid}'}";
const CHOSEN: &str = "metadata: {name: '${match.input}'}";

fn config(metadata: &str) -> String {
    format!(
        r#"
defaults: {{result: done}}
bindings:
  - namespace: n
    resource: Job
    name: web
    action:
      topic: do
      values: {{map: {{"re:(?s).*": launch}}}}
      launch: {{apiVersion: batch/v1, kind: Job, {metadata}}}
"#
    )
}

fn body(request: &Request) -> &Value {
    match &request.verb {
        Verb::Create { body } => body,
        other => panic!("{other:?}"),
    }
}

fn label(request: &Request) -> String {
    let label = &body(request)["metadata"]["labels"]["mqttkube/command"];
    label.as_str().unwrap_or_default().to_owned()
}

#[test]
fn d9_a_launch_carries_the_label_of_its_command_and_the_namespace_of_the_binding() {
    let mut driver = Driver::new(&config("metadata: {name: 'job-${uid}', namespace: kube-system}"));
    let (_, request) = call(&driver.send("do", "x"));
    assert_eq!(label(&request).len(), 32);
    assert_eq!(request.namespace.as_deref(), Some("n"));
    assert_eq!(body(&request)["metadata"]["namespace"], "n");
    let name = body(&request)["metadata"]["name"].as_str().unwrap_or_default();
    let uid = name.strip_prefix("job-").unwrap_or_default();
    assert!(
        uid.len() == 8 && uid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "{name}"
    );
}

#[test]
fn d9_a_redelivery_in_one_process_is_the_same_launch() {
    let mut driver = Driver::new(&config(UNIQUE));
    let first = driver.message("do", "x");
    let (job, _) = call(&driver.tell(Event::Message(first.clone())));
    driver.tell(Event::Offline);
    driver.online(true);
    let again = Message {
        dup: true,
        packet_id: first.packet_id,
        at: first.at + 9000,
        ..driver.message("do", "x")
    };
    assert!(
        calls(&driver.tell(Event::Message(again))).is_empty(),
        "it is on its way"
    );
    assert_eq!(acks(&driver.answer(job, version("1"))), [2]);
}

#[test]
fn d9_two_equal_messages_are_two_launches_with_names_of_their_own() {
    let mut driver = Driver::new(&config(UNIQUE));
    let (_, first) = call(&driver.send("do", "x"));
    let (_, second) = call(&driver.send("do", "x"));
    assert_ne!(
        body(&first)["metadata"]["name"],
        body(&second)["metadata"]["name"]
    );
}

/// A redelivery to a process that does not know the message.
fn redelivered(driver: &mut Driver) -> (Vec<mqttkube_core::event::Effect>, String) {
    let message = Message {
        dup: true,
        ..driver.message("do", "x")
    };
    let effects = driver.tell(Event::Message(message));
    let line = show(&call(&effects).1);
    let label = line
        .strip_prefix("LIST jobs n/ mqttkube/command=")
        .expect("a list by label")
        .to_owned();
    (effects, label)
}

#[test]
fn d9_an_unknown_redelivery_looks_for_what_an_earlier_process_created() {
    let created = |time: &str| {
        ok(
            json!({"items": [{"metadata": {"name": "job-1", "resourceVersion": "3", "creationTimestamp": time}}]}),
        )
    };
    for (list, found) in [
        (created("2026-01-01T00:00:00Z"), true),
        (created("2025-12-31T23:10:00Z"), true),
        (created("2025-12-31T20:00:00Z"), false),
        (created("yesterday"), false),
        (ok(json!({"items": []})), false),
        (ok(json!({"items": null})), false),
    ] {
        let mut driver = Driver::new(&config(UNIQUE));
        let (effects, label_asked) = redelivered(&mut driver);
        let (job, _) = call(&effects);
        let effects = driver.answer(job, list);
        if found {
            assert_eq!(
                (outcome(&effects).0.as_str(), acks(&effects)),
                ("applied", vec![1])
            );
        } else {
            assert_eq!(label(&call(&effects).1), label_asked);
        }
    }
}

/// What a launch makes of an object of its name that carries its label.
#[track_caller]
fn check_already_exists(dup: bool, explicit: bool, expected: &str) {
    let mut driver = Driver::new(&config("metadata: {name: fixed}"));
    let mut message = driver.message("do", "x");
    message.dup = dup;
    message.correlation_data = explicit.then(|| Bytes::from_static(b"id"));
    let mut effects = driver.tell(Event::Message(message));
    if dup {
        let (job, _) = call(&effects);
        effects = driver.answer(job, ok(json!({"items": []})));
    }
    let (job, request) = call(&effects);
    let mut there = body(&request).clone();
    there["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    let met = driver.answer(job, refuse(409, "already exists"));
    let done = driver.walk(met, &[("GET jobs n/fixed", ok(there))]);
    assert_eq!(outcome(&done).0, expected, "dup {dup}, explicit {explicit}");
}

#[test]
fn d9_already_exists_is_success_only_for_a_redelivery_or_an_explicit_id() {
    check_already_exists(true, false, "applied");
    check_already_exists(false, true, "applied");
    check_already_exists(true, true, "applied");
    check_already_exists(false, false, "exists");
}

#[test]
fn f19_a_creation_whose_answer_was_lost_finds_its_own_object() {
    let mut driver = Driver::new(&config("metadata: {name: fixed}"));
    let (job, request) = call(&driver.send("do", "x"));
    let mut there = body(&request).clone();
    there["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:01Z");
    driver.answer(job, refuse(504, "timeout"));
    let (job, _) = call(&driver.wait().1);
    let met = driver.answer(job, refuse(409, "already exists"));
    let done = driver.walk(met, &[("GET jobs n/fixed", ok(there))]);
    assert_eq!(outcome(&done).0, "applied");
}

#[test]
fn d_a_redelivered_deletion_cannot_delete_a_newer_object() {
    let text = config("metadata: {name: web}").replace(r#""re:(?s).*": launch"#, "RUN: launch, STOP: delete");
    let mut driver = Driver::new(&text);
    let (job, _) = call(&driver.send("do", "RUN"));
    driver.answer(
        job,
        ok(json!({"metadata": {"uid": "u1", "resourceVersion": "1"}})),
    );
    let stop = driver.message("do", "STOP");
    let effects = driver.tell(Event::Message(stop.clone()));
    driver.walk(
        effects,
        &[("DELETE jobs n/web u1", ok(json!({"metadata": {"uid": "u1"}})))],
    );
    let again = Message {
        dup: true,
        packet_id: stop.packet_id,
        ..driver.message("do", "STOP")
    };
    let effects = driver.tell(Event::Message(again));
    let done = driver.walk(
        effects,
        &[("DELETE jobs n/web u1", refuse(409, "the uid is another one"))],
    );
    assert_eq!(outcome(&done).0, "unchanged");
}

#[test]
fn h_names_that_are_no_dns_names_are_refused_before_any_request() {
    let long = "a".repeat(254);
    let hostile = [
        "",
        "Upper",
        "../..",
        "..",
        ".",
        "%2f",
        "a/b",
        "-a",
        "a-",
        ".a",
        "a.",
        "a..b",
        "ünï",
        "a b",
        "a\nb",
        "a\0",
        "a?x=1",
        "a#b",
        "${uid}",
        "{uid}",
        "a_b",
        "\u{202e}a",
        "\u{feff}a",
        &long,
    ];
    for name in hostile {
        let mut driver = Driver::new(&config(CHOSEN));
        let effects = driver.send("do", name);
        assert!(calls(&effects).is_empty(), "{name:?}: {effects:?}");
        assert_eq!(
            (outcome(&effects).0.as_str(), acks(&effects)),
            ("invalid", vec![1]),
            "{name:?}"
        );
    }
    for name in ["a", "0", "a.b-c", &"a".repeat(253)] {
        let effects = Driver::new(&config(CHOSEN)).send("do", name);
        assert_eq!(body(&call(&effects).1)["metadata"]["name"], name);
    }
}

#[test]
fn h_a_payload_fills_one_scalar_and_never_adds_a_key() {
    let template = "metadata: {name: fixed, annotations: {said: '${match.input}'}}";
    for payload in [
        "x\nspec:\n  evil: 1",
        "!!python/object/apply:os.system [id]",
        "&a *a",
        "---\nkind: Pod",
        "${uid}",
        "<% 1 %>",
        "\"'",
        "{value:>99999}",
        "{input.__class__}",
        "${binding.name}",
    ] {
        let effects = Driver::new(&config(template)).send("do", payload);
        let request = call(&effects).1;
        assert_eq!(
            body(&request)["metadata"]["annotations"],
            json!({"said": payload})
        );
        let keys: Vec<_> = body(&request)
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.as_str())
            .collect();
        assert_eq!(keys, ["apiVersion", "kind", "metadata"]);
    }
}

#[test]
fn a4_a6_what_can_never_be_launched_is_refused_at_load() {
    for (from, to, expected) in [
        ("kind: Job, m", "kind: Pod, m", "the binding is about Job"),
        ("batch/v1, k", "v1, k", "the binding is about batch/v1"),
        ("{name: fixed}", "{generateName: a-}", "cannot be found again"),
        ("{name: fixed}", "{labels: {a: b}}", "no name"),
        ("resource: Job", "resource: Namespace", "namespace"),
    ] {
        let (refused, text) = complaints(&config("metadata: {name: fixed}").replace(from, to));
        assert!(refused && text.contains(expected), "{to}: {text}");
    }
}

#[test]
fn a4_a_kind_that_the_payload_chooses_is_refused() {
    let text = config("metadata: {name: fixed}").replace("kind: Job, m", "kind: '${match.input}', m");
    let mut driver = Driver::new(&text);
    let effects = driver.send("do", "Pod");
    assert_eq!(
        (calls(&effects).len(), outcome(&effects).0.as_str()),
        (0, "invalid")
    );
    assert_eq!(calls(&driver.send("do", "Job")).len(), 1);
}

#[test]
fn a5_a_kind_that_turns_out_to_have_no_namespace_is_not_launched() {
    let text = config("metadata: {name: fixed}")
        .replace("resource: Job", "resource: example.com/v1/Site")
        .replace("batch/v1, kind: Job", "example.com/v1, kind: Site");
    let mut driver = Driver::new(&text);
    driver.send("do", "x");
    let mut effects = driver.tell(Event::Kind {
        kind: mqttkube_core::ids::KindId(0),
        resource: mqttkube_core::event::Resource {
            group: "example.com".to_owned(),
            version: "v1".to_owned(),
            kind: "Site".to_owned(),
            plural: "sites".to_owned(),
            namespaced: false,
        },
        scale: false,
    });
    if effects.is_empty() {
        effects = driver.wait().1;
    }
    assert_eq!((calls(&effects).len(), acks(&effects)), (0, vec![1]));
    assert_eq!(outcome(&effects).0, "invalid");
}
