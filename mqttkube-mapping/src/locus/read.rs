//! Reading: RFC 9535 section 2 over a parsed path, with a budget.

use std::cmp::Ordering;

use serde_json::Value;

use super::ast::{Comparison, Name, Operand, Query, Segment, Selector, Test};
use super::names;
use crate::error::{EvalError, EvalErrorKind};

/// How many nodes one read may look at.
const BUDGET: usize = 100_000;

/// One read: the root, and the nodes that may still be looked at.
pub(super) struct Reader<'v> {
    root: &'v Value,
    left: usize,
}

type Read<T> = Result<T, EvalError>;

impl<'v> Reader<'v> {
    pub(super) fn new(root: &'v Value) -> Self {
        Self { root, left: BUDGET }
    }

    fn spend(&mut self, nodes: usize) -> Read<()> {
        let message = || format!("the path looks at more than {BUDGET} values");
        self.left = self
            .left
            .checked_sub(nodes)
            .ok_or_else(|| EvalError::new(EvalErrorKind::Overflow, message()))?;
        Ok(())
    }

    /// All nodes of a query, in the order of RFC 9535.
    pub(super) fn query(&mut self, query: &Query, current: &'v Value) -> Read<Vec<&'v Value>> {
        let start = if query.absolute { self.root } else { current };
        let mut nodes = vec![start];
        for segment in &query.segments {
            let mut found = Vec::new();
            for node in nodes {
                self.segment(segment, node, &mut found)?;
            }
            nodes = found;
        }
        Ok(nodes)
    }

    /// The node of a query that has at most one. Does not allocate.
    pub(super) fn singular(&self, query: &Query, current: &'v Value) -> Option<&'v Value> {
        let start = if query.absolute { self.root } else { current };
        query
            .segments
            .iter()
            .try_fold(start, |node, segment| match segment.single()? {
                Selector::Name(name) => member(node, name).map(|(_, value)| value),
                Selector::Index(index) => element(node, *index).map(|(_, value)| value),
                _ => None,
            })
    }

    fn segment(&mut self, segment: &Segment, node: &'v Value, found: &mut Vec<&'v Value>) -> Read<()> {
        if !segment.descendant {
            return self.select(&segment.selectors, node, found);
        }
        // A stack of our own: the depth of a document must not be the depth of a recursion.
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            self.select(&segment.selectors, node, found)?;
            let before = stack.len();
            match node {
                Value::Array(items) => stack.extend(items),
                Value::Object(members) => stack.extend(members.values()),
                _ => {}
            }
            self.spend(stack.len() - before)?;
            stack[before..].reverse();
        }
        Ok(())
    }

    fn select(&mut self, selectors: &[Selector], node: &'v Value, found: &mut Vec<&'v Value>) -> Read<()> {
        for selector in selectors {
            let before = found.len();
            match selector {
                Selector::Name(name) => found.extend(member(node, name).map(|(_, value)| value)),
                Selector::Index(index) => found.extend(element(node, *index).map(|(_, value)| value)),
                Selector::Wildcard => match node {
                    Value::Array(items) => found.extend(items),
                    Value::Object(members) => found.extend(members.values()),
                    _ => {}
                },
                Selector::Slice { start, end, step } => slice(node, *start, *end, *step, found),
                Selector::Filter(test) => self.filter(test, node, found)?,
            }
            self.spend(found.len() - before + 1)?;
        }
        Ok(())
    }

    fn filter(&mut self, test: &Test, node: &'v Value, found: &mut Vec<&'v Value>) -> Read<()> {
        let mut keep = |value: &'v Value| {
            self.spend(1)?;
            if self.test(test, value)? {
                found.push(value);
            }
            Ok(())
        };
        match node {
            Value::Array(items) => items.iter().try_for_each(&mut keep),
            Value::Object(members) => members.values().try_for_each(&mut keep),
            _ => Ok(()),
        }
    }

