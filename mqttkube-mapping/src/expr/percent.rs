//! Python's `template % values`.

use super::arith::check_length;
use super::number::{to_float, to_int};
use crate::budget::Budget;
use crate::error::EvalError;
use crate::format::{Align, MAX_PRECISION, MAX_WIDTH, Parts, Spec, fixed, general, integer, pad, scientific};
use crate::value::{Items, Members, Text, Val, ascii, overflow, repr, str_of, type_error, value_error};

/// Fills a template.
pub(super) fn format<'a>(template: &str, values: &Val<'a>, budget: &Budget) -> Result<Val<'a>, EvalError> {
    budget.bytes(template.len())?;
    let mut source = Source::new(values);
    let mut text = String::new();
    let mut chars = template.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '%' {
            budget.steps(1)?;
            text.push_str(&field(&mut chars, &mut source)?);
        } else {
            text.push(char);
        }
        check_length(text.len())?;
    }
    if source.is_used_up() {
        Ok(Val::from(text))
    } else {
        Err(type_error("more values than fields"))
    }
}

type Chars<'c> = std::iter::Peekable<std::str::Chars<'c>>;

/// Where fields take their values from.
enum Source<'a> {
    Tuple(Items<'a>, usize),
    /// One value, and whether it was used.
    One(Val<'a>, bool),
}

impl<'a> Source<'a> {
    fn new(values: &Val<'a>) -> Self {
        match values {
            Val::Tuple(items) => Self::Tuple(items.clone(), 0),
            other => Self::One(other.clone(), false),
        }
    }

    fn next(&mut self) -> Result<Val<'a>, EvalError> {
        let value = match self {
            Self::Tuple(items, at) => {
                *at += 1;
                items.get(*at - 1)
            }
            Self::One(_, true) => None,
            Self::One(value, used) => {
                *used = true;
                Some(value.clone())
            }
        };
        value.ok_or_else(|| type_error("fewer values than fields"))
    }

    fn member(&mut self, name: &str) -> Result<Val<'a>, EvalError> {
        let Self::One(Val::Dict(members), used) = self else {
            return Err(type_error("a named field needs a dict"));
        };
        *used = true;
        Members::get_str(members, name).ok_or_else(|| {
            EvalError::new(
                crate::error::EvalErrorKind::Key,
                format!("there is no member {name:?}"),
            )
        })
    }

    /// Dicts and lists may be left over: a dict has more members than fields, and Python lets lists pass.
    fn is_used_up(&self) -> bool {
        match self {
            Self::Tuple(items, at) => *at >= items.len(),
            Self::One(value, used) => *used || matches!(value, Val::Dict(_) | Val::List(_)),
        }
    }
}

/// One field; its percent sign is read.
fn field<'a>(chars: &mut Chars<'_>, source: &mut Source<'a>) -> Result<String, EvalError> {
    let mut name = None;
    if chars.next_if_eq(&'(').is_some() {
        name = Some(field_name(chars)?);
    }
    let mut spec = Spec::default();
    let mut left = false;
    while let Some(flag) = chars.next_if(|char| "#0- +".contains(*char)) {
        match flag {
            '#' => spec.alternate = true,
            '0' => spec.zero = true,
            '-' => left = true,
            '+' => spec.sign = Some('+'),
            _ => spec.sign = spec.sign.or(Some(' ')),
        }
    }
    let (width, negative) = size(chars, source)?.unwrap_or((0, false));
    spec.width = width;
    left |= negative;
    if width > MAX_WIDTH {
        return Err(overflow(format!("a width of more than {MAX_WIDTH}")));
    }
    if chars.next_if_eq(&'.').is_some() {
        let (precision, negative) = size(chars, source)?.unwrap_or((0, false));
        if precision > MAX_PRECISION {
            return Err(overflow(format!("a precision of more than {MAX_PRECISION}")));
        }
        spec.precision = Some(if negative { 0 } else { precision });
    }
    // A length as in C has no meaning.
    chars.next_if(|char| matches!(char, 'h' | 'l' | 'L'));
    let kind = chars
        .next()
        .ok_or_else(|| value_error("the template ends inside a field"))?;
    if kind == '%' && name.is_none() && !left && spec.is_empty() {
        return Ok("%".to_owned());
    }
    spec.align = left.then_some(Align::Left);
    spec.zero = spec.zero && !left;
    let value = match name {
        Some(name) => source.member(&name)?,
        None => source.next()?,
    };
    convert(&value, kind, &spec)
}

