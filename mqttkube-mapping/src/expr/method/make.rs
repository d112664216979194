//! New texts: replaced, joined, filled, formatted, with their size known before.

use super::{argument, optional_int};
use crate::error::EvalError;
use crate::expr::arith::check_length;
use crate::expr::eval::{Eval, Values};
use crate::expr::walk::Walk;
use crate::format::{Arguments, BareStyle, Format, FormatError, Name};
use crate::value::{Text, Val, type_error};

pub(super) fn replace<'a>(text: &Text<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let (old, new) = (argument(values, 0)?, argument(values, 1)?);
    let most = optional_int(values, 2)?.and_then(|most| usize::try_from(most).ok());
    let most = most.unwrap_or(usize::MAX);
    let hits = text.matches(&*old).take(most).count();
    // The size is known before anything is made.
    let kept = text.len() - hits * old.len();
    check_length(hits.saturating_mul(new.len()).saturating_add(kept))?;
    Ok(Val::from(text.replacen(&*old, &new, most)))
}

pub(super) fn join<'a>(
    eval: &Eval<'a, '_>,
    text: &Text<'a>,
    values: &Values<'a>,
) -> Result<Val<'a>, EvalError> {
    let mut joined = String::new();
    for (index, item) in Walk::new(values.get(0).unwrap_or(Val::Null))?.enumerate() {
        eval.budget.steps(1)?;
        let Val::Str(item) = item else {
            return Err(type_error(format!(
                "only texts can be joined, not {}",
                item.type_name()
            )));
        };
        if index > 0 {
            joined.push_str(text);
        }
        joined.push_str(&item);
        check_length(joined.len())?;
    }
    Ok(Val::from(joined))
}

pub(super) fn zero_fill<'a>(text: &Text<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let width = optional_int(values, 0)?.ok_or_else(|| type_error("an integer is needed"))?;
    let width = usize::try_from(width).unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    check_length(text.len().saturating_add(missing))?;
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
    Ok(Val::from(format!("{sign}{}{digits}", "0".repeat(missing))))
}

pub(super) fn format_text<'a>(text: &Text<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let format = Format::parse(text).map_err(FormatError::into_eval)?;
    format.render_with(values, BareStyle::Python).map(Val::from)
}

impl<'a> Arguments<'a> for Values<'a> {
    fn argument(&self, name: &Name) -> Option<Val<'a>> {
        match name {
            Name::Auto(index) | Name::Number(index) => self.get(*index),
            Name::Text(name) => self.named(name),
        }
    }
}
