//! A lookup told step by step.

use serde_json::Value;

use super::{Input, InputValue, Miss, Outcome, ValueMap};
use crate::error::EvalError;
use crate::output::Output;
use crate::rule::{Entry, Matcher};

/// What a lookup did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// What was done, in order; the entries of a map one by one up to the one that took the value.
    pub steps: Vec<Step>,
    /// The output, a miss, or an output that failed.
    pub outcome: Result<Result<Value, Miss>, EvalError>,
}

/// One step of a [`Trace`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// What kind of step.
    pub kind: StepKind,
    /// The expression, path, key or template.
    pub source: String,
    /// The value that the step was given.
    pub input: Value,
    /// What it made of the value.
    pub output: Option<Value>,
    /// Whether it took the value.
    pub matched: bool,
    /// Why, in words.
    pub why: String,
}

/// The kind of a [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepKind {
    /// The expression that every value goes through.
    Transform,
    /// The path that is read from the value.
    JsonPath,
    /// One entry of the map.
    Map,
    /// Filling in an output.
    Format,
    /// The output for values that nothing takes.
    Default,
}

impl StepKind {
    /// The name of the step in a printed trace.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::JsonPath => "jsonpath",
            Self::Map => "map",
            Self::Format => "format",
            Self::Default => "default",
        }
    }
}

pub(super) fn explain(map: &ValueMap, input: Input<'_>) -> Trace {
    let mut steps = Vec::new();
    let mut outcome = match map.lookup(input) {
        Outcome::Match(found) => Ok(Ok(found.into_output())),
        Outcome::Miss(miss) => Ok(Err(miss)),
        Outcome::Error(error) => Err(error),
    };
    let read = map.read(input);
    transform_step(map, input, &mut steps);
    if let (Some(path), false) = (&map.path, matches!(read, Err(Miss::Transform(_)))) {
        let given = steps.last().and_then(|step: &Step| step.output.clone());
        let found = read.as_ref().map(|state| state.current.value().to_json());
        let given = given.unwrap_or_else(|| input.value.to_json());
        steps.push(step(
            StepKind::JsonPath,
            path.as_str(),
            given,
            found.map_err(ToString::to_string),
        ));
    }
    let mut taken = read.is_ok() && map.rules.is_none();
    if let (Ok(state), Some(rules)) = (&read, &map.rules) {
        let value = state.current.value();
        for (index, entry) in rules.entries().iter().enumerate() {
            let tried = entry_step(entry, value, rules.literal(value) == Some(index));
            taken = tried.matched;
            steps.push(tried);
            if taken {
                steps.extend(format_step(entry, value, &outcome));
                break;
            }
        }
    }
    if let (Some(default), false) = (&map.default, taken) {
        steps.push(step(
            StepKind::Default,
            "default",
            input.value.to_json(),
            Ok(default.clone()),
        ));
        outcome = Ok(Ok(default.clone()));
    }
    Trace { steps, outcome }
}

fn step(kind: StepKind, source: &str, input: Value, result: Result<Value, String>) -> Step {
    let matched = result.is_ok();
    let (output, why) = match result {
        Ok(value) => (Some(value), "it gives a value".to_owned()),
        Err(why) => (None, why),
    };
    Step {
        kind,
        source: source.to_owned(),
        input,
        output,
        matched,
        why,
    }
}

fn transform_step(map: &ValueMap, input: Input<'_>, steps: &mut Vec<Step>) {
    if let Some((expr, source)) = &map.transform {
        let result = expr.call(input.value).map_err(|error| error.to_string());
        steps.push(step(StepKind::Transform, source, input.value.to_json(), result));
    }
}

fn entry_step(entry: &Entry, value: InputValue<'_>, is_literal: bool) -> Step {
    let (matched, why) = match (&entry.matcher, entry.matcher.takes(value)) {
        (Matcher::Literal, _) if is_literal => (true, "the value equals the key".to_owned()),
        (Matcher::Literal, _) => (false, "the value differs from the key".to_owned()),
        (Matcher::Regex(_), _) if value.as_text().is_none() => (false, "the value is not text".to_owned()),
        (Matcher::Regex(_), Ok(true)) => (true, "the text begins as the pattern says".to_owned()),
        (Matcher::Regex(_), _) => (false, "the text does not begin as the pattern says".to_owned()),
        (Matcher::Predicate(_), Ok(true)) => (true, "the predicate is true".to_owned()),
        (Matcher::Predicate(_), Ok(false)) => (false, "the predicate is false".to_owned()),
        (Matcher::Predicate(_), Err(error)) => (false, format!("the predicate failed: {error}")),
    };
    let output = if let (true, Output::Fixed(output)) = (matched, &entry.output) {
        Some(output.clone())
    } else {
        None
    };
    Step {
        kind: StepKind::Map,
        source: entry.key.to_string(),
        input: value.to_json(),
        output,
        matched,
        why,
    }
}

fn format_step(
    entry: &Entry,
    value: InputValue<'_>,
    outcome: &Result<Result<Value, Miss>, EvalError>,
) -> Option<Step> {
    if matches!(entry.output, Output::Fixed(_)) {
        return None;
    }
    let result = match outcome {
        Ok(Ok(output)) => Ok(output.clone()),
        Ok(Err(miss)) => Err(miss.to_string()),
        Err(error) => Err(error.to_string()),
    };
    Some(step(
        StepKind::Format,
        &entry.key.to_string(),
        value.to_json(),
        result,
    ))
}
