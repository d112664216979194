//! Texts and other values to numbers, as Python's `int()` and `float()` read them.

use crate::error::EvalError;
use crate::value::{Val, float_repr, integral, is_space, overflow, type_error, value_error};

/// First of ten consecutive decimal digits, for each script that has some (Unicode category Nd).
const ZEROS: &[u32] = &[
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
    0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066,
    0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950,
    0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6,
    0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// Digits that are not decimal, such as superscripts (Unicode Numeric_Type=Digit), as inclusive ranges.
const OTHER_DIGITS: &[(u32, u32)] = &[
    (0xb2, 0xb3),
    (0xb9, 0xb9),
    (0x1369, 0x1371),
    (0x19da, 0x19da),
    (0x2070, 0x2070),
    (0x2074, 0x2079),
    (0x2080, 0x2089),
    (0x2460, 0x2468),
    (0x2474, 0x247c),
    (0x2488, 0x2490),
    (0x24ea, 0x24ea),
    (0x24f5, 0x24fd),
    (0x24ff, 0x24ff),
    (0x2776, 0x277e),
    (0x2780, 0x2788),
    (0x278a, 0x2792),
    (0x10a40, 0x10a43),
    (0x10e60, 0x10e68),
    (0x11052, 0x1105a),
    (0x1f100, 0x1f10a),
];

/// The decimal digit that a character of any script stands for.
fn decimal(char: char) -> Option<char> {
    let code = u32::from(char);
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= code)].last()?;
    char::from_digit(code - zero, 10)
}

/// What `str.isdigit()` says of one character.
pub(super) fn is_digit(char: char) -> bool {
    let code = u32::from(char);
    decimal(char).is_some()
        || OTHER_DIGITS
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&code))
}

/// The text trimmed, with ASCII digits, and without underscores between digits.
fn plain(text: &str, may_group: fn(&u8) -> bool) -> Option<String> {
    let text: String = text
        .trim_matches(is_space)
        .chars()
        .map(|char| decimal(char).unwrap_or(char))
        .collect();
    if !text.is_ascii() {
        return None;
    }
    let bytes = text.as_bytes();
    let well_placed = |at: usize| {
        let beside = |index: Option<usize>| index.and_then(|index| bytes.get(index)).is_some_and(may_group);
        beside(at.checked_sub(1)) && beside(at.checked_add(1))
    };
    let placed = (0..bytes.len()).filter(|at| bytes[*at] == b'_').all(well_placed);
    placed.then(|| text.replace('_', ""))
}

/// Python's `int(value)`.
pub(super) fn to_int(value: &Val<'_>) -> Result<i64, EvalError> {
    match value {
        Val::Float(number) if number.is_finite() => integral(number.trunc())
            .ok_or_else(|| overflow(format!("{} is beyond 64 bits", float_repr(*number)))),
        Val::Float(_) => Err(value_error("not a finite number")),
        Val::Str(text) => int_of_text(text, 10),
        Val::Large(number) => Err(overflow(format!("{number} is beyond 64 bits"))),
        other => other
            .as_int()
            .ok_or_else(|| type_error(format!("int() of {}", other.type_name()))),
    }
}

/// Python's `int(text, base)`.
pub(super) fn int_of_text(text: &str, base: i64) -> Result<i64, EvalError> {
    // The common case needs no copy of the text.
    if let (10, Ok(number)) = (base, text.trim_matches(is_space).parse()) {
        return Ok(number);
    }
    let error = || value_error(format!("{text:?} is no integer of base {base}"));
    let base = u32::try_from(base).ok().filter(|base| matches!(base, 0 | 2..=36));
    let base = base.ok_or_else(|| value_error("the base of an integer is 0 or from 2 to 36"))?;
    // The underscore of `0x_1f` stands beside the prefix, which is alphanumeric.
    let plain = plain(text, u8::is_ascii_alphanumeric).ok_or_else(error)?;
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (prefixed, rest) = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ => (0, digits),
    };
    let (base, digits) = match base {
        0 if prefixed > 0 => (prefixed, rest),
        0 if digits.starts_with('0') && digits.bytes().any(|digit| digit != b'0') => return Err(error()),
        0 => (10, digits),
        base if base == prefixed => (base, rest),
        base => (base, digits),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(error());
    }
    i64::from_str_radix(&format!("{sign}{digits}"), base)
        .map_err(|_| overflow(format!("{text} is beyond 64 bits")))
}

/// Python's `float(value)`, for finite results.
pub(super) fn to_float(value: &Val<'_>) -> Result<f64, EvalError> {
    #[expect(clippy::cast_precision_loss, reason = "Python rounds here, too")]
    let number = match value {
        Val::Float(number) => *number,
        Val::Large(number) => *number as f64,
        Val::Str(text) => {
            float_of_text(text).ok_or_else(|| value_error(format!("{:?} is no number", &**text)))?
        }
        other => other
            .as_int()
            .ok_or_else(|| type_error(format!("float() of {}", other.type_name())))? as f64,
    };
    if number.is_finite() {
        Ok(number)
    } else {
        Err(value_error("not a finite number"))
    }
}

fn float_of_text(text: &str) -> Option<f64> {
    // Rust also reads names such as `infinity`; those are no finite numbers in either language.
    let numeric = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'))
    };
    let trimmed = text.trim_matches(is_space);
    if numeric(trimmed) {
        return trimmed.parse().ok();
    }
    plain(text, u8::is_ascii_digit)
        .filter(|plain| numeric(plain))?
        .parse()
        .ok()
}
