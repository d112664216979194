//! A compiled `values:` section: one lookup turns an input into an output.
//!
//! The order is fixed: `transform`, then `jsonpath`, then `map`, whose outputs may be templates.

mod explain;
mod section;

use std::borrow::Cow;

use regex::Captures;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::error::{CompileError, EvalError};
use crate::expr::Expr;
use crate::format::{Arguments, Name};
use crate::locus::Locus;
use crate::output::Output;
use crate::payload::{self, JsonError};
use crate::rule::{Matcher, Rules};
use crate::spec::ValuesSpec;
use crate::value::{Text, Val};

pub use explain::{Step, StepKind, Trace};

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

impl<'a> InputValue<'a> {
    /// The text, when the value is one.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(value) => value.as_str(),
        }
    }

    /// A copy of the value.
    pub fn to_json(self) -> Value {
        match self {
            Self::Text(text) => Value::from(text),
            Self::Json(value) => value.clone(),
        }
    }
}

/// What a lookup gives.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    /// There is an output.
    Match(Match<'a>),
    /// Nothing takes the value.
    Miss(Miss),
    /// Something takes the value, and its output failed. Never to be replaced by the raw value.
    Error(EvalError),
}

/// A lookup that gave an output.
#[derive(Debug, Clone)]
pub struct Match<'a> {
    map: &'a ValueMap,
    state: State<'a>,
    /// The entry that took the value; none without a map, and for the default.
    entry: Option<usize>,
    output: Cow<'a, Value>,
    mapped: bool,
    failed_predicates: usize,
}

/// Why nothing takes the value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Miss {
    /// No entry of the map matches.
    #[error("no entry of the map takes the value")]
    NoEntry {
        /// Predicates that failed on the value; they count as not matching.
        failed_predicates: usize,
    },
    /// The transform failed.
    #[error("transform: {0}")]
    Transform(EvalError),
    /// There is a path, and the value is text that is not JSON.
    #[error("the value is not JSON: {0}")]
    NotJson(JsonError),
    /// The path finds nothing.
    #[error("the path finds nothing")]
    NoHit,
    /// The path looks at too much.
    #[error("jsonpath: {0}")]
    Path(EvalError),
}

/// A value on its way, borrowed from the input as long as it is part of it.
#[derive(Debug, Clone)]
enum Current<'a> {
    Input(InputValue<'a>),
    Made(Box<Value>),
}

impl Current<'_> {
    fn value(&self) -> InputValue<'_> {
        match self {
            Self::Input(value) => *value,
            Self::Made(value) => InputValue::Json(value),
        }
    }
}

/// Everything that a template may name, but for groups.
#[derive(Debug, Clone)]
struct State<'a> {
    input: Input<'a>,
    current: Current<'a>,
    /// The document that the path was applied to.
    document: Option<Current<'a>>,
}

/// A compiled `values:` section. Compile once, look up often; it can be shared between threads.
///
/// ```
/// use mqttkube_mapping::{Direction, Input, MapKey, Outcome, ValueMap, ValuesSpec};
/// use serde_json::json;
///
/// let spec = ValuesSpec::new()
///     .jsonpath("$.state")
///     .entry(MapKey::Text("ON".into()), json!(1))
///     .entry(MapKey::Text(r"re:(\d+) replicas".into()), json!({"value": "{1}", "type": "int"}));
/// let map = ValueMap::compile(&spec, Direction::Patch, None).expect("the section is right");
///
/// let Outcome::Match(found) = map.lookup(Input::text(r#"{"state": "3 replicas"}"#)) else { panic!() };
/// assert_eq!(found.output(), &json!(3));
/// assert!(matches!(map.lookup(Input::text("ON")), Outcome::Miss(_)));
/// ```
#[derive(Debug)]
pub struct ValueMap {
    transform: Option<(Expr, String)>,
    path: Option<Locus>,
    rules: Option<Rules>,
    default: Option<Value>,
}

impl ValueMap {
    /// The map of an item without `values:`: every value passes through unchanged.
    pub fn identity() -> Self {
        Self {
            transform: None,
            path: None,
            rules: None,
            default: None,
        }
    }

    /// Checks and compiles a section; reports everything that is wrong with it.
    ///
    /// `allowed_outputs` are the only texts that an entry may give, for actions; none allows everything.
    /// Outputs that are filled in are not checked: what they give is only known later.
    pub fn compile(
        spec: &ValuesSpec,
        direction: Direction,
        allowed_outputs: Option<&[&str]>,
    ) -> Result<Self, Vec<CompileError>> {
        let mut section = section::Section {
            direction,
            allowed: allowed_outputs,
            errors: Vec::new(),
        };
        let map = section.compile(spec.node());
        if section.errors.is_empty() {
            Ok(map)
        } else {
            Err(section.errors)
        }
    }

    /// Whether every value passes through unchanged.
    pub fn is_identity(&self) -> bool {
        self.transform.is_none() && self.path.is_none() && self.rules.is_none()
    }

