//! Numbers by a format specification: digits, sign, prefix, grouping, padding.

use super::spec::{Align, Spec};

/// The parts of a number before it is padded.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) negative: bool,
    /// `0x` and the like.
    pub(crate) prefix: &'static str,
    /// Digits before the point.
    pub(crate) digits: String,
    /// Point, digits after it, exponent, percent sign.
    pub(crate) rest: String,
}

impl Parts {
    /// Sign, grouping and padding as `spec` wants them.
    pub(crate) fn layout(self, spec: &Spec, group: usize) -> String {
        let sign = match (self.negative, spec.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            (false, _) => "",
        };
        let align = spec
            .align
            .unwrap_or(if spec.zero { Align::AfterSign } else { Align::Right });
        let fill = fill(spec);
        let around = sign.len() + self.prefix.len() + self.rest.chars().count();
        // Zeros between sign and digits are digits: they are grouped too.
        let least = if fill == '0' && align == Align::AfterSign {
            spec.width.saturating_sub(around)
        } else {
            0
        };
        let digits = match spec.grouping {
            Some(separator) => grouped(&self.digits, separator, group, least),
            None => self.digits,
        };
        let head = format!("{sign}{}", self.prefix);
        let length = around + digits.chars().count();
        if align == Align::AfterSign {
            let padding = padding(fill, spec.width.saturating_sub(length));
            return format!("{head}{padding}{digits}{}", self.rest);
        }
        pad(
            &format!("{head}{digits}{}", self.rest),
            length,
            spec.width,
            fill,
            align,
        )
    }
}

/// The character that pads.
pub(crate) fn fill(spec: &Spec) -> char {
    spec.fill.unwrap_or(if spec.zero { '0' } else { ' ' })
}

/// Pads a text that has `length` characters.
pub(crate) fn pad(text: &str, length: usize, width: usize, fill: char, align: Align) -> String {
    let missing = width.saturating_sub(length);
    let before = match align {
        Align::Left => 0,
        Align::Right | Align::AfterSign => missing,
        Align::Center => missing / 2,
    };
    format!(
        "{}{text}{}",
        padding(fill, before),
        padding(fill, missing - before)
    )
}

fn padding(fill: char, count: usize) -> String {
    std::iter::repeat_n(fill, count).collect()
}

/// Groups digits from the right, with as many leading zeros as make at least `least` characters. A
/// separator never comes first, so the result may be one longer.
fn grouped(digits: &str, separator: char, group: usize, least: usize) -> String {
    let mut count = digits.len();
    while count + count.saturating_sub(1) / group < least {
        count += 1;
    }
    let mut text = String::new();
    for (index, digit) in padding('0', count - digits.len())
        .chars()
        .chain(digits.chars())
        .enumerate()
    {
        if index > 0 && (count - index).is_multiple_of(group) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// Fixed notation. Rounding is exact and half to even, as Python's.
pub(crate) fn fixed(number: f64, precision: usize, alternate: bool) -> Parts {
    split(number, &format!("{:.precision$}", number.abs()), alternate, "")
}

/// Scientific notation with at least two digits of exponent.
pub(crate) fn scientific(number: f64, precision: usize, alternate: bool) -> Parts {
    let text = format!("{:.precision$e}", number.abs());
    match text.split_once('e') {
        Some((mantissa, exponent)) => split(number, mantissa, alternate, &exponent_text(exponent)),
        None => split(number, &text, false, ""),
    }
}

/// General notation: fixed or scientific by the size of the number, without trailing zeros unless
/// `alternate`. With `point` the result never looks like an integer.
pub(crate) fn general(number: f64, precision: usize, alternate: bool, point: bool) -> Parts {
    if !number.is_finite() {
        return split(number, &format!("{}", number.abs()), false, "");
    }
    let precision = precision.max(1);
    let text = format!("{:.*e}", precision - 1, number.abs());
    let (mantissa, exponent) = text.split_once('e').expect("scientific notation has an exponent");
    let size: i32 = exponent.parse().expect("the exponent is an integer");
    let limit = i32::try_from(precision).unwrap_or(i32::MAX) - i32::from(point);
    if size < -4 || size >= limit {
        let mantissa = if alternate {
            mantissa
        } else {
            without_zeros(mantissa)
        };
        return split(number, mantissa, alternate, &exponent_text(exponent));
    }
    let decimals =
        usize::try_from(i64::try_from(precision).unwrap_or(i64::MAX) - 1 - i64::from(size)).unwrap_or(0);
    let text = format!("{:.decimals$}", number.abs());
    let text = if alternate { &text } else { without_zeros(&text) };
    let mut parts = split(number, text, alternate, "");
    if point && parts.rest.is_empty() {
        parts.rest.push_str(".0");
    }
    parts
}

/// As `repr()` prints it.
pub(crate) fn shortest(number: f64, alternate: bool) -> Parts {
    let text = crate::value::float_repr(number.abs());
    match text.split_once('e') {
        Some((mantissa, exponent)) => split(number, mantissa, alternate, &format!("e{exponent}")),
        None => split(number, &text, alternate, ""),
    }
}

fn split(number: f64, text: &str, alternate: bool, exponent: &str) -> Parts {
    let negative = number.is_sign_negative() && !number.is_nan();
    let (digits, rest) = match text.split_once('.') {
        Some((digits, decimals)) => (digits, format!(".{decimals}{exponent}")),
        None if !number.is_finite() => {
            return Parts {
                negative,
                rest: text.to_lowercase(),
                ..Parts::default()
            };
        }
        None => (text, format!("{}{exponent}", if alternate { "." } else { "" })),
    };
    Parts {
        negative,
        prefix: "",
        digits: digits.to_owned(),
        rest,
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

fn exponent_text(exponent: &str) -> String {
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    format!("e{sign}{digits:0>2}")
}

/// An integer in base 2, 8, 10 or 16, with its prefix where `alternate`.
pub(crate) fn integer(number: i128, kind: char, alternate: bool) -> Parts {
    let absolute = number.unsigned_abs();
    let (prefix, digits) = match kind {
        'b' => ("0b", format!("{absolute:b}")),
        'o' => ("0o", format!("{absolute:o}")),
        'x' => ("0x", format!("{absolute:x}")),
        'X' => ("0X", format!("{absolute:X}")),
        _ => ("", absolute.to_string()),
    };
    let prefix = if alternate { prefix } else { "" };
    Parts {
        negative: number < 0,
        prefix,
        digits,
        rest: String::new(),
    }
}
