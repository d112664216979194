//! `json.loads` and `json.dumps`.

use crate::error::EvalError;
use crate::expr::eval::{Eval, Values};
use crate::payload;
use crate::value::{JsonStyle, Val, json, overflow, type_error, value_error};

pub(super) fn loads<'a>(eval: &Eval<'a, '_>, value: &Val<'a>) -> Result<Val<'a>, EvalError> {
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

pub(super) fn dumps<'a>(value: &Val<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
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
