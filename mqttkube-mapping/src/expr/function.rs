//! The builtin functions.

use std::cmp::Ordering;

use super::ast::Operator;
use super::eval::{Eval, Values};
use super::number::{int_of_text, to_float, to_int};
use super::walk::Walk;
use super::{SyntaxError, SyntaxErrorKind, arith, round};
use crate::error::EvalError;
use crate::payload;
use crate::value::{
    JsonStyle, Text, Type, Val, compare, json, overflow, repr, str_of, type_error, value_error,
};

/// A function that an expression may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    All,
    Any,
    Bool,
    Dumps,
    Float,
    Int,
    IsInstance,
    Len,
    List,
    Loads,
    Max,
    Min,
    Repr,
    Round,
    Sorted,
    Str,
    Sum,
}

/// Functions by the name in a source; those of `json` are apart.
const FUNCTIONS: &[(&str, Function)] = &[
    ("abs", Function::Abs),
    ("all", Function::All),
    ("any", Function::Any),
    ("bool", Function::Bool),
    ("float", Function::Float),
    ("int", Function::Int),
    ("isinstance", Function::IsInstance),
    ("len", Function::Len),
    ("list", Function::List),
    ("max", Function::Max),
    ("min", Function::Min),
    ("repr", Function::Repr),
    ("round", Function::Round),
    ("sorted", Function::Sorted),
    ("str", Function::Str),
    ("sum", Function::Sum),
];

/// What Python has and this language has not.
const PYTHON_ONLY: &[&str] = &[
    "ascii",
    "bin",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "exit",
    "filter",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "issubclass",
    "iter",
    "json",
    "locals",
    "logging",
    "map",
    "memoryview",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "quit",
    "range",
    "re",
    "reversed",
    "set",
    "setattr",
    "slice",
    "staticmethod",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

impl Function {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        FUNCTIONS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, function)| *function)
    }

    pub(super) fn of_json(name: &str) -> Option<Self> {
        match name {
            "loads" => Some(Self::Loads),
            "dumps" => Some(Self::Dumps),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Loads => "json.loads",
            Self::Dumps => "json.dumps",
            other => FUNCTIONS
                .iter()
                .find(|(_, function)| *function == other)
                .map_or("", |(name, _)| name),
        }
    }

    /// The named arguments that the function takes.
    pub(super) fn named(self) -> &'static [&'static str] {
        match self {
            Self::Dumps => &["sort_keys", "separators", "ensure_ascii"],
            Self::Max | Self::Min => &["default"],
            Self::Sorted => &["reverse"],
            Self::Int => &["base"],
            Self::Round => &["ndigits"],
            Self::Sum => &["start"],
            _ => &[],
        }
    }

    /// The error for a name that is neither a function nor anything else.
    pub(super) fn unknown(name: &str, column: usize) -> SyntaxError {
        if name.starts_with("__") || PYTHON_ONLY.contains(&name) {
            return SyntaxError::unsupported(column, format!("{name:?} is not available"));
        }
        let help = match name {
            "true" => Some("write True".to_owned()),
            "false" => Some("write False".to_owned()),
            "null" | "none" => Some("write None".to_owned()),
            _ => None,
        };
        let (kind, message) = match Self::from_name(name) {
            Some(_) => (
                SyntaxErrorKind::Unsupported,
                format!("the function {name:?} is not called"),
            ),
            None => (SyntaxErrorKind::Name, format!("there is no name {name:?}")),
        };
        SyntaxError {
            kind,
            column,
            message,
            help,
        }
    }

    /// Calls the function.
    pub(super) fn call<'a>(self, eval: &Eval<'a, '_>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
        let (least, most) = self.arity();
        if values.len() < least || values.len() > most {
            return Err(type_error(format!(
                "{}() does not take {} arguments",
                self.name(),
                values.len()
            )));
        }
        let first = || values.get(0).ok_or_else(|| type_error("an argument is missing"));
        match self {
            Self::Abs => abs(&first()?),
            Self::All => stop_at(eval, first()?, false).map(|stopped| Val::Bool(!stopped)),
            Self::Any => stop_at(eval, first()?, true).map(Val::Bool),
            Self::Bool => Ok(Val::Bool(values.get(0).is_some_and(|value| value.truth()))),
            Self::Dumps => dumps(&first()?, values),
            Self::Float => values
                .get(0)
                .map_or(Ok(0.0), |value| to_float(&value))
                .map(Val::Float),
            Self::Int => int(values),
            Self::IsInstance => is_instance(&first()?, &values.get(1).unwrap_or(Val::Null)).map(Val::Bool),
            Self::Len => length(&first()?),
            Self::List => values
                .get(0)
                .map_or_else(|| Ok(Vec::new()), |value| collect(eval, value))
                .map(Val::from),
            Self::Loads => loads(eval, &first()?),
            Self::Max => extreme(eval, values, Ordering::Greater),
            Self::Min => extreme(eval, values, Ordering::Less),
            Self::Repr => repr(&first()?).map(Val::from),
            Self::Round => match values.get(1).or_else(|| values.named("ndigits")) {
                None | Some(Val::Null) => round::whole(&first()?),
                Some(digits) => round::digits(&first()?, eval.index(&digits)?),
            },
            Self::Sorted => sorted(
                eval,
                first()?,
                values.named("reverse").is_some_and(|reverse| reverse.truth()),
            ),
            Self::Str => match values.get(0) {
                None => Ok(Val::Str(Text::Ref(""))),
                Some(text @ Val::Str(_)) => Ok(text),
                Some(other) => str_of(&other).map(Val::from),
            },
            Self::Sum => sum(eval, values),
        }
    }

    fn arity(self) -> (usize, usize) {
        match self {
            Self::Abs
            | Self::All
            | Self::Any
            | Self::Dumps
            | Self::Len
            | Self::Loads
            | Self::Repr
            | Self::Sorted => (1, 1),
            Self::Bool | Self::Float | Self::List | Self::Str => (0, 1),
            Self::Int => (0, 2),
            Self::IsInstance => (2, 2),
            Self::Round | Self::Sum => (1, 2),
            Self::Max | Self::Min => (1, usize::MAX),
        }
    }
}

