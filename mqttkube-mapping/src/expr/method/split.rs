//! Parts of a text: stripped and split.

use std::ops::Range;

use super::argument;
use crate::error::EvalError;
use crate::expr::eval::{Eval, Values};
use crate::value::{Text, Val, is_space, type_error, value_error};

pub(super) fn strip<'a>(
    text: &Text<'a>,
    values: &Values<'a>,
    left: bool,
    right: bool,
) -> Result<Val<'a>, EvalError> {
    let chars = match values.get(0) {
        None | Some(Val::Null) => None,
        Some(_) => Some(argument(values, 0)?),
    };
    let stripped = |char: char| {
        chars
            .as_ref()
            .map_or_else(|| is_space(char), |chars| chars.contains(char))
    };
    let start = if left {
        text.find(|char| !stripped(char)).unwrap_or(text.len())
    } else {
        0
    };
    let end = if right {
        start + text[start..].trim_end_matches(stripped).len()
    } else {
        text.len()
    };
    Ok(Val::Str(text.part(start..end)))
}

pub(super) fn split<'a>(
    eval: &Eval<'a, '_>,
    text: &Text<'a>,
    values: &Values<'a>,
) -> Result<Val<'a>, EvalError> {
    let separator = values.get(0).or_else(|| values.named("sep")).unwrap_or(Val::Null);
    let most = values.get(1).or_else(|| values.named("maxsplit"));
    let most = most.map_or(Ok(-1), |most| eval.index(&most))?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let ranges = match separator {
        Val::Null => words(text, most),
        Val::Str(separator) if separator.is_empty() => return Err(value_error("the separator is empty")),
        Val::Str(separator) => fields(text, &separator, most),
        _ => return Err(type_error("the separator is a text")),
    };
    eval.budget.steps(ranges.len())?;
    Ok(ranges
        .into_iter()
        .map(|range| Val::Str(text.part(range)))
        .collect::<Vec<_>>()
        .into())
}

fn fields(text: &str, separator: &str, most: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(separator).take(most) {
        ranges.push(start..at);
        start = at + separator.len();
    }
    ranges.push(start..text.len());
    ranges
}

/// Words between blanks; what is left after `most` splits keeps its blanks inside and loses those before.
fn words(text: &str, most: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find(|char| !is_space(char)) {
        let start = at + offset;
        if ranges.len() == most {
            ranges.push(start..start + text[start..].trim_end_matches(is_space).len());
            break;
        }
        at = start + text[start..].find(is_space).unwrap_or(text.len() - start);
        ranges.push(start..at);
    }
    ranges
}