fn field_name(chars: &mut Chars<'_>) -> Result<String, EvalError> {
    let mut name = String::new();
    let mut open = 1;
    for char in chars.by_ref() {
        match char {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Ok(name);
        }
        name.push(char);
    }
    Err(value_error("the name of a field is not closed"))
}

/// A width or precision: digits, or `*` for the next value. With whether it was negative.
fn size(chars: &mut Chars<'_>, source: &mut Source<'_>) -> Result<Option<(usize, bool)>, EvalError> {
    if chars.next_if_eq(&'*').is_some() {
        let value = source
            .next()?
            .as_int()
            .ok_or_else(|| type_error("'*' needs an integer"))?;
        let absolute = usize::try_from(value.unsigned_abs()).unwrap_or(usize::MAX);
        return Ok(Some((absolute, value < 0)));
    }
    let mut number = None;
    while let Some(digit) = chars.peek().and_then(|char| char.to_digit(10)) {
        chars.next();
        number = Some(
            number
                .unwrap_or(0_usize)
                .saturating_mul(10)
                .saturating_add(digit as usize),
        );
    }
    Ok(number.map(|number| (number, false)))
}

fn convert(value: &Val<'_>, kind: char, spec: &Spec) -> Result<String, EvalError> {
    match kind {
        's' => text(&str_of(value)?, spec),
        'r' => text(&repr(value)?, spec),
        'a' => text(&ascii(value)?, spec),
        'c' => text(
            &character(value)?,
            &Spec {
                precision: None,
                ..spec.clone()
            },
        ),
        'd' | 'i' | 'u' => {
            let number = match value {
                Val::Float(_) => to_int(value)?,
                other => other.as_int().ok_or_else(|| not_a_number(kind, other))?,
            };
            Ok(digits(integer(i128::from(number), 'd', false), spec))
        }
        'o' | 'x' | 'X' => {
            let number = value.as_int().ok_or_else(|| not_a_number(kind, value))?;
            Ok(digits(integer(i128::from(number), kind, spec.alternate), spec))
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            if matches!(value, Val::Str(_)) {
                return Err(not_a_number(kind, value));
            }
            Ok(float(to_float(value)?, kind, spec))
        }
        other => Err(value_error(format!("there is no field of type {other:?}"))),
    }
}

fn not_a_number(kind: char, value: &Val<'_>) -> EvalError {
    type_error(format!("%{kind} needs a number, not {}", value.type_name()))
}

/// A precision of an integer is its least number of digits.
fn digits(mut parts: Parts, spec: &Spec) -> String {
    let missing = spec.precision.unwrap_or(0).saturating_sub(parts.digits.len());
    parts.digits.insert_str(0, &"0".repeat(missing));
    parts.layout(spec, 3)
}

fn float(number: f64, kind: char, spec: &Spec) -> String {
    let precision = spec.precision.unwrap_or(6);
    let mut parts = match kind.to_ascii_lowercase() {
        'e' => scientific(number, precision, spec.alternate),
        'f' => fixed(number, precision, spec.alternate),
        _ => general(number, precision, spec.alternate, false),
    };
    if kind.is_ascii_uppercase() {
        parts.rest = parts.rest.to_uppercase();
    }
    parts.layout(spec, 3)
}

fn text(text: &str, spec: &Spec) -> Result<String, EvalError> {
    let most = spec.precision.unwrap_or(usize::MAX);
    let shown = text
        .char_indices()
        .nth(most)
        .map_or(text, |(end, _)| &text[..end]);
    let align = spec.align.unwrap_or(Align::Right);
    Ok(pad(shown, shown.chars().count(), spec.width, ' ', align))
}

fn character(value: &Val<'_>) -> Result<String, EvalError> {
    if let Val::Str(text) = value {
        return one_character(text);
    }
    let code = value
        .as_int()
        .ok_or_else(|| type_error("%c needs one character or its number"))?;
    let char = u32::try_from(code).ok().and_then(char::from_u32);
    char.map(String::from)
        .ok_or_else(|| overflow(format!("there is no character {code}")))
}

fn one_character(text: &Text<'_>) -> Result<String, EvalError> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(char), None) => Ok(char.into()),
        _ => Err(type_error("%c needs exactly one character")),
    }
}