fn abs<'a>(value: &Val<'a>) -> Result<Val<'a>, EvalError> {
    match (value, value.as_int()) {
        (_, Some(number)) => number
            .checked_abs()
            .map(Val::Int)
            .ok_or_else(|| overflow("an integer beyond 64 bits")),
        (Val::Float(number), _) => Ok(Val::Float(number.abs())),
        (Val::Large(number), _) => Ok(Val::Large(*number)),
        _ => Err(type_error(format!("abs() of {}", value.type_name()))),
    }
}

/// Whether an element with this truth is there.
fn stop_at<'a>(eval: &Eval<'a, '_>, value: Val<'a>, wanted: bool) -> Result<bool, EvalError> {
    for item in Walk::new(value)? {
        eval.budget.steps(1)?;
        if item.truth() == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn collect<'a>(eval: &Eval<'a, '_>, value: Val<'a>) -> Result<Vec<Val<'a>>, EvalError> {
    let mut items = Vec::new();
    for item in Walk::new(value)? {
        eval.budget.steps(1)?;
        items.push(item);
    }
    Ok(items)
}

fn int<'a>(values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let base = values.get(1).or_else(|| values.named("base"));
    let number = match (values.get(0), base) {
        (None, _) => 0,
        (Some(value), None) => to_int(&value)?,
        (Some(Val::Str(text)), Some(base)) => int_of_text(
            &text,
            base.as_int()
                .ok_or_else(|| type_error("the base is an integer"))?,
        )?,
        (Some(_), Some(_)) => return Err(type_error("int() with a base takes a text")),
    };
    Ok(Val::Int(number))
}

