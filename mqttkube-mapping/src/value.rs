//! Values as Python sees them: integers and floats are apart, texts are sequences of characters, and the
//! members of a dict keep their order.
//!
//! A [`Val`] borrows what it can from the input, so that looking into a large document copies nothing.

mod compare;
mod dict;
mod text;

use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use serde_json::Value;

use crate::error::{EvalError, EvalErrorKind};

pub(crate) use compare::{compare, equal};
pub(crate) use dict::Dict;
pub(crate) use text::{JsonStyle, ascii, compact_json, float_repr, is_space, json, repr, str_of};

/// The longest text that a mapping may make, in bytes of UTF-8.
pub(crate) const MAX_TEXT: usize = 64 * 1024;

/// How deep values may be nested before looking at them is refused. JSON text is limited to 128 levels.
pub(crate) const MAX_DEPTH: usize = 256;

/// A value while an expression or a format is evaluated.
#[derive(Debug, Clone)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer beyond `i64` that came in as data: it can be looked at, but not be calculated with.
    Large(u64),
    Float(f64),
    Str(Text<'a>),
    List(Items<'a>),
    Tuple(Items<'a>),
    Dict(Members<'a>),
    Type(Type),
}

/// A text, borrowed from the input or the source, or made on the way.
#[derive(Debug, Clone)]
pub(crate) enum Text<'a> {
    Ref(&'a str),
    Own(Rc<str>),
}

/// The elements of a list or tuple.
#[derive(Debug, Clone)]
pub(crate) enum Items<'a> {
    Ref(&'a [Value]),
    Own(Rc<[Val<'a>]>),
}

/// The members of a dict.
#[derive(Debug, Clone)]
pub(crate) enum Members<'a> {
    Ref(&'a serde_json::Map<String, Value>),
    Own(Rc<Dict<'a>>),
}

/// A type, as a name that an expression may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Dict,
    Float,
    Int,
    List,
    Str,
    Tuple,
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Ref(text) => text,
            Self::Own(text) => text,
        }
    }
}

impl<'a> Text<'a> {
    /// A part of this text, borrowed when the whole is.
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::Ref(text) => Self::Ref(&text[range]),
            Self::Own(text) => Self::Own(text[range].into()),
        }
    }
}

impl<'a> Items<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ref(items) => items.len(),
            Self::Own(items) => items.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Val<'a>> {
        match self {
            Self::Ref(items) => items.get(index).map(Val::from),
            Self::Own(items) => items.get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Val<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<'a> Members<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ref(members) => members.len(),
            Self::Own(members) => members.len(),
        }
    }

    pub(crate) fn get(&self, key: &Val<'a>) -> Result<Option<Val<'a>>, EvalError> {
        match (self, key) {
            (Self::Ref(members), Val::Str(key)) => Ok(members.get(&**key).map(Val::from)),
            (Self::Ref(_), key) => dict::Key::new(key).map(|_| None),
            (Self::Own(members), key) => Ok(members.get(&dict::Key::new(key)?).cloned()),
        }
    }

    /// The member of a JSON object; keys that are no text are not found.
    pub(crate) fn get_str(&self, name: &str) -> Option<Val<'a>> {
        match self {
            Self::Ref(members) => members.get(name).map(Val::from),
            Self::Own(members) => members.get(&dict::Key::text(name)).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = (Val<'a>, Val<'a>)> + '_> {
        match self {
            Self::Ref(members) => {
                let members: &'a serde_json::Map<_, _> = members;
                Box::new(
                    members
                        .iter()
                        .map(|(key, value)| (Val::Str(Text::Ref(key)), Val::from(value))),
                )
            }
            Self::Own(members) => Box::new(members.iter().cloned()),
        }
    }
}

impl<'a> From<&'a Value> for Val<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => Self::number(number),
            Value::String(text) => Self::Str(Text::Ref(text)),
            Value::Array(items) => Self::List(Items::Ref(items)),
            Value::Object(members) => Self::Dict(Members::Ref(members)),
        }
    }
}

impl<'a> From<String> for Val<'a> {
    fn from(text: String) -> Self {
        Val::Str(Text::Own(text.into()))
    }
}