    /// Maps one input. Allocates nothing when a literal or a predicate entry with a fixed output takes it.
    pub fn lookup<'a>(&'a self, input: Input<'a>) -> Outcome<'a> {
        let state = match self.read(input) {
            Ok(state) => state,
            Err(miss) => return self.missed(input, miss),
        };
        let Some(rules) = &self.rules else {
            let output = match &state.current {
                Current::Input(InputValue::Json(value)) => Cow::Borrowed(*value),
                Current::Input(InputValue::Text(text)) => Cow::Owned(Value::from(*text)),
                Current::Made(value) => Cow::Owned((**value).clone()),
            };
            return Outcome::Match(Match {
                map: self,
                state,
                entry: None,
                output,
                mapped: false,
                failed_predicates: 0,
            });
        };
        let mut failed_predicates = 0;
        let Some(found) = rules.find(state.current.value(), &mut failed_predicates) else {
            return self.missed(input, Miss::NoEntry { failed_predicates });
        };
        let entry = rules.get(found.index);
        let output = match &entry.output {
            Output::Fixed(value) => Ok(Cow::Borrowed(value)),
            filled @ Output::Filled { .. } => {
                let names = Named {
                    state: &state,
                    captures: found.captures.as_ref(),
                };
                filled.fill(&names).map(Cow::Owned)
            }
        };
        let index = found.index;
        match output {
            Ok(output) => Outcome::Match(Match {
                map: self,
                state,
                entry: Some(index),
                output,
                mapped: true,
                failed_predicates,
            }),
            Err(error) => Outcome::Error(error),
        }
    }

    /// What a lookup does, step by step, for people.
    pub fn explain(&self, input: Input<'_>) -> Trace {
        explain::explain(self, input)
    }

    fn missed<'a>(&'a self, input: Input<'a>, miss: Miss) -> Outcome<'a> {
        match &self.default {
            Some(default) => Outcome::Match(Match {
                map: self,
                state: State {
                    input,
                    current: Current::Input(input.value),
                    document: None,
                },
                entry: None,
                output: Cow::Borrowed(default),
                mapped: true,
                failed_predicates: if let Miss::NoEntry { failed_predicates } = miss {
                    failed_predicates
                } else {
                    0
                },
            }),
            None => Outcome::Miss(miss),
        }
    }

    /// Transform and path.
    fn read<'a>(&self, input: Input<'a>) -> Result<State<'a>, Miss> {
        let current = match &self.transform {
            Some((transform, _)) => {
                Current::Made(Box::new(transform.call(input.value).map_err(Miss::Transform)?))
            }
            None => Current::Input(input.value),
        };
        let Some(path) = &self.path else {
            return Ok(State {
                input,
                current,
                document: None,
            });
        };
        let document = document(current)?;
        let current = match &document {
            Current::Made(document) => Current::Made(Box::new(first(path, document)?.clone())),
            Current::Input(InputValue::Json(document)) => {
                Current::Input(InputValue::Json(first(path, document)?))
            }
            Current::Input(InputValue::Text(_)) => return Err(Miss::NoHit),
        };
        Ok(State {
            input,
            current,
            document: Some(document),
        })
    }
}

/// The first value that a path finds.
fn first<'v>(path: &Locus, document: &'v Value) -> Result<&'v Value, Miss> {
    path.first(document).map_err(Miss::Path)?.ok_or(Miss::NoHit)
}

/// The document that a path is applied to: text is parsed, everything else is one already.
fn document(current: Current<'_>) -> Result<Current<'_>, Miss> {
    let Some(text) = current.value().as_text() else {
        return Ok(current);
    };
    let parsed = payload::parse_json(text).map_err(Miss::NotJson)?;
    Ok(Current::Made(Box::new(parsed)))
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

    /// The entry of the map that took the value, counted from 0; none without a map, and for the default.
    pub fn entry(&self) -> Option<usize> {
        self.entry
    }

    /// How many predicates failed on the value before an entry took it. They count as not matching.
    pub fn failed_predicates(&self) -> usize {
        self.failed_predicates
    }

    /// The names that a template sees under `match`: `input`, `value`, with a path `json`, the named groups
    /// of a regular expression, and `groups` with all of them. Built on every call.
    pub fn context(&self) -> Map<String, Value> {
        let mut context = Map::new();
        let groups = self.groups();
        context.extend(groups.iter().map(|(name, value)| (name.clone(), value.clone())));
        context.insert("groups".to_owned(), Value::Object(groups));
        context.insert("input".to_owned(), self.state.input.value.to_json());
        context.insert("value".to_owned(), self.state.current.value().to_json());
        if let Some(document) = &self.state.document {
            context.insert("json".to_owned(), document.value().to_json());
        }
        context
    }

    fn groups(&self) -> Map<String, Value> {
        let entry = self
            .entry
            .and_then(|index| self.map.rules.as_ref().map(|rules| rules.get(index)));
        let Some(Matcher::Regex(regex)) = entry.map(|entry| &entry.matcher) else {
            return Map::new();
        };
        let captures = self
            .state
            .current
            .value()
            .as_text()
            .and_then(|text| regex.captures(text));
        let Some(captures) = captures else {
            return Map::new();
        };
        let group = |name: &str| captures.name(name).map_or("", |group| group.as_str());
        regex
            .capture_names()
            .flatten()
            .map(|name| (name.to_owned(), group(name).into()))
            .collect()
    }
}

/// The names of a template.
struct Named<'s, 'v> {
    state: &'s State<'s>,
    captures: Option<&'s Captures<'v>>,
}

impl<'s> Arguments<'s> for Named<'s, '_> {
    fn argument(&self, name: &Name) -> Option<Val<'s>> {
        match name {
            // A group that took no part is empty.
            Name::Number(index) => {
                let group = self.captures?.get(*index);
                Some(Val::Str(Text::Ref(group.map_or("", |group| group.as_str()))))
            }
            Name::Text(name) => match name.as_str() {
                "input" => Some(Val::from(self.state.input.value)),
                "value" => Some(Val::from(self.state.current.value())),
                "json" => self
                    .state
                    .document
                    .as_ref()
                    .map(|document| Val::from(document.value())),
                "topic" => Some(Val::Str(Text::Ref(self.state.input.topic.unwrap_or("")))),
                _ => None,
            },
            Name::Auto(_) => None,
        }
    }
}
