//! Sets of messages that go the same way through bridges.

use super::pattern::intersect;
use crate::{TopicRule, Way};

/// Topics on their way: published as `origin` and the rest, now named `prefix` and the same rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Flow {
    origin: String,
    prefix: String,
    /// The end of a filter.
    rest: String,
}

impl Flow {
    /// Everything that a filter matches, before any bridge.
    pub(super) fn new(filter: &str) -> Self {
        Self {
            origin: String::new(),
            prefix: String::new(),
            rest: filter.to_owned(),
        }
    }

    /// The filter of the names at the start.
    pub(super) fn at_start(&self) -> String {
        format!("{}{}", self.origin, self.rest)
    }

    /// The filter of the names now.
    pub(super) fn now(&self) -> String {
        format!("{}{}", self.prefix, self.rest)
    }

    /// The part that a rule takes and names; at most two, because the parent of `prefix/#` keeps its whole name.
    pub(super) fn through(&self, rule: &TopicRule, way: Way) -> Vec<Self> {
        let Some(taken) = rule
            .filter(way)
            .and_then(|filter| intersect(&self.now(), filter.as_str()))
        else {
            return Vec::new();
        };
        let Some(rest) = taken.strip_prefix(&self.prefix) else {
            return Vec::new();
        };
        let narrowed = Self {
            rest: rest.to_owned(),
            ..self.clone()
        };
        if !rule.has_prefix() {
            return vec![narrowed];
        }
        let (from, to) = rule.prefixes(way);
        let mut flows = vec![narrowed.renamed(&taken, from, to)];
        let parent = taken
            .strip_suffix("/#")
            .filter(|parent| from.strip_suffix('/') == Some(parent));
        if let Some(rest) = parent.and_then(|parent| parent.strip_prefix(&self.prefix)) {
            let prefix = format!("{to}{}", self.prefix);
            flows.push(Self {
                origin: self.origin.clone(),
                prefix,
                rest: rest.to_owned(),
            });
        }
        flows.retain(|flow| !flow.now().is_empty());
        flows
    }

    fn renamed(self, taken: &str, from: &str, to: &str) -> Self {
        if !taken.starts_with(from) {
            return Self {
                prefix: format!("{to}{}", self.prefix),
                ..self
            };
        }
        if let Some(kept) = self.prefix.strip_prefix(from) {
            return Self {
                prefix: format!("{to}{kept}"),
                ..self
            };
        }
        let (cut, rest) = self.rest.split_at(from.len() - self.prefix.len());
        Self {
            origin: format!("{}{cut}", self.origin),
            prefix: to.to_owned(),
            rest: rest.to_owned(),
        }
    }
}
