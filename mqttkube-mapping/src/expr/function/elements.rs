//! Functions over the elements of a value.

use std::cmp::Ordering;

use crate::error::EvalError;
use crate::expr::arith;
use crate::expr::ast::Operator;
use crate::expr::eval::{Eval, Values};
use crate::expr::walk::Walk;
use crate::value::{Val, compare, type_error, value_error};

/// Whether an element with this truth is there.
pub(super) fn stop_at<'a>(eval: &Eval<'a, '_>, value: Val<'a>, wanted: bool) -> Result<bool, EvalError> {
    for item in Walk::new(value)? {
        eval.budget.steps(1)?;
        if item.truth() == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn collect<'a>(eval: &Eval<'a, '_>, value: Val<'a>) -> Result<Vec<Val<'a>>, EvalError> {
    let mut items = Vec::new();
    for item in Walk::new(value)? {
        eval.budget.steps(1)?;
        items.push(item);
    }
    Ok(items)
}

pub(super) fn length<'a>(value: &Val<'a>) -> Result<Val<'a>, EvalError> {
    let length = match value {
        Val::Str(text) => text.chars().count(),
        Val::List(items) | Val::Tuple(items) => items.len(),
        Val::Dict(members) => members.len(),
        other => return Err(type_error(format!("{} has no length", other.type_name()))),
    };
    Ok(Val::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

pub(super) fn extreme<'a>(
    eval: &Eval<'a, '_>,
    values: &Values<'a>,
    wanted: Ordering,
) -> Result<Val<'a>, EvalError> {
    let items = match (values.len(), values.get(0)) {
        (1, Some(value)) => collect(eval, value)?,
        _ => values.iter().collect(),
    };
    let mut items = items.into_iter();
    let Some(mut best) = items.next() else {
        return values
            .named("default")
            .ok_or_else(|| value_error("there is no element"));
    };
    for item in items {
        // The first of equal elements wins.
        if compare(&item, &best, &eval.budget)? == Some(wanted) {
            best = item;
        }
    }
    Ok(best)
}

pub(super) fn sum<'a>(eval: &Eval<'a, '_>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let start = values
        .get(1)
        .or_else(|| values.named("start"))
        .unwrap_or(Val::Int(0));
    if matches!(start, Val::Str(_)) {
        return Err(type_error("sum() takes no text; use ''.join()"));
    }
    let mut total = start;
    for item in Walk::new(values.get(0).unwrap_or(Val::Null))? {
        eval.budget.steps(1)?;
        total = arith::binary(Operator::Add, &total, &item, &eval.budget)?;
    }
    Ok(total)
}

pub(super) fn sorted<'a>(eval: &Eval<'a, '_>, value: Val<'a>, reverse: bool) -> Result<Val<'a>, EvalError> {
    let mut items = collect(eval, value)?;
    // Equal elements keep their order, also when the result is reversed.
    if reverse {
        items.reverse();
    }
    let mut items = merge_sort(eval, items)?;
    if reverse {
        items.reverse();
    }
    Ok(Val::from(items))
}

/// The sort of the standard library may panic where an order is not total; this one cannot.
fn merge_sort<'a>(eval: &Eval<'a, '_>, mut items: Vec<Val<'a>>) -> Result<Vec<Val<'a>>, EvalError> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let mut left = merge_sort(eval, items)?.into_iter().peekable();
    let mut right = merge_sort(eval, right)?.into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let take_right = compare(b, a, &eval.budget)? == Some(Ordering::Less);
        merged.extend(if take_right { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
