//! The builtin functions.

mod elements;
mod json;
mod unknown;

use std::cmp::Ordering;

use self::elements::{collect, extreme, length, sorted, stop_at, sum};
use self::json::{dumps, loads};
use super::eval::{Eval, Values};
use super::number::{int_of_text, to_float, to_int};
use super::round;
use crate::error::EvalError;
use crate::value::{Text, Type, Val, overflow, repr, str_of, type_error};

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
