//! Writing: from a path to one place and a value to the smallest patch.

use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::ast::{Name, Query, Selector, Test};
use super::names;
use super::read::{Reader, element, member};
use crate::error::EvalError;

/// A path that leads to one place: names, indexes, and filters that must find exactly one element.
#[derive(Debug, Clone)]
pub struct WritePath {
    /// At least one.
    steps: Vec<Step>,
    text: String,
}

#[derive(Debug, Clone)]
enum Step {
    Name(Name),
    Index(i64),
    Filter(Test),
}

/// One operation of a JSON Patch (RFC 6902), in its JSON form.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
#[non_exhaustive]
pub enum PatchOp {
    /// The patch is refused unless the value is there.
    Test {
        /// JSON Pointer (RFC 6901).
        path: String,
        /// What must be there.
        value: Value,
    },
    /// Adds a member.
    Add {
        /// JSON Pointer.
        path: String,
        /// The new value.
        value: Value,
    },
    /// Replaces what is there.
    Replace {
        /// JSON Pointer.
        path: String,
        /// The new value.
        value: Value,
    },
    /// Removes what is there.
    Remove {
        /// JSON Pointer.
        path: String,
    },
}

/// Why a value cannot be written into this object. Another object, or this one later, may take it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The object has no such place, and it cannot be created without replacing something else.
    #[error("the object has no place {path} to write to: {reason}")]
    NotFound {
        /// The path as it was written.
        path: String,
        /// What is missing or in the way.
        reason: String,
    },
    /// A filter finds several elements.
    #[error("{path} leads to {count} places of the object, not to one")]
    NotSingular {
        /// The path as it was written.
        path: String,
        /// How many there are.
        count: usize,
    },
    /// The filter looks at too many values.
    #[error("{path} cannot be followed")]
    Budget {
        /// The path as it was written.
        path: String,
        /// The limit.
        source: EvalError,
    },
}

impl WritePath {
    /// The path of a query; `None` when it can lead to several places. Empty for `$`.
    pub(super) fn new(query: &Query, text: &str) -> Option<Self> {
        let step = |selector: &Selector| match selector {
            Selector::Name(name) => Some(Step::Name(name.clone())),
            Selector::Index(index) => Some(Step::Index(*index)),
            Selector::Filter(test) => Some(Step::Filter(test.clone())),
            Selector::Wildcard | Selector::Slice { .. } => None,
        };
        let segments = query
            .segments
            .iter()
            .map(|segment| match segment.selectors.as_slice() {
                [selector] if !segment.descendant => step(selector),
                _ => None,
            });
        Some(Self {
            steps: segments.collect::<Option<_>>()?,
            text: text.to_owned(),
        })
    }

    pub(super) fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether the path consists of names only, so that a merge patch can be written without reading.
    pub fn is_names_only(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Name(_)))
    }

    /// Whether the path ends at the element of a list that has a certain number, whatever element that is.
    pub fn ends_at_index(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Index(_)))
    }

    /// Whether the path is a label or an annotation, which can only be text: of the object itself, or of a
    /// template in it.
    pub fn is_text(&self) -> bool {
        let is = |step: &Step, wanted: &[&str]| matches!(step, Step::Name(name) if wanted.contains(&name.text.as_str()));
        let end = self.steps.last_chunk();
        matches!(end, Some([metadata, map, Step::Name(_)])
            if is(metadata, &["metadata"]) && is(map, &["labels", "annotations"]))
    }

    /// Whether the path is `spec.replicas`, which the scale subresource holds as well.
    pub fn is_replicas(&self) -> bool {
        let is = |step: &Step, wanted: &str| matches!(step, Step::Name(name) if name.text == wanted);
        matches!(self.steps.as_slice(), [spec, replicas] if is(spec, "spec") && is(replicas, "replicas"))
    }

    /// The body of a merge patch (RFC 7386) with exactly this path, for a path of names only. Null removes.
    ///
    /// `present` is the object as it is now, where it is known. With it, an object value becomes exactly the
    /// new object, because members that it lacks are removed; without it, they stay.
    ///
    /// # Errors
    /// [`WriteError::NotFound`] when something that is no object is in the way, or the path is not of names.
    pub fn merge_patch(&self, present: Option<&Value>, value: Value) -> Result<Value, WriteError> {
        let mut keys = Vec::with_capacity(self.steps.len());
        let mut at = present;
        for step in &self.steps {
            let Step::Name(name) = step else {
                return Err(self.not_found("only names can be merged"));
            };
            if let Some(blocking) = at.filter(|node| !node.is_object() && !node.is_null()) {
                return Err(self.not_found(format!("{} is in the way of {:?}", kind(blocking), name.text)));
            }
            let found = at.and_then(|node| member(node, name));
            keys.push(found.map_or_else(|| written(name), |(key, _)| key.to_owned()));
            at = found.map(|(_, value)| value);
        }
        let value = match at {
            Some(old) => replacing(old, value),
            None => value,
        };
        Ok(nest(keys, value))
    }

    /// The operations of a JSON Patch that put `value` at this path of `present`: a test on the name of each
    /// list element on the way that has one, then one change. Null removes; when there is nothing to remove,
    /// only the tests are given.
    ///
    /// # Errors
    /// The path does not lead to exactly one place of this object.
    pub fn json_patch(&self, present: &Value, value: Value) -> Result<Vec<PatchOp>, WriteError> {
        let mut walk = Walk {
            path: self,
            root: present,
            at: present,
            pointer: String::new(),
            ops: Vec::new(),
        };
        for (index, step) in self.steps.iter().enumerate() {
            let rest = &self.steps[index + 1..];
            match step {
                Step::Name(name) => {
                    if let Some(missing) = walk.name(name)? {
                        return walk.create(&missing, rest, value);
                    }
                }
                Step::Index(index) => walk.index(*index)?,
                Step::Filter(test) => walk.filter(test)?,
            }
        }
        let Walk {
            mut ops,
            pointer: path,
            ..
        } = walk;
        ops.push(if value.is_null() {
            PatchOp::Remove { path }
        } else {
            PatchOp::Replace { path, value }
        });
        Ok(ops)
    }

    fn not_found(&self, reason: impl Into<String>) -> WriteError {
        WriteError::NotFound {
            path: self.text.clone(),
            reason: reason.into(),
        }
    }
}

