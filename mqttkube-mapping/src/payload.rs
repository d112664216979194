//! Between payload bytes and values: reading text and JSON, casting, and what a publish carries.

use serde_json::Value;
use thiserror::Error;

use crate::value;

mod json;

/// How a value becomes the payload of a publish.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// Text as it is, numbers as Python prints them, `true` and `false`, nothing for null, compact JSON
    /// with sorted keys for the rest.
    #[default]
    Text,
    /// Always one JSON document.
    Json,
}

/// The type that a mapped value is cast to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CastType {
    /// The value as mapped.
    #[default]
    Auto,
    /// Text.
    String,
    /// An integer of 64 bits.
    Int,
    /// A number.
    Float,
    /// `true` or `false`.
    Bool,
    /// The document that the text holds.
    Json,
}

/// A value that does not have the wanted type. It concerns one input; another may work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{value} is no {wanted}")]
pub struct CastError {
    /// The value as compact JSON, shortened.
    pub value: String,
    /// What was wanted.
    pub wanted: &'static str,
}

/// The payload as text, or nothing when it is not UTF-8. A byte order mark is part of the text.
pub fn text(payload: &[u8]) -> Option<&str> {
    std::str::from_utf8(payload).ok()
}

/// The payload of a publish.
///
/// ```
/// use mqttkube_mapping::{Encoding, publish_bytes};
/// use serde_json::json;
///
/// assert_eq!(publish_bytes(&json!("ON"), Encoding::Text), b"ON");
/// assert_eq!(publish_bytes(&json!(null), Encoding::Text), b"");
/// assert_eq!(publish_bytes(&json!({"b": 1.0, "a": true}), Encoding::Text), br#"{"a":true,"b":1.0}"#);
/// assert_eq!(publish_bytes(&json!("ON"), Encoding::Json), br#""ON""#);
/// ```
pub fn publish_bytes(value: &Value, encoding: Encoding) -> Vec<u8> {
    match (encoding, value) {
        (Encoding::Text, Value::String(text)) => text.clone().into_bytes(),
        (Encoding::Text, Value::Null) => Vec::new(),
        _ => value::compact_json(value).into_bytes(),
    }
}

/// Casts a mapped value.
///
/// Text is trimmed before it is read as a number or a boolean; a float becomes an integer only when it is
/// one. `Json` leaves everything but text as it is.
pub fn cast(value: &Value, wanted: CastType) -> Result<Value, CastError> {
    let fail = |wanted| CastError {
        value: shortened(value),
        wanted,
    };
    match wanted {
        CastType::Auto => Ok(value.clone()),
        CastType::String => Ok(Value::String(match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => value::compact_json(other),
        })),
        CastType::Int => int(value).map(Value::from).ok_or_else(|| fail("integer")),
        CastType::Float => float(value).map(Value::from).ok_or_else(|| fail("number")),
        CastType::Bool => truth(value).map(Value::from).ok_or_else(|| fail("boolean")),
        CastType::Json => match value {
            Value::String(text) => parse_json(text).map_err(|_| fail("JSON document")),
            other => Ok(other.clone()),
        },
    }
}

impl CastType {
    /// The type by its name in a configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "string" => Some(Self::String),
            "int" => Some(Self::Int),
            "float" => Some(Self::Float),
            "bool" => Some(Self::Bool),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// All names that a configuration may use.
    pub const NAMES: &[&str] = &["auto", "string", "int", "float", "bool", "json"];
}

/// Parses JSON text. Numbers are exact or refused: an integer beyond 64 bits, and a number that is not
/// finite, are errors. At most 128 levels deep; of members with the same name the last one counts.
pub fn parse_json(text: &str) -> Result<Value, JsonError> {
    json::parse(text)
}

/// Why a text is not used as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON, too deep, or a number that is not finite.
    #[error("{0}")]
    Invalid(String),
    /// An integer beyond 64 bits.
    #[error("the number {0} is beyond 64 bits")]
    TooLarge(String),
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| value::integral(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => match number.as_f64() {
            Some(1.0) => Some(true),
            Some(0.0) => Some(false),
            _ => None,
        },
        Value::String(text) => named_truth(text.trim()),
        _ => None,
    }
}

fn named_truth(text: &str) -> Option<bool> {
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    if is(&["true", "1", "on", "yes"]) {
        Some(true)
    } else if is(&["false", "0", "off", "no"]) {
        Some(false)
    } else {
        None
    }
}

fn shortened(value: &Value) -> String {
    const CHARS: usize = 60;
    let text = value::compact_json(value);
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
