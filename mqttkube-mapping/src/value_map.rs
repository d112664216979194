//! A compiled `values:` section: one lookup turns an input into an output.
//!
//! The order is fixed: `transform`, then `jsonpath`, then `map`, whose outputs may be templates.

mod explain;
mod found;
mod input;
mod section;

use std::borrow::Cow;

use serde_json::Value;
use thiserror::Error;

use crate::error::{CompileError, EvalError};
use crate::expr::Expr;
use crate::locus::Locus;
use crate::output::Output;
use crate::payload::{self, JsonError};
use crate::rule::Rules;
use crate::spec::ValuesSpec;

pub use explain::{Step, StepKind, Trace};
pub use found::Match;
use found::Named;
pub use input::{Input, InputValue};

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
