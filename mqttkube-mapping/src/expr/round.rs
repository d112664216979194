//! Python's `round()`: half to even, on the exact value of a float.

use super::number::to_int;
use crate::error::EvalError;
use crate::value::{Val, overflow, type_error};

/// `round(value)`: an integer.
pub(super) fn whole<'a>(value: &Val<'a>) -> Result<Val<'a>, EvalError> {
    match value {
        Val::Float(number) => to_int(&Val::Float(number.round_ties_even())).map(Val::Int),
        other => int(other).map(Val::Int),
    }
}

/// `round(value, digits)`: the type of the value.
pub(super) fn digits<'a>(value: &Val<'a>, digits: i64) -> Result<Val<'a>, EvalError> {
    match value {
        Val::Float(number) => Ok(Val::Float(round_float(*number, digits))),
        other => round_int(int(other)?, digits).map(Val::Int),
    }
}

fn int(value: &Val<'_>) -> Result<i64, EvalError> {
    value
        .as_int()
        .ok_or_else(|| type_error(format!("round() of {}", value.type_name())))
}

fn round_int(number: i64, digits: i64) -> Result<i64, EvalError> {
    if digits >= 0 {
        return Ok(number);
    }
    let Some(unit) = u32::try_from(-digits.max(-20))
        .ok()
        .and_then(|power| 10_i128.checked_pow(power))
    else {
        return Ok(0);
    };
    let number = i128::from(number);
    let (down, rest) = (number.div_euclid(unit), number.rem_euclid(unit));
    let up = rest * 2 > unit || (rest * 2 == unit && down % 2 != 0);
    i64::try_from((down + i128::from(up)) * unit).map_err(|_| overflow("an integer beyond 64 bits"))
}

fn round_float(number: f64, digits: i64) -> f64 {
    // Every float has fewer than 324 digits on either side of its point.
    const MOST: i64 = 330;
    if !number.is_finite() || number == 0.0 || digits > MOST {
        return number;
    }
    if digits >= 0 {
        let precision = usize::try_from(digits).unwrap_or(0);
        return format!("{number:.precision$}").parse().unwrap_or(number);
    }
    // Significant digits to keep: those before the point less those to be rounded away.
    let exponent = i64::from(exponent(number));
    let keep = exponent + 1 + digits.max(-MOST);
    match usize::try_from(keep) {
        Ok(0) => {
            let half = format!("5e{exponent}").parse::<f64>().unwrap_or(f64::INFINITY);
            let up = format!("1e{}", exponent + 1).parse::<f64>().unwrap_or(0.0);
            // A tie goes to the even neighbour, which is zero.
            if number.abs() > half {
                up.copysign(number)
            } else {
                0.0_f64.copysign(number)
            }
        }
        Ok(keep) => format!("{:.*e}", keep - 1, number).parse().unwrap_or(number),
        Err(_) => 0.0_f64.copysign(number),
    }
}

fn exponent(number: f64) -> i32 {
    let text = format!("{number:e}");
    text.split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0)
}
