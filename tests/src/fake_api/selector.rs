//! Label and field selectors.

use serde_json::Value;

use super::error::ApiError;
use super::json::{at, meta};
use super::kinds::Kind;

/// Which objects of a kind a list or watch is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Clone, Debug)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

impl Selector {
    /// Reads the two query parameters; either may be empty.
    pub(crate) fn parse(kind: &Kind, labels: &str, fields: &str) -> Result<Self, ApiError> {
        let labels = split(labels)
            .map(requirement)
            .collect::<Option<_>>()
            .ok_or_else(|| {
                ApiError::bad_request(format!(
                    "unable to parse requirement: {labels:?} is no label selector"
                ))
            })?;
        let fields = split(fields)
            .map(|term| field(kind, term))
            .collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.labels.iter().all(|requirement| requirement.holds(object))
            && self
                .fields
                .iter()
                .all(|(path, equal, wanted)| (field_of(object, path) == *wanted) == *equal)
    }
}

impl Requirement {
    fn holds(&self, object: &Value) -> bool {
        let label = |key: &String| at(object, &["metadata", "labels", key]).and_then(Value::as_str);
        match self {
            Self::In(key, values) => {
                label(key).is_some_and(|label| values.iter().any(|value| value == label))
            }
            Self::NotIn(key, values) => {
                label(key).is_none_or(|label| values.iter().all(|value| value != label))
            }
            Self::Exists(key) => label(key).is_some(),
            Self::Missing(key) => label(key).is_none(),
        }
    }
}

/// Splits at commas outside of parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|term| !term.is_empty())
}

fn requirement(term: &str) -> Option<Requirement> {
    if let Some((key, value)) = term.split_once("!=") {
        return Some(Requirement::NotIn(
            key.trim().to_owned(),
            vec![value.trim().to_owned()],
        ));
    }
    if let Some((key, value)) = term.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Some(Requirement::In(
            key.trim().to_owned(),
            vec![value.trim().to_owned()],
        ));
    }
    if let Some((head, values)) = term.split_once('(') {
        let values = values
            .strip_suffix(')')?
            .split(',')
            .map(|value| value.trim().to_owned())
            .collect();
        return match head.split_whitespace().collect::<Vec<_>>()[..] {
            [key, "in"] => Some(Requirement::In(key.to_owned(), values)),
            [key, "notin"] => Some(Requirement::NotIn(key.to_owned(), values)),
            _ => None,
        };
    }
    let (key, missing) = term
        .strip_prefix('!')
        .map_or((term, false), |key| (key.trim(), true));
    let plain = key
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "-_./".contains(character));
    let make = if missing {
        Requirement::Missing
    } else {
        Requirement::Exists
    };
    plain.then(|| make(key.to_owned()))
}

fn field(kind: &Kind, term: &str) -> Result<(String, bool, String), ApiError> {
    let malformed = || ApiError::bad_request(format!("invalid field selector: {term:?}"));
    let (path, value) = term.split_once('=').ok_or_else(malformed)?;
    let (path, equal) = path.strip_suffix('!').map_or((path, true), |path| (path, false));
    let value = value.strip_prefix('=').unwrap_or(value);
    let known = match path {
        "metadata.name" => true,
        "metadata.namespace" => kind.namespaced,
        "status.phase" => matches!(kind.kind.as_str(), "Pod" | "Namespace"),
        "spec.nodeName" => kind.kind == "Pod",
        "status.successful" => kind.kind == "Job",
        "type" => kind.kind == "Secret",
        _ => kind.kind == "Event" && (path.starts_with("involvedObject.") || path == "reason"),
    };
    if !known {
        return Err(ApiError::bad_request(format!(
            "field label not supported: {path}"
        )));
    }
    Ok((path.to_owned(), equal, value.to_owned()))
}

fn field_of(object: &Value, path: &str) -> String {
    match path {
        "metadata.name" => meta(object, "name").to_owned(),
        "metadata.namespace" => meta(object, "namespace").to_owned(),
        "status.successful" => {
            at(object, &["status", "succeeded"]).map_or_else(|| "0".to_owned(), Value::to_string)
        }
        _ => {
            let path: Vec<_> = path.split('.').collect();
            at(object, &path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        }
    }
}
