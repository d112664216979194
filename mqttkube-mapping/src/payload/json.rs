//! JSON text to values, without rounding integers.
//!
//! `serde_json` reads an integer beyond 64 bits as a float. Such a number can only end up as a large float,
//! so the text is looked at again only when there is one.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::JsonError;

/// Floats from here on may be integers that were rounded.
const SUSPICIOUS: f64 = 9_223_372_036_854_776_000.0;

pub(super) fn parse(text: &str) -> Result<Value, JsonError> {
    let suspicious = Cell::new(false);
    let invalid = |error: serde_json::Error| JsonError::Invalid(error.to_string());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Document {
        suspicious: &suspicious,
    }
    .deserialize(&mut deserializer)
    .map_err(invalid)?;
    deserializer.end().map_err(invalid)?;
    match suspicious.get().then(|| large_integer(text)).flatten() {
        Some(number) => Err(JsonError::TooLarge(number.to_owned())),
        None => Ok(value),
    }
}

/// The first integer of a valid document that has more than 64 bits.
fn large_integer(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(start) = rest.find(|char: char| char == '"' || char == '-' || char.is_ascii_digit()) {
        rest = &rest[start..];
        if rest.starts_with('"') {
            rest = after_string(rest);
            continue;
        }
        let end = rest
            .find(|char: char| !"+-.eE0123456789".contains(char))
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let integer = !number.contains(['.', 'e', 'E']);
        if integer && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
            return Some(number);
        }
        rest = after;
    }
    None
}

/// What follows a string literal.
fn after_string(text: &str) -> &str {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

/// Any value, noting large floats.
#[derive(Clone, Copy)]
struct Document<'s> {
    suspicious: &'s Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        if number.abs() >= SUSPICIOUS {
            self.suspicious.set(true);
        }
        Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            members.insert(name, access.next_value_seed(self)?);
        }
        Ok(Value::Object(members))
    }
}
