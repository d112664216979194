//! One value by one specification: Python's `format(value, spec)`.

use super::FormatError;
use super::number::{self, Parts};
use super::spec::{Align, Spec};
use crate::error::EvalError;
use crate::value::{Val, overflow, str_of, type_error, value_error};

/// Formats `value` by `spec`.
pub(crate) fn format_value(value: &Val<'_>, spec: &Spec) -> Result<String, EvalError> {
    if spec.is_empty() {
        return str_of(value);
    }
    match value {
        Val::Str(text) => format_text(text, spec),
        Val::Bool(truth) => format_int(i128::from(*truth), spec, "bool"),
        Val::Int(number) => format_int(i128::from(*number), spec, "int"),
        Val::Large(number) => format_int(i128::from(*number), spec, "int"),
        Val::Float(number) => format_float(*number, spec),
        other => Err(type_error(format!(
            "a value of type {} takes no format specification",
            other.type_name()
        ))),
    }
}

/// Formats `value` by the text of a specification.
pub(crate) fn format_by(value: &Val<'_>, spec: &str) -> Result<String, EvalError> {
    format_value(value, &Spec::parse(spec).map_err(FormatError::into_eval)?)
}

fn refuse(what: &str, kind: &str) -> EvalError {
    value_error(format!("{what} in the format of {kind}"))
}

fn format_text(text: &str, spec: &Spec) -> Result<String, EvalError> {
    const KIND: &str = "a text";
    if let Some(kind) = spec.kind.filter(|kind| *kind != 's') {
        return Err(refuse(&format!("type {kind:?}"), KIND));
    }
    if spec.sign.is_some() || spec.no_negative_zero || spec.alternate || spec.grouping.is_some() {
        return Err(refuse("a sign, 'z', '#', ',' or '_'", KIND));
    }
    if spec.align == Some(Align::AfterSign) {
        return Err(refuse("alignment '='", KIND));
    }
    let shown = match spec.precision {
        Some(most) => text
            .char_indices()
            .nth(most)
            .map_or(text, |(end, _)| &text[..end]),
        None => text,
    };
    let align = spec.align.unwrap_or(Align::Left);
    Ok(number::pad(
        shown,
        shown.chars().count(),
        spec.width,
        number::fill(spec),
        align,
    ))
}

fn format_int(number: i128, spec: &Spec, name: &str) -> Result<String, EvalError> {
    let kind = match spec.kind {
        #[expect(clippy::cast_precision_loss, reason = "Python converts to a float here, too")]
        Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => return format_float(number as f64, spec),
        None | Some('n') => 'd',
        Some('s') => return Err(refuse("type 's'", name)),
        Some(kind) => kind,
    };
    if spec.precision.is_some() || spec.no_negative_zero {
        return Err(refuse("a precision or 'z'", "an integer"));
    }
    if kind == 'c' {
        return format_char(number, spec);
    }
    let group = if kind == 'd' { 3 } else { 4 };
    Ok(number::integer(number, kind, spec.alternate).layout(spec, group))
}

fn format_char(number: i128, spec: &Spec) -> Result<String, EvalError> {
    if spec.sign.is_some() || spec.alternate {
        return Err(refuse("a sign or '#'", "a character"));
    }
    let code = u32::try_from(number).ok().filter(|code| *code < 0x11_0000);
    let code = code.ok_or_else(|| overflow(format!("there is no character {number}")))?;
    let char = char::from_u32(code).ok_or_else(|| value_error(format!("{number} is half a character")))?;
    Ok(Parts {
        digits: char.to_string(),
        ..Parts::default()
    }
    .layout(spec, 3))
}

fn format_float(number: f64, spec: &Spec) -> Result<String, EvalError> {
    let precision = spec.precision.unwrap_or(6);
    let alternate = spec.alternate;
    let mut parts = match spec.kind {
        None => match spec.precision {
            None => number::shortest(number, alternate),
            Some(precision) => number::general(number, precision, alternate, true),
        },
        Some('e' | 'E') => number::scientific(number, precision, alternate),
        Some('f' | 'F') => number::fixed(number, precision, alternate),
        Some('g' | 'G' | 'n') => number::general(number, precision, alternate, false),
        Some('%') => {
            let mut parts = number::fixed(number * 100.0, precision, alternate);
            parts.rest.push('%');
            parts
        }
        Some(kind) => return Err(refuse(&format!("type {kind:?}"), "a float")),
    };
    if matches!(spec.kind, Some('E' | 'F' | 'G')) {
        parts.rest = parts.rest.to_uppercase();
    }
    if spec.no_negative_zero && is_zero(&parts) {
        parts.negative = false;
    }
    Ok(parts.layout(spec, 3))
}

fn is_zero(parts: &Parts) -> bool {
    let decimals = parts.rest.split(['e', 'E']).next().unwrap_or("");
    !parts.digits.is_empty()
        && parts
            .digits
            .chars()
            .chain(decimals.chars())
            .all(|char| matches!(char, '0' | '.' | '%'))
}
