//! One value that can be set, and where it shows.

use std::ops::Range;

use serde_json::{Value, json};

use super::find;
use crate::bundle::VerifiedBundle;
use crate::object::ObjectKey;
use crate::render::error::RenderError;

/// A place in an object where a value shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The object.
    pub object: ObjectKey,
    /// Where in the object, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Which bytes of the text there; `None` when all of it is the value.
    pub range: Option<Range<usize>>,
}

/// A value of the chart. Scalars only.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Where in `values.yaml`, as `broker.resources.memory`: words of letters and digits that begin with a letter.
    pub path: String,
    /// One line, for the person who sets it.
    pub description: String,
    /// What the bundle was built with: text, a whole number or a truth value.
    pub default: Value,
    /// More of the JSON Schema than the type, such as `{"enum": [...]}` or `{"minimum": 1}`.
    pub schema: Value,
    /// Where it shows.
    pub targets: Vec<Target>,
}

impl Parameter {
    /// A parameter that shows nowhere yet.
    #[must_use]
    pub fn new(path: &str, description: &str, default: Value) -> Self {
        Self {
            path: path.to_owned(),
            description: description.to_owned(),
            default,
            schema: json!({}),
            targets: Vec::new(),
        }
    }

    /// Restricts the values further.
    #[must_use]
    pub fn schema(mut self, schema: Value) -> Self {
        self.schema = schema;
        self
    }

    /// Finds where the value shows: `build` makes the bundle with another value. The probes are two such values that
    /// show nowhere else; a probe that stands for text should be long.
    ///
    /// # Errors
    /// When the value changes nothing, or changes more than places where it can be looked up (objects that come and go,
    /// text that depends on it in another way), or `build` refuses a probe.
    pub fn find<E: std::fmt::Display>(
        &mut self,
        bundle: &VerifiedBundle,
        probes: &[Value; 2],
        mut build: impl FnMut(&Value) -> Result<VerifiedBundle, E>,
    ) -> Result<(), RenderError> {
        let mut built = Vec::new();
        for probe in probes {
            let other = build(probe).map_err(|error| self.refuse(format!("{probe} is refused: {error}")))?;
            built.push((probe, other));
        }
        self.targets = find::targets(self, bundle, &built)?;
        Ok(())
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> RenderError {
        RenderError::Value {
            path: self.path.clone(),
            reason: reason.into(),
        }
    }

    pub(super) fn check(&self) -> Result<(), RenderError> {
        let word = |word: &str| {
            word.starts_with(|first: char| first.is_ascii_alphabetic())
                && word.chars().all(|character| character.is_ascii_alphanumeric())
        };
        if !self.path.split('.').all(word) || self.path.split('.').next() == Some("global") {
            return Err(
                self.refuse("a path is words of letters and digits between dots, and not below `global`")
            );
        }
        if self.kind().is_none() {
            return Err(self.refuse("only text, whole numbers and truth values can be looked up"));
        }
        if self
            .default
            .as_str()
            .is_some_and(|text| text.contains(char::is_control))
        {
            return Err(self.refuse("a value is one line"));
        }
        if self.targets.is_empty() {
            return Err(self.refuse("nothing depends on it"));
        }
        Ok(())
    }

    /// Its type in JSON Schema.
    pub(super) fn kind(&self) -> Option<&'static str> {
        match &self.default {
            Value::String(_) => Some("string"),
            Value::Bool(_) => Some("boolean"),
            Value::Number(number) if number.is_i64() => Some("integer"),
            _ => None,
        }
    }

    /// As it stands in a text.
    pub(super) fn shown(value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// The look-up, as an argument of a function.
    pub(super) fn lookup(&self) -> String {
        match self.kind() {
            // Numbers of values.yaml are floats in templates.
            Some("integer") => format!("(int64 .Values.{})", self.path),
            _ => format!(".Values.{}", self.path),
        }
    }
}