impl<'a> From<Vec<Self>> for Val<'a> {
    fn from(items: Vec<Self>) -> Self {
        Val::List(Items::Own(items.into()))
    }
}

impl<'a> Val<'a> {
    /// A value that borrows nothing.
    pub(crate) fn owned(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(truth),
            Value::Number(number) => Self::number(&number),
            Value::String(text) => Self::from(text),
            Value::Array(items) => Self::from(items.into_iter().map(Self::owned).collect::<Vec<_>>()),
            Value::Object(members) => {
                let members = members.into_iter().map(|(key, value)| (key, Self::owned(value)));
                Self::Dict(Members::Own(Rc::new(Dict::from_texts(members))))
            }
        }
    }

    fn number(number: &serde_json::Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Self::Int(integer),
            (None, Some(large)) => Self::Large(large),
            (None, None) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
        }
    }

    /// What Python's `bool()` says.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(items) | Self::Tuple(items) => items.len() > 0,
            Self::Dict(members) => members.len() > 0,
            Self::Large(_) | Self::Type(_) => true,
        }
    }

    /// The name of the type, as Python's messages have it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Large(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Type(_) => "type",
        }
    }

    /// The integer behind a boolean or an integer: in Python a boolean is one.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(truth) => Some(i64::from(*truth)),
            _ => None,
        }
    }

    /// The value as JSON. Tuples become arrays; keys become text as `json.dumps` writes them.
    pub(crate) fn to_json(&self) -> Result<Value, EvalError> {
        self.to_json_at(0)
    }

    fn to_json_at(&self, depth: usize) -> Result<Value, EvalError> {
        if depth > MAX_DEPTH {
            return Err(overflow("the value is nested too deeply"));
        }
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(number) => Value::from(*number),
            Self::Large(number) => Value::from(*number),
            Self::Float(number) => serde_json::Number::from_f64(*number)
                .map(Value::Number)
                .ok_or_else(|| value_error("the result is not a finite number"))?,
            Self::Str(text) => Value::from(&**text),
            Self::List(Items::Ref(items)) => Value::Array(items.to_vec()),
            Self::Dict(Members::Ref(members)) => Value::Object((*members).clone()),
            Self::List(items) | Self::Tuple(items) => Value::Array(
                items
                    .iter()
                    .map(|item| item.to_json_at(depth + 1))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Dict(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| Ok((key_text(&key)?, value.to_json_at(depth + 1)?)));
                Value::Object(members.collect::<Result<_, EvalError>>()?)
            }
            Self::Type(_) => return Err(type_error("a type is not a JSON value")),
        })
    }
}

/// The name of a member in JSON, for a key of any type that JSON can name.
fn key_text(key: &Val<'_>) -> Result<String, EvalError> {
    match key {
        Val::Str(text) => Ok((**text).to_owned()),
        Val::Null => Ok("null".to_owned()),
        Val::Bool(truth) => Ok(truth.to_string()),
        Val::Int(_) | Val::Float(_) | Val::Large(_) => Ok(str_of(key)?),
        _ => Err(type_error(format!(
            "a {} cannot be a key in JSON",
            key.type_name()
        ))),
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Dict => "dict",
            Self::Float => "float",
            Self::Int => "int",
            Self::List => "list",
            Self::Str => "str",
            Self::Tuple => "tuple",
        })
    }
}

/// The integer that `number` is, when it is one and fits.
pub(crate) fn integral(number: f64) -> Option<i64> {
    // 2^63 is exact as a float, the largest i64 is not.
    const LIMIT: f64 = 9_223_372_036_854_776_000.0;
    let fits = number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number);
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    fits.then_some(number as i64)
}

pub(crate) fn type_error(message: impl Into<String>) -> EvalError {
    EvalError::new(EvalErrorKind::Type, message)
}

pub(crate) fn value_error(message: impl Into<String>) -> EvalError {
    EvalError::new(EvalErrorKind::Value, message)
}

pub(crate) fn overflow(message: impl Into<String>) -> EvalError {
    EvalError::new(EvalErrorKind::Overflow, message)
}
