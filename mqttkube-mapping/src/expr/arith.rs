//! Operators on numbers, texts and lists.

use super::ast::{Operator, Sign};
use super::percent;
use super::zero_division;
use crate::budget::Budget;
use crate::error::EvalError;
use crate::value::{Items, MAX_TEXT, Val, overflow, type_error, value_error};

/// Two numbers, promoted as Python does.
enum Pair {
    Ints(i64, i64),
    Floats(f64, f64),
}

fn pair(left: &Val<'_>, right: &Val<'_>) -> Result<Option<Pair>, EvalError> {
    if matches!(left, Val::Large(_)) || matches!(right, Val::Large(_)) {
        return Err(too_large());
    }
    Ok(match (left.as_int(), right.as_int(), left, right) {
        (Some(left), Some(right), ..) => Some(Pair::Ints(left, right)),
        (None, Some(right), Val::Float(left), _) => Some(Pair::Floats(*left, float(right))),
        (Some(left), None, _, Val::Float(right)) => Some(Pair::Floats(float(left), *right)),
        (None, None, Val::Float(left), Val::Float(right)) => Some(Pair::Floats(*left, *right)),
        _ => None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "Python rounds here, too")]
fn float(number: i64) -> f64 {
    number as f64
}

fn too_large() -> EvalError {
    overflow("an integer beyond 64 bits")
}

/// Applies a binary operator.
pub(super) fn binary<'a>(
    operator: Operator,
    left: &Val<'a>,
    right: &Val<'a>,
    budget: &Budget,
) -> Result<Val<'a>, EvalError> {
    if let (Operator::Mod, Val::Str(template)) = (operator, left) {
        return percent::format(template, right, budget);
    }
    match pair(left, right)? {
        Some(Pair::Ints(a, b)) => match (operator, left, right) {
            (Operator::BitAnd | Operator::BitOr | Operator::BitXor, Val::Bool(_), Val::Bool(_)) => {
                Ok(Val::Bool(ints(operator, a, b)?.truth()))
            }
            _ => ints(operator, a, b),
        },
        Some(Pair::Floats(left, right)) => floats(operator, left, right),
        None => match operator {
            Operator::Add => concat(left, right, budget),
            Operator::Mul => repeat(left, right, budget),
            _ => Err(unusable(operator, left, right)),
        },
    }
}

fn unusable(operator: Operator, left: &Val<'_>, right: &Val<'_>) -> EvalError {
    type_error(format!(
        "{operator:?} of {} and {}",
        left.type_name(),
        right.type_name()
    ))
}

fn ints<'a>(operator: Operator, left: i64, right: i64) -> Result<Val<'a>, EvalError> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Sub => left.checked_sub(right),
        Operator::Mul => left.checked_mul(right),
        Operator::Div => return int_division(left, right).map(Val::Float),
        Operator::FloorDiv => int_floor_div(left, right)?,
        Operator::Mod => Some(int_mod(left, right)?),
        Operator::Pow => return int_pow(left, right),
        Operator::BitAnd => Some(left & right),
        Operator::BitOr => Some(left | right),
        Operator::BitXor => Some(left ^ right),
        Operator::ShiftLeft => shift_left(left, right)?,
        Operator::ShiftRight => Some(left >> shift_count(right)?.min(63)),
    };
    result.map(Val::Int).ok_or_else(too_large)
}

fn shift_count(count: i64) -> Result<u32, EvalError> {
    if count < 0 {
        return Err(value_error("a negative shift"));
    }
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

fn shift_left(number: i64, count: i64) -> Result<Option<i64>, EvalError> {
    let count = shift_count(count)?;
    if number == 0 {
        return Ok(Some(0));
    }
    Ok(1_i64
        .checked_shl(count)
        .filter(|factor| *factor > 0)
        .and_then(|factor| number.checked_mul(factor)))
}

fn int_floor_div(left: i64, right: i64) -> Result<Option<i64>, EvalError> {
    if right == 0 {
        return Err(zero_division());
    }
    let exact = int_mod(left, right)? == 0 || (left < 0) == (right < 0);
    Ok(left
        .checked_div(right)
        .map(|quotient| if exact { quotient } else { quotient - 1 }))
}

fn int_mod(left: i64, right: i64) -> Result<i64, EvalError> {
    if right == 0 {
        return Err(zero_division());
    }
    let rest = left.wrapping_rem(right);
    Ok(if rest != 0 && (rest < 0) != (right < 0) {
        rest + right
    } else {
        rest
    })
}

/// Division of integers, rounded once.
fn int_division(left: i64, right: i64) -> Result<f64, EvalError> {
    const EXACT: u64 = 1 << 53;
    if right == 0 {
        return Err(zero_division());
    }
    let (a, b) = (left.unsigned_abs(), right.unsigned_abs());
    if a <= EXACT && b <= EXACT {
        return Ok(float(left) / float(right));
    }
    let negative = (left < 0) != (right < 0);
    // A quotient of at least 63 bits, whose last bit stands for everything below it.
    let shift = u128::from(a).leading_zeros() - 1;
    let dividend = u128::from(a) << shift;
    let quotient = (dividend / u128::from(b)) | u128::from(dividend % u128::from(b) != 0);
    #[expect(clippy::cast_precision_loss, reason = "this is the one rounding")]
    let absolute = quotient as f64 * (-f64::from(shift)).exp2();
    Ok(if negative { -absolute } else { absolute })
}

fn int_pow<'a>(base: i64, exponent: i64) -> Result<Val<'a>, EvalError> {
    if exponent < 0 {
        return float_pow(float(base), float(exponent)).map(Val::Float);
    }
    let (mut result, mut factor, mut left) = (1_i64, Some(base), exponent);
    while left > 0 {
        if left & 1 == 1 {
            result = factor
                .and_then(|factor| result.checked_mul(factor))
                .ok_or_else(too_large)?;
        }
        factor = factor.and_then(|factor| factor.checked_mul(factor));
        left >>= 1;
    }
    Ok(Val::Int(result))
}

fn floats<'a>(operator: Operator, left: f64, right: f64) -> Result<Val<'a>, EvalError> {
    let divides = matches!(operator, Operator::Div | Operator::FloorDiv | Operator::Mod);
    if divides && right == 0.0 {
        return Err(zero_division());
    }
    Ok(Val::Float(match operator {
        Operator::Add => left + right,
        Operator::Sub => left - right,
        Operator::Mul => left * right,
        Operator::Div => left / right,
        Operator::FloorDiv => float_divmod(left, right).0,
        Operator::Mod => float_divmod(left, right).1,
        Operator::Pow => float_pow(left, right)?,
        Operator::BitAnd
        | Operator::BitOr
        | Operator::BitXor
        | Operator::ShiftLeft
        | Operator::ShiftRight => {
            return Err(type_error(format!("{operator:?} of floats")));
        }
    }))
}

/// Quotient and rest, the rest with the sign of the divisor.
fn float_divmod(left: f64, right: f64) -> (f64, f64) {
    let mut rest = left % right;
    let mut quotient = (left - rest) / right;
    if rest == 0.0 {
        rest = 0.0_f64.copysign(right);
    } else if (right < 0.0) != (rest < 0.0) {
        rest += right;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0_f64.copysign(left / right), rest);
    }
    let floor = quotient.floor();
    (
        if quotient - floor > 0.5 {
            floor + 1.0
        } else {
            floor
        },
        rest,
    )
}

