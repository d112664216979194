//! Entries of `tests`.

use mqttkube_mapping::yaml::{Cursor, Section};
use serde_json::Value;

use crate::binding::Verb;
use crate::config::spec::{CaseInput, CaseSpec, Expectation};

pub(super) fn read_cases(section: &mut Section<'_>) -> Vec<CaseSpec> {
    section
        .one_or_many("tests")
        .iter()
        .filter_map(read_case)
        .collect()
}

fn read_case(cursor: &Cursor<'_>) -> Option<CaseSpec> {
    let mut section = cursor.section("a test case")?;
    let message = section.get("message");
    let object = section.get("object");
    let expect = section.get("expect");
    let expect = match expect {
        Some(expect) => read_expectation(&expect),
        None => section.missing("expect"),
    };
    let input = match (message, object) {
        (Some(message), object) => read_message(&message, object.and_then(|object| object.read())),
        (None, Some(object)) => object.read().map(CaseInput::Object),
        (None, None) => {
            section.cursor().error_with_help(
                "a test case needs something that happens",
                "add `message` or `object`",
            );
            None
        }
    };
    section.finish();
    let position = cursor.position();
    Some(CaseSpec {
        input: input?,
        expect: expect?,
        line: Some(position.line),
    })
}

fn read_message(cursor: &Cursor<'_>, object: Option<Value>) -> Option<CaseInput> {
    let mut section = cursor.section("the message of a test case")?;
    let topic = section.required("topic");
    let payload = match section.get("payload") {
        Some(payload) => payload_text(&payload),
        None => section.missing("payload"),
    };
    let retained = section.or("retained", false);
    section.finish();
    Some(CaseInput::Message {
        topic: topic?,
        payload: payload?,
        retained,
        object,
    })
}

/// Text as it is, anything else as JSON: `payload: 5` means the digit.
fn payload_text(cursor: &Cursor<'_>) -> Option<String> {
    Some(match cursor.read()? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

fn read_expectation(cursor: &Cursor<'_>) -> Option<Expectation> {
    let mut section = cursor.section("the expectation of a test case")?;
    let mut found: Vec<Expectation> = Vec::new();
    found.extend(
        section
            .get("patch")
            .and_then(|body| body.read())
            .map(Expectation::Patch),
    );
    found.extend(
        section
            .get("launch")
            .and_then(|object| object.read())
            .map(Expectation::Launch),
    );
    found.extend(section.get("publish").and_then(|publish| publishes(&publish)));
    found.extend(section.optional::<String>("error").map(Expectation::Error));
    found.extend(section.or("ignored", false).then_some(Expectation::Ignored));
    for (key, verb) in [
        ("delete", Verb::Delete),
        ("restart", Verb::Restart),
        ("suspend", Verb::Suspend),
        ("resume", Verb::Resume),
        ("trigger", Verb::Trigger),
    ] {
        found.extend(section.or(key, false).then_some(Expectation::Verb(verb)));
    }
    let place = section.cursor().clone();
    section.finish();
    if found.len() != 1 {
        let help = "write one of patch, launch, publish, delete, restart, suspend, resume, trigger, ignored and error";
        place.error_with_help("a test case expects exactly one thing", help);
        return None;
    }
    found.pop()
}

fn publishes(cursor: &Cursor<'_>) -> Option<Expectation> {
    let publish = |(topic, payload): (Cursor<'_>, Cursor<'_>)| Some((topic.read()?, payload_text(&payload)?));
    let all: Vec<Option<(String, String)>> = cursor.entries()?.into_iter().map(publish).collect();
    all.into_iter().collect::<Option<_>>().map(Expectation::Publish)
}
