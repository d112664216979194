//! A lookup that gave an output, and the names that templates see of it.

use std::borrow::Cow;

use regex::Captures;
use serde_json::{Map, Value};

use super::{State, ValueMap};
use crate::format::{Arguments, Name};
use crate::rule::Matcher;
use crate::value::{Text, Val};

/// A lookup that gave an output.
#[derive(Debug, Clone)]
pub struct Match<'a> {
    pub(super) map: &'a ValueMap,
    pub(super) state: State<'a>,
    /// The entry that took the value; none without a map, and for the default.
    pub(super) entry: Option<usize>,
    pub(super) output: Cow<'a, Value>,
    pub(super) mapped: bool,
    pub(super) failed_predicates: usize,
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
pub(super) struct Named<'s, 'v> {
    pub(super) state: &'s State<'s>,
    pub(super) captures: Option<&'s Captures<'v>>,
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
