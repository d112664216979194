//! A parsed path.

use regex::Regex;
use serde_json::Value;

/// `$...` or `@...`.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) absolute: bool,
    pub(super) segments: Vec<Segment>,
}

#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// `..`: applies to the node and everything below it.
    pub(super) descendant: bool,
    pub(super) selectors: Vec<Selector>,
}

#[derive(Debug, Clone)]
pub(super) enum Selector {
    Name(Name),
    Wildcard,
    Index(i64),
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
    },
    Filter(Test),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    /// Written as `snake_case` without quotes, so perhaps meant for the member `snakeCase`.
    pub(super) snake: bool,
}

/// A condition in a filter.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    Exists(Query),
    Compare(Operand, Comparison, Operand),
    /// `match()` and `search()`; the pattern is compiled once.
    Matches(Operand, Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Something with at most one value.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Literal(Value),
    /// A singular query.
    Query(Query),
    Length(Box<Self>),
    Count(Query),
    /// `value()`: the value of a query that has exactly one.
    ValueOf(Query),
}

impl Query {
    /// Whether the query cannot have more than one result.
    pub(super) fn is_singular(&self) -> bool {
        self.segments.iter().all(|segment| segment.single().is_some())
    }
}

impl Segment {
    /// The selector of a segment that cannot have more than one result.
    pub(super) fn single(&self) -> Option<&Selector> {
        match self.selectors.as_slice() {
            [selector @ (Selector::Name(_) | Selector::Index(_))] if !self.descendant => Some(selector),
            _ => None,
        }
    }
}