/// The way down into an object.
struct Walk<'p, 'v> {
    path: &'p WritePath,
    root: &'v Value,
    at: &'v Value,
    pointer: String,
    ops: Vec<PatchOp>,
}

impl<'v> Walk<'_, 'v> {
    /// Goes to a member, or gives the name under which it has to be created.
    fn name(&mut self, name: &Name) -> Result<Option<String>, WriteError> {
        if !self.at.is_object() {
            let reason = format!("{} has no member {:?}", kind(self.at), name.text);
            return Err(self.path.not_found(reason));
        }
        match member(self.at, name) {
            Some((key, value)) => {
                self.enter(key, value);
                Ok(None)
            }
            None => Ok(Some(written(name))),
        }
    }

    fn index(&mut self, index: i64) -> Result<(), WriteError> {
        let Some((place, value)) = element(self.at, index) else {
            return Err(self
                .path
                .not_found(format!("{} has no element {index}", kind(self.at))));
        };
        self.enter_element(place, value);
        Ok(())
    }

    fn filter(&mut self, test: &Test) -> Result<(), WriteError> {
        let mut reader = Reader::new(self.root);
        let mut passes = |value: &'v Value| {
            let budget = |source| WriteError::Budget {
                path: self.path.text.clone(),
                source,
            };
            reader.test(test, value).map_err(budget)
        };
        let mut found = Vec::new();
        match self.at {
            Value::Array(items) => {
                for (place, value) in items.iter().enumerate() {
                    if passes(value)? {
                        found.push((place.to_string(), value));
                    }
                }
            }
            Value::Object(members) => {
                for (key, value) in members {
                    if passes(value)? {
                        found.push((key.clone(), value));
                    }
                }
            }
            other => return Err(self.path.not_found(format!("{} has no elements", kind(other)))),
        }
        match found.as_slice() {
            [] => Err(self.path.not_found("no element passes the filter")),
            [(key, value)] if self.at.is_object() => {
                self.enter(key, value);
                Ok(())
            }
            [(place, value)] => {
                self.enter(place, value);
                self.test_name();
                Ok(())
            }
            several => Err(WriteError::NotSingular {
                path: self.path.text.clone(),
                count: several.len(),
            }),
        }
    }

    fn enter_element(&mut self, place: usize, value: &'v Value) {
        self.enter(&place.to_string(), value);
        self.test_name();
    }

    fn enter(&mut self, key: &str, value: &'v Value) {
        push(&mut self.pointer, key);
        self.at = value;
    }

    /// The name of an element is what does not change when the list does.
    fn test_name(&mut self) {
        if let Some(name) = self.at.get("name").filter(|name| name.is_string()) {
            let path = format!("{}/name", self.pointer);
            self.ops.push(PatchOp::Test {
                path,
                value: name.clone(),
            });
        }
    }

    /// Adds the first missing member with all that belongs below it.
    fn create(mut self, missing: &str, rest: &[Step], value: Value) -> Result<Vec<PatchOp>, WriteError> {
        let name = |step: &Step| match step {
            Step::Name(name) => Some(written(name)),
            Step::Index(_) | Step::Filter(_) => None,
        };
        let below: Option<Vec<String>> = rest.iter().map(name).collect();
        let Some(below) = below else {
            return Err(self
                .path
                .not_found(format!("there is no member {missing:?}, and no list in it")));
        };
        if !value.is_null() {
            push(&mut self.pointer, missing);
            self.ops.push(PatchOp::Add {
                path: self.pointer,
                value: nest(below, value),
            });
        }
        Ok(self.ops)
    }
}

fn push(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

/// The name that a member gets which is not there yet.
fn written(name: &Name) -> String {
    if name.snake {
        names::camel(&name.text)
    } else {
        name.text.clone()
    }
}

fn nest(keys: Vec<String>, value: Value) -> Value {
    keys.into_iter()
        .rev()
        .fold(value, |value, key| Value::Object(Map::from_iter([(key, value)])))
}

/// `new`, and null for each member that `old` has and `new` has not.
fn replacing(old: &Value, new: Value) -> Value {
    match (old, new) {
        (Value::Object(old), Value::Object(mut new)) => {
            for (key, old) in old {
                let member = new.get_mut(key).map_or(Value::Null, Value::take);
                new.insert(key.clone(), replacing(old, member));
            }
            Value::Object(new)
        }
        (_, new) => new,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