fn float_pow(base: f64, exponent: f64) -> Result<f64, EvalError> {
    if base == 0.0 && exponent < 0.0 {
        return Err(zero_division());
    }
    if base < 0.0 && base.is_finite() && exponent.is_finite() && exponent.fract() != 0.0 {
        return Err(value_error("a negative number to a broken power is not real"));
    }
    let result = base.powf(exponent);
    if result.is_infinite() && base.is_finite() && exponent.is_finite() {
        return Err(overflow("the result is too large"));
    }
    Ok(result)
}

/// Applies a sign.
pub(super) fn sign<'a>(sign: Sign, operand: &Val<'a>) -> Result<Val<'a>, EvalError> {
    match (sign, operand, operand.as_int()) {
        (Sign::Plus, _, Some(number)) => Ok(Val::Int(number)),
        (Sign::Minus, _, Some(number)) => number.checked_neg().map(Val::Int).ok_or_else(too_large),
        (Sign::Invert, _, Some(number)) => Ok(Val::Int(!number)),
        (Sign::Plus, Val::Float(number), _) => Ok(Val::Float(*number)),
        (Sign::Minus, Val::Float(number), _) => Ok(Val::Float(-number)),
        (_, Val::Large(_), _) => Err(too_large()),
        _ => Err(type_error(format!("{} takes no sign", operand.type_name()))),
    }
}

fn concat<'a>(left: &Val<'a>, right: &Val<'a>, budget: &Budget) -> Result<Val<'a>, EvalError> {
    match (left, right) {
        (Val::Str(left), Val::Str(right)) => {
            check_length(left.len() + right.len())?;
            Ok(Val::from(format!("{}{}", &**left, &**right)))
        }
        (Val::List(left), Val::List(right)) => Ok(Val::List(joined(left, right, budget)?)),
        (Val::Tuple(left), Val::Tuple(right)) => Ok(Val::Tuple(joined(left, right, budget)?)),
        _ => Err(unusable(Operator::Add, left, right)),
    }
}

fn joined<'a>(left: &Items<'a>, right: &Items<'a>, budget: &Budget) -> Result<Items<'a>, EvalError> {
    budget.steps(left.len() + right.len())?;
    Ok(Items::Own(left.iter().chain(right.iter()).collect()))
}

fn repeat<'a>(left: &Val<'a>, right: &Val<'a>, budget: &Budget) -> Result<Val<'a>, EvalError> {
    let (value, count) = match (left.as_int(), right.as_int()) {
        (None, Some(count)) => (left, count),
        (Some(count), None) => (right, count),
        _ => return Err(unusable(Operator::Mul, left, right)),
    };
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    match value {
        Val::Str(text) => {
            check_length(text.len().saturating_mul(count))?;
            Ok(Val::from(text.repeat(if text.is_empty() { 0 } else { count })))
        }
        Val::List(items) => Ok(Val::List(repeated(items, count, budget)?)),
        Val::Tuple(items) => Ok(Val::Tuple(repeated(items, count, budget)?)),
        _ => Err(unusable(Operator::Mul, left, right)),
    }
}

fn repeated<'a>(items: &Items<'a>, count: usize, budget: &Budget) -> Result<Items<'a>, EvalError> {
    budget.steps(items.len().saturating_mul(count))?;
    let count = if items.len() == 0 { 0 } else { count };
    Ok(Items::Own((0..count).flat_map(|_| items.iter()).collect()))
}

/// Refuses a text that would become too long, before it is made.
pub(super) fn check_length(bytes: usize) -> Result<(), EvalError> {
    if bytes > MAX_TEXT {
        Err(overflow(format!("a text longer than {MAX_TEXT} bytes")))
    } else {
        Ok(())
    }
}
