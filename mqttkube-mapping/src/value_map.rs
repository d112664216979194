//! A compiled `values:` section: one lookup turns an input into an output.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::error::{CompileError, EvalError, PathSeg};
use crate::rule::Rules;
use crate::spec::{MapKey, SpecNode, ValuesSpec};

/// Which way values flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From an object to a topic.
    Watch,
    /// From a topic to a field of an object.
    Patch,
    /// From a topic to a verb.
    Action,
}

/// What a lookup is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input<'a> {
    /// The payload, or the value read from an object.
    pub value: InputValue<'a>,
    /// The topic of the message less the configured prefix; none in a watch.
    pub topic: Option<&'a str>,
}

/// The value of an [`Input`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InputValue<'a> {
    /// A payload.
    Text(&'a str),
    /// Something read from an object.
    Json(&'a Value),
}

impl<'a> Input<'a> {
    /// A payload, without its topic.
    pub fn text(text: &'a str) -> Self {
        Self {
            value: InputValue::Text(text),
            topic: None,
        }
    }

    /// A value read from an object.
    pub fn json(value: &'a Value) -> Self {
        Self {
            value: InputValue::Json(value),
            topic: None,
        }
    }

    /// The same input with the topic it came from.
    #[must_use]
    pub fn with_topic(self, topic: &'a str) -> Self {
        Self {
            topic: Some(topic),
            ..self
        }
    }
}

/// What a lookup gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<'a> {
    /// There is an output.
    Match(Match<'a>),
    /// Nothing takes the value.
    Miss(Miss),
    /// Something takes the value, and its output failed. Never to be replaced by the raw value.
    Error(EvalError),
}

/// A lookup that gave an output.
#[derive(Debug, Clone, PartialEq)]
pub struct Match<'a> {
    output: Cow<'a, Value>,
    input: InputValue<'a>,
    mapped: bool,
}

/// Why nothing takes the value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Miss {
    /// No entry of the map matches.
    NoEntry,
}

impl Match<'_> {
    /// The output.
    pub fn output(&self) -> &Value {
        &self.output
    }

    /// The output, without a copy where that can be.
    pub fn into_output(self) -> Value {
        self.output.into_owned()
    }

    /// Whether somebody wrote the output down, as an entry of the map or as the default. Otherwise it is the
    /// input as it came or as `transform` and `jsonpath` left it.
    pub fn is_mapped(&self) -> bool {
        self.mapped
    }

    /// The names that a template sees under `match`. Built on every call.
    pub fn context(&self) -> Map<String, Value> {
        let input = match self.input {
            InputValue::Text(text) => Value::from(text),
            InputValue::Json(value) => value.clone(),
        };
        Map::from_iter([("input".to_owned(), input.clone()), ("value".to_owned(), input)])
    }
}

/// A compiled `values:` section. Compile once, look up often.
#[derive(Debug)]
pub struct ValueMap {
    rules: Option<Rules>,
    default: Option<Value>,
}

impl ValueMap {
    /// The map of an item without `values:`: every value passes through unchanged.
    pub fn identity() -> Self {
        Self {
            rules: None,
            default: None,
        }
    }

    /// Checks and compiles a section; reports everything that is wrong with it.
    ///
    /// `allowed_outputs` are the only texts that an entry may give, for actions; none allows everything.
    pub fn compile(
        spec: &ValuesSpec,
        _direction: Direction,
        _allowed_outputs: Option<&[&str]>,
    ) -> Result<Self, Vec<CompileError>> {
        let mut map = Self::identity();
        if let SpecNode::Map(members) = spec.node() {
            for (key, node) in members {
                match key {
                    MapKey::Text(name) if name == "map" => {
                        map.rules = Rules::compile(node)
                            .map_err(|error| vec![error.below(&[PathSeg::Key("map".to_owned())])])?;
                    }
                    _ => {}
                }
            }
        }
        Ok(map)
    }

    /// Maps one input. Allocates nothing when a literal or a predicate entry with a fixed output takes it.
    pub fn lookup<'a>(&'a self, input: Input<'a>) -> Outcome<'a> {
        let found = match &self.rules {
            Some(rules) => rules.find(input.value).map(Cow::Borrowed),
            None => Some(match input.value {
                InputValue::Text(text) => Cow::Owned(Value::from(text)),
                InputValue::Json(value) => Cow::Borrowed(value),
            }),
        };
        match found.or(self.default.as_ref().map(Cow::Borrowed)) {
            Some(output) => Outcome::Match(Match {
                output,
                input: input.value,
                mapped: self.rules.is_some(),
            }),
            None => Outcome::Miss(Miss::NoEntry),
        }
    }
}