fn length<'a>(value: &Val<'a>) -> Result<Val<'a>, EvalError> {
    let length = match value {
        Val::Str(text) => text.chars().count(),
        Val::List(items) | Val::Tuple(items) => items.len(),
        Val::Dict(members) => members.len(),
        other => return Err(type_error(format!("{} has no length", other.type_name()))),
    };
    Ok(Val::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn is_instance(value: &Val<'_>, kinds: &Val<'_>) -> Result<bool, EvalError> {
    match kinds {
        Val::Type(kind) => Ok(match kind {
            Type::Bool => matches!(value, Val::Bool(_)),
            Type::Dict => matches!(value, Val::Dict(_)),
            Type::Float => matches!(value, Val::Float(_)),
            // A boolean is an integer in Python.
            Type::Int => matches!(value, Val::Int(_) | Val::Large(_) | Val::Bool(_)),
            Type::List => matches!(value, Val::List(_)),
            Type::Str => matches!(value, Val::Str(_)),
            Type::Tuple => matches!(value, Val::Tuple(_)),
        }),
        Val::Tuple(kinds) => {
            for kind in kinds.iter() {
                if is_instance(value, &kind)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(type_error("isinstance() takes a type or a tuple of types")),
    }
}

fn extreme<'a>(eval: &Eval<'a, '_>, values: &Values<'a>, wanted: Ordering) -> Result<Val<'a>, EvalError> {
    let items = match (values.len(), values.get(0)) {
        (1, Some(value)) => collect(eval, value)?,
        _ => values.iter().collect(),
    };
    let mut items = items.into_iter();
    let Some(mut best) = items.next() else {
        return values
            .named("default")
            .ok_or_else(|| value_error("there is no element"));
    };
    for item in items {
        // The first of equal elements wins.
        if compare(&item, &best, &eval.budget)? == Some(wanted) {
            best = item;
        }
    }
    Ok(best)
}

fn sum<'a>(eval: &Eval<'a, '_>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let start = values
        .get(1)
        .or_else(|| values.named("start"))
        .unwrap_or(Val::Int(0));
    if matches!(start, Val::Str(_)) {
        return Err(type_error("sum() takes no text; use ''.join()"));
    }
    let mut total = start;
    for item in Walk::new(values.get(0).unwrap_or(Val::Null))? {
        eval.budget.steps(1)?;
        total = arith::binary(Operator::Add, &total, &item, &eval.budget)?;
    }
    Ok(total)
}

fn sorted<'a>(eval: &Eval<'a, '_>, value: Val<'a>, reverse: bool) -> Result<Val<'a>, EvalError> {
    let mut items = collect(eval, value)?;
    // Equal elements keep their order, also when the result is reversed.
    if reverse {
        items.reverse();
    }
    let mut items = merge_sort(eval, items)?;
    if reverse {
        items.reverse();
    }
    Ok(Val::from(items))
}

/// The sort of the standard library may panic where an order is not total; this one cannot.
fn merge_sort<'a>(eval: &Eval<'a, '_>, mut items: Vec<Val<'a>>) -> Result<Vec<Val<'a>>, EvalError> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let mut left = merge_sort(eval, items)?.into_iter().peekable();
    let mut right = merge_sort(eval, right)?.into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let take_right = compare(b, a, &eval.budget)? == Some(Ordering::Less);
        merged.extend(if take_right { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

fn loads<'a>(eval: &Eval<'a, '_>, value: &Val<'a>) -> Result<Val<'a>, EvalError> {
    let Val::Str(text) = value else {
        return Err(type_error(format!("json.loads() of {}", value.type_name())));
    };
    eval.budget.bytes(text.len())?;
    match payload::parse_json(text) {
        Ok(document) => Ok(Val::owned(document)),
        Err(payload::JsonError::TooLarge(number)) => {
            Err(overflow(format!("the number {number} is beyond 64 bits")))
        }
        Err(error) => Err(value_error(error.to_string())),
    }
    .and_then(|document| {
        if has_large(&document) {
            Err(overflow("an integer beyond 64 bits"))
        } else {
            Ok(document)
        }
    })
}

/// Whether an integer is beyond those that can be calculated with.
fn has_large(value: &Val<'_>) -> bool {
    match value {
        Val::Large(_) => true,
        Val::List(items) => items.iter().any(|item| has_large(&item)),
        Val::Dict(members) => members.iter().any(|(_, member)| has_large(&member)),
        _ => false,
    }
}

fn dumps<'a>(value: &Val<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let (comma, colon) = match values.named("separators") {
        None | Some(Val::Null) => (None, None),
        Some(Val::Tuple(pair) | Val::List(pair)) if pair.len() == 2 => (pair.get(0), pair.get(1)),
        Some(_) => return Err(type_error("separators is a pair of texts")),
    };
    let style = JsonStyle {
        comma: separator(comma.as_ref(), JsonStyle::PYTHON.comma)?,
        colon: separator(colon.as_ref(), JsonStyle::PYTHON.colon)?,
        sorted: values.named("sort_keys").is_some_and(|sorted| sorted.truth()),
        ascii: values.named("ensure_ascii").is_none_or(|ascii| ascii.truth()),
    };
    json(value, style).map(Val::from)
}

fn separator<'v>(value: Option<&'v Val<'_>>, default: &'v str) -> Result<&'v str, EvalError> {
    match value {
        None => Ok(default),
        Some(Val::Str(text)) => Ok(text),
        Some(_) => Err(type_error("a separator is a text")),
    }
}
