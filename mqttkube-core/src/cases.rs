//! Running the `tests:` of bindings: each case is [explained](crate::explain), and what would be done is compared
//! with what the case expects.

use std::fmt;

use serde_json::Value;

use crate::config::{BindingSpec, CaseInput, CaseSpec, Expectation, SessionFacts, Spec, SpecErrors};
use crate::explain::{Explained, Explanation, Happening, Outcome, explain};

/// How one case went.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseReport {
    /// Id of the binding, or its place in the list when it has none.
    pub binding: String,
    /// Place in the binding's `tests`.
    pub index: usize,
    /// Line of the file.
    pub line: Option<u32>,
    /// Why it failed; `None` when it passed.
    pub failure: Option<String>,
}

/// `media/Deployment/jellyfin tests[0]: ok`
impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tests[{}]: ", self.binding, self.index)?;
        match &self.failure {
            None => f.write_str("ok"),
            Some(failure) => write!(f, "FAILED: {failure}"),
        }
    }
}

/// Runs every case of every binding.
///
/// # Errors
/// [`SpecErrors`] when the specification does not compile.
pub fn run(spec: &Spec, session: &SessionFacts) -> Result<Vec<CaseReport>, SpecErrors> {
    let plan = spec.compile(session)?.plan;
    let mut reports = Vec::new();
    for (binding, compiled) in spec.bindings.iter().zip(plan.bindings()) {
        for (index, case) in binding.tests.iter().enumerate() {
            let alone = Spec {
                bindings: vec![binding.clone()],
                ..spec.clone()
            };
            let explanation = explain(&alone, session, &happening(binding, case, session))?;
            let failure = compare(&case.expect, &explanation, session).err();
            reports.push(CaseReport {
                binding: compiled.id().to_owned(),
                index,
                line: case.line,
                failure,
            });
        }
    }
    Ok(reports)
}

fn happening(binding: &BindingSpec, case: &CaseSpec, session: &SessionFacts) -> Happening {
    match &case.input {
        CaseInput::Message {
            topic,
            payload,
            retained,
            object,
        } => Happening::Message {
            topic: whole_topic(binding, topic, session),
            payload: payload.clone().into_bytes(),
            retained: *retained,
            object: object.clone(),
        },
        CaseInput::Object(Value::Null) => Happening::Deleted(serde_json::json!({})),
        CaseInput::Object(object) => Happening::Object(object.clone()),
    }
}

/// The topic as the broker has it. A case names topics as the items of its binding do.
fn whole_topic(binding: &BindingSpec, topic: &str, session: &SessionFacts) -> String {
    let commands = binding.patch.iter().map(|item| &item.command);
    let mut commands = commands.chain(binding.action.iter().map(|item| &item.command));
    let absolute = commands.any(|command| command.topic.absolute && command.topic.text == topic);
    if absolute {
        topic.to_owned()
    } else {
        session.prefix.join(topic)
    }
}

fn compare(expect: &Expectation, explanation: &Explanation, session: &SessionFacts) -> Result<(), String> {
    let done: Vec<&Explained> = explanation
        .items
        .iter()
        .filter(|item| !matches!(item.outcome, Outcome::Ignored | Outcome::Miss))
        .collect();
    match expect {
        Expectation::Ignored => match done[..] {
            [] => Ok(()),
            _ => Err(format!("expected nothing, got\n{explanation}")),
        },
        Expectation::Error(text) => match done.iter().find_map(|item| item.error.as_ref()) {
            Some(error) if error.contains(text) => Ok(()),
            Some(error) => Err(format!("expected an error with {text:?}, got {error:?}")),
            None => Err(format!("expected an error with {text:?}, got\n{explanation}")),
        },
        Expectation::Publish(wanted) => compare_publishes(wanted, &done, session),
        Expectation::Patch(_) | Expectation::Launch(_) | Expectation::Verb(_) => {
            let [item] = done[..] else {
                return Err(format!("expected one command, got {}\n{explanation}", done.len()));
            };
            compare_command(expect, item).map_err(|wanted| format!("expected {wanted}, got\n{item}"))
        }
    }
}

fn compare_command(expect: &Expectation, item: &Explained) -> Result<(), String> {
    let body = item.request.as_ref().and_then(|request| request.body.as_ref());
    let (same, wanted) = match expect {
        Expectation::Patch(patch) => {
            let same = item.outcome == Outcome::Patch && body.is_some_and(|body| unguarded(body) == *patch);
            (same, format!("the patch {patch}"))
        }
        Expectation::Launch(object) => {
            let same = item.outcome == Outcome::Launch && body.is_some_and(|body| holds(body, object));
            (same, format!("the launch of {object}"))
        }
        Expectation::Verb(verb) => (
            item.value == verb.as_str() && item.request.is_some(),
            format!("the verb {verb}"),
        ),
        Expectation::Publish(_) | Expectation::Ignored | Expectation::Error(_) => (true, String::new()),
    };
    if same { Ok(()) } else { Err(wanted) }
}

fn compare_publishes(
    wanted: &[(String, String)],
    done: &[&Explained],
    session: &SessionFacts,
) -> Result<(), String> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for publish in done.iter().filter_map(|item| item.publish.as_ref()) {
        found.push((
            session.prefix.strip(&publish.topic).unwrap_or(&publish.topic),
            &publish.payload,
        ));
    }
    let mut wanted: Vec<(&str, &str)> = wanted
        .iter()
        .map(|(topic, payload)| (topic.as_str(), payload.as_str()))
        .collect();
    found.sort_unstable();
    wanted.sort_unstable();
    if found == wanted {
        Ok(())
    } else {
        Err(format!("expected the publishes {wanted:?}, got {found:?}"))
    }
}

/// A patch without the version that guards it.
fn unguarded(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
    if body
        .get("metadata")
        .and_then(Value::as_object)
        .is_some_and(serde_json::Map::is_empty)
        && let Some(members) = body.as_object_mut()
    {
        members.remove("metadata");
    }
    body
}

/// Whether `whole` holds at least `part`: objects may have more members, everything else is equal.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, part)| whole.get(key).is_some_and(|whole| holds(whole, part))),
        (whole, part) => whole == part,
    }
}
