//! One text in another: counted, found, at the beginning, at the end.

use std::ops::Range;

use super::{argument, count_of, optional_int};
use crate::error::EvalError;
use crate::expr::eval::Values;
use crate::value::{Text, Val, type_error};

/// Byte range of the part between the second and the third argument, in characters; none when it lies
/// beyond the text.
fn range(text: &str, values: &Values<'_>) -> Result<Option<Range<usize>>, EvalError> {
    let bounds = (optional_int(values, 1)?, optional_int(values, 2)?);
    if bounds == (None, None) {
        return Ok(Some(0..text.len()));
    }
    let length = text.chars().count();
    let place = |bound: i64| {
        let at = if bound < 0 {
            bound.saturating_add(count_of(length)).max(0)
        } else {
            bound
        };
        usize::try_from(at).unwrap_or(usize::MAX)
    };
    let (start, end) = (
        bounds.0.map_or(0, place),
        bounds.1.map_or(length, place).min(length),
    );
    if start > end {
        return Ok(None);
    }
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    Ok(Some(byte(start)..byte(end)))
}

pub(super) fn part<'t>(text: &'t str, values: &Values<'_>) -> Result<Option<&'t str>, EvalError> {
    Ok(range(text, values)?.map(|range| &text[range]))
}

pub(super) fn count(text: Option<&str>, wanted: &str) -> usize {
    match text {
        None => 0,
        Some(text) if wanted.is_empty() => text.chars().count() + 1,
        Some(text) => text.matches(wanted).count(),
    }
}

pub(super) fn find<'a>(text: &Text<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let wanted = argument(values, 0)?;
    let found = range(text, values)?.and_then(|range| Some(range.start + text[range].find(&*wanted)?));
    Ok(Val::Int(
        found.map_or(-1, |byte| count_of(text[..byte].chars().count())),
    ))
}

pub(super) fn affix(
    text: &Text<'_>,
    values: &Values<'_>,
    has: fn(&str, &str) -> bool,
) -> Result<bool, EvalError> {
    let part = part(text, values)?;
    let one = |wanted: Option<Val<'_>>| match wanted {
        Some(Val::Str(wanted)) => Ok(part.is_some_and(|part| has(part, &wanted))),
        _ => Err(type_error("a text or a tuple of texts is needed")),
    };
    let Some(Val::Tuple(wanted)) = values.get(0) else {
        return one(values.get(0));
    };
    for wanted in wanted.iter() {
        if one(Some(wanted))? {
            return Ok(true);
        }
    }
    Ok(false)
}
