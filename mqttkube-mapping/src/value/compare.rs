//! Equality and order, as Python has them.

use std::cmp::Ordering;

use super::{Items, MAX_DEPTH, Members, Val, overflow, type_error};
use crate::budget::Budget;
use crate::error::EvalError;

/// Python's `==`: numbers and booleans by value, lists and tuples apart.
pub(crate) fn equal<'a>(left: &Val<'a>, right: &Val<'a>, budget: &Budget) -> Result<bool, EvalError> {
    equal_at(left, right, budget, 0)
}

fn equal_at<'a>(left: &Val<'a>, right: &Val<'a>, budget: &Budget, depth: usize) -> Result<bool, EvalError> {
    if depth > MAX_DEPTH {
        return Err(overflow("the values are nested too deeply"));
    }
    Ok(match (left, right) {
        (Val::Null, Val::Null) => true,
        (Val::Str(left), Val::Str(right)) => {
            budget.bytes(left.len().min(right.len()))?;
            **left == **right
        }
        (Val::List(left), Val::List(right)) | (Val::Tuple(left), Val::Tuple(right)) => {
            left.len() == right.len() && equal_items(left, right, budget, depth)?
        }
        (Val::Dict(left), Val::Dict(right)) => {
            left.len() == right.len() && equal_members(left, right, budget, depth)?
        }
        (Val::Type(left), Val::Type(right)) => left == right,
        _ => number_cmp(left, right) == Some(Ordering::Equal),
    })
}

fn equal_items<'a>(
    left: &Items<'a>,
    right: &Items<'a>,
    budget: &Budget,
    depth: usize,
) -> Result<bool, EvalError> {
    for (left, right) in left.iter().zip(right.iter()) {
        budget.steps(1)?;
        if !equal_at(&left, &right, budget, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn equal_members<'a>(
    left: &Members<'a>,
    right: &Members<'a>,
    budget: &Budget,
    depth: usize,
) -> Result<bool, EvalError> {
    for (key, left) in left.iter() {
        budget.steps(1)?;
        match right.get(&key)? {
            Some(right) if equal_at(&left, &right, budget, depth + 1)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Python's order: numbers, texts by code point, lists and tuples by their first difference. Nothing else
/// has one. `None` for NaN.
pub(crate) fn compare<'a>(
    left: &Val<'a>,
    right: &Val<'a>,
    budget: &Budget,
) -> Result<Option<Ordering>, EvalError> {
    compare_at(left, right, budget, 0)
}

fn compare_at<'a>(
    left: &Val<'a>,
    right: &Val<'a>,
    budget: &Budget,
    depth: usize,
) -> Result<Option<Ordering>, EvalError> {
    if depth > MAX_DEPTH {
        return Err(overflow("the values are nested too deeply"));
    }
    match (left, right) {
        (Val::Str(left), Val::Str(right)) => {
            budget.bytes(left.len().min(right.len()))?;
            // The order of UTF-8 bytes is the order of code points.
            Ok(Some((**left).cmp(&**right)))
        }
        (Val::List(left), Val::List(right)) | (Val::Tuple(left), Val::Tuple(right)) => {
            for (left, right) in left.iter().zip(right.iter()) {
                budget.steps(1)?;
                if !equal_at(&left, &right, budget, depth + 1)? {
                    return compare_at(&left, &right, budget, depth + 1);
                }
            }
            Ok(Some(left.len().cmp(&right.len())))
        }
        _ if is_number(left) && is_number(right) => Ok(number_cmp(left, right)),
        _ => Err(type_error(format!(
            "cannot order {} and {}",
            left.type_name(),
            right.type_name()
        ))),
    }
}

fn is_number(value: &Val<'_>) -> bool {
    matches!(value, Val::Bool(_) | Val::Int(_) | Val::Large(_) | Val::Float(_))
}

fn number_cmp(left: &Val<'_>, right: &Val<'_>) -> Option<Ordering> {
    match (whole(left), whole(right), left, right) {
        (Some(left), Some(right), ..) => Some(left.cmp(&right)),
        (None, Some(right), Val::Float(left), _) => float_cmp_int(*left, right),
        (Some(left), None, _, Val::Float(right)) => float_cmp_int(*right, left).map(Ordering::reverse),
        (None, None, Val::Float(left), Val::Float(right)) => left.partial_cmp(right),
        _ => None,
    }
}

fn whole(value: &Val<'_>) -> Option<i128> {
    match value {
        Val::Large(number) => Some(i128::from(*number)),
        other => other.as_int().map(i128::from),
    }
}

/// Compares exactly: an integer is not rounded to a float.
pub(crate) fn float_cmp_int(float: f64, int: i128) -> Option<Ordering> {
    // All integers here lie within 2^64; a float beyond that decides by its sign.
    const LIMIT: f64 = 1.0e20;
    if float.is_nan() {
        return None;
    }
    if float >= LIMIT {
        return Some(Ordering::Greater);
    }
    if float <= -LIMIT {
        return Some(Ordering::Less);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    let floor = float.floor() as i128;
    Some(floor.cmp(&int).then(if float > float.floor() {
        Ordering::Greater
    } else {
        Ordering::Equal
    }))
}