    /// Whether a node passes the condition of a filter.
    pub(super) fn test(&mut self, test: &Test, current: &'v Value) -> Read<bool> {
        self.spend(1)?;
        match test {
            Test::Or(tests) => {
                for test in tests {
                    if self.test(test, current)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Test::And(tests) => {
                for test in tests {
                    if !self.test(test, current)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Test::Not(test) => Ok(!self.test(test, current)?),
            Test::Exists(query) if query.is_singular() => Ok(self.singular(query, current).is_some()),
            Test::Exists(query) => Ok(!self.query(query, current)?.is_empty()),
            Test::Compare(left, operator, right) => {
                let (left, right) = (self.operand(left, current)?, self.operand(right, current)?);
                Ok(compare(left.as_value(), *operator, right.as_value()))
            }
            Test::Matches(subject, pattern) => {
                let subject = self.operand(subject, current)?;
                Ok(subject
                    .as_value()
                    .and_then(Value::as_str)
                    .is_some_and(|text| pattern.is_match(text)))
            }
        }
    }

    fn operand<'a>(&mut self, operand: &'a Operand, current: &'v Value) -> Read<Operated<'a>>
    where
        'v: 'a,
    {
        Ok(match operand {
            Operand::Literal(value) => Operated::Is(value),
            Operand::Query(query) => self
                .singular(query, current)
                .map_or(Operated::Nothing, Operated::Is),
            Operand::Length(operand) => {
                let operated = self.operand(operand, current)?;
                match operated.as_value() {
                    Some(Value::String(text)) => Operated::count(text.chars().count()),
                    Some(Value::Array(items)) => Operated::count(items.len()),
                    Some(Value::Object(members)) => Operated::count(members.len()),
                    _ => Operated::Nothing,
                }
            }
            Operand::Count(query) => Operated::count(self.query(query, current)?.len()),
            Operand::ValueOf(query) => match self.query(query, current)?.as_slice() {
                [value] => Operated::Is(value),
                _ => Operated::Nothing,
            },
        })
    }
}

/// The value of one side of a comparison.
enum Operated<'v> {
    Nothing,
    Is(&'v Value),
    New(Value),
}

impl Operated<'_> {
    fn count(number: usize) -> Self {
        Self::New(Value::from(number))
    }

    fn as_value(&self) -> Option<&Value> {
        match self {
            Self::Nothing => None,
            Self::Is(value) => Some(value),
            Self::New(value) => Some(value),
        }
    }
}

/// The member of an object that a name means, with its real name.
pub(super) fn member<'v>(node: &'v Value, name: &Name) -> Option<(&'v str, &'v Value)> {
    let object = node.as_object()?;
    if name.snake {
        return names::find(object, &name.text);
    }
    object
        .get_key_value(&name.text)
        .map(|(key, value)| (key.as_str(), value))
}

/// The element of a list at an index, counted from the end when it is negative, with its place.
pub(super) fn element(node: &Value, index: i64) -> Option<(usize, &Value)> {
    let items = node.as_array()?;
    let back = usize::try_from(index.unsigned_abs()).ok()?;
    let place = if index < 0 {
        items.len().checked_sub(back)?
    } else {
        back
    };
    items.get(place).map(|value| (place, value))
}

/// RFC 9535 section 2.3.4.2.2.
fn slice<'v>(node: &'v Value, start: Option<i64>, end: Option<i64>, step: i64, found: &mut Vec<&'v Value>) {
    let Some(items) = node.as_array().filter(|_| step != 0) else {
        return;
    };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let from_start = |index: i64| if index < 0 { length + index } else { index };
    let (mut at, stop) = if step > 0 {
        let bound = |index: i64| from_start(index).clamp(0, length);
        (bound(start.unwrap_or(0)), bound(end.unwrap_or(length)))
    } else {
        let bound = |index: i64| from_start(index).clamp(-1, length - 1);
        (start.map_or(length - 1, bound), end.map_or(-1, bound))
    };
    while if step > 0 { at < stop } else { at > stop } {
        found.extend(usize::try_from(at).ok().and_then(|at| items.get(at)));
        at += step;
    }
}

/// RFC 9535 section 2.3.5.2.2; `None` is a query without result.
fn compare(left: Option<&Value>, operator: Comparison, right: Option<&Value>) -> bool {
    let equal = || match (left, right) {
        (Some(left), Some(right)) => same(left, right),
        (left, right) => left.is_none() && right.is_none(),
    };
    let order = || match (left?, right?) {
        (Value::Number(left), Value::Number(right)) => order_of_numbers(left, right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    };
    match operator {
        Comparison::Equal => equal(),
        Comparison::NotEqual => !equal(),
        Comparison::Less => order() == Some(Ordering::Less),
        Comparison::Greater => order() == Some(Ordering::Greater),
        Comparison::LessOrEqual => order() == Some(Ordering::Less) || equal(),
        Comparison::GreaterOrEqual => order() == Some(Ordering::Greater) || equal(),
    }
}

/// Equality by value: 1 and 1.0 are equal. The depth of the recursion is that of a document that was parsed,
/// which the JSON parser limits.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => order_of_numbers(left, right) == Some(Ordering::Equal),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let known =
                |(key, left): (&String, &Value)| right.get(key).is_some_and(|right| same(left, right));
            left.len() == right.len() && left.iter().all(known)
        }
        _ => left == right,
    }
}

fn order_of_numbers(left: &serde_json::Number, right: &serde_json::Number) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
