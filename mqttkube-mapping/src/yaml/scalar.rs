//! What an untagged plain scalar means.

use super::node::Content;

/// How plain scalars are typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Schema {
    /// As the Python program mqtt-kube types its configuration: YAML 1.1 as PyYAML reads it, but `on`, `off`,
    /// `yes` and `no` are text. Unlike there, dates and `1:30` are text as well. The only tag is `!relpath`.
    #[default]
    Config,
    /// As kubectl types a manifest: YAML 1.1 as Go's library reads it, where `on` and `yes` are booleans and
    /// `1e3` is a number. Keys become text; the tags of YAML's own types are allowed.
    Kubectl,
}

/// Why a plain scalar that looks like a number is none that can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalarError {
    Overflow,
    NonFinite,
}

impl ScalarError {
    pub(super) fn message(self, text: &str) -> String {
        match self {
            Self::Overflow => format!("the integer {text} does not fit into 64 bits"),
            Self::NonFinite => format!("{text} is not a finite number"),
        }
    }
}

pub(super) fn resolve(text: &str, schema: Schema) -> Result<Content, ScalarError> {
    if let Some(word) = word(text, schema) {
        return Ok(word);
    }
    // Most scalars are words; everything below begins like a number.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Ok(Content::Text(text.into()));
    }
    let number = match schema {
        Schema::Config => config_number(text),
        Schema::Kubectl => kubectl_number(text),
    };
    number.unwrap_or_else(|| Ok(Content::Text(text.into())))
}

fn word(text: &str, schema: Schema) -> Option<Content> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Content::Null),
        "true" | "True" | "TRUE" => Some(Content::Bool(true)),
        "false" | "False" | "FALSE" => Some(Content::Bool(false)),
        _ if schema == Schema::Config => None,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(Content::Bool(true)),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(Content::Bool(false)),
        _ => None,
    }
}

type Number = Option<Result<Content, ScalarError>>;

fn config_number(text: &str) -> Number {
    let (negative, digits) = split_sign(text);
    if is_infinity(digits) || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Err(ScalarError::NonFinite));
    }
    if let Some((radix, digits)) = config_integer(digits) {
        return integer(negative, digits, radix);
    }
    config_float(text, digits).then(|| float(text))
}

/// Radix and digits when the text, whose sign is gone, has the shape of an integer.
fn config_integer(text: &str) -> Option<(u32, &str)> {
    let of = |digits: &str, allowed: fn(char) -> bool| {
        !digits.is_empty() && digits.chars().all(|c| c == '_' || allowed(c))
    };
    let octal = |c: char| matches!(c, '0'..='7');
    if let Some(digits) = text.strip_prefix("0b") {
        return of(digits, |c| matches!(c, '0' | '1')).then_some((2, digits));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return of(digits, |c| c.is_ascii_hexdigit()).then_some((16, digits));
    }
    if text == "0" {
        return Some((10, text));
    }
    if let Some(digits) = text.strip_prefix('0') {
        return of(digits, octal).then_some((8, text));
    }
    (text.starts_with(|c: char| c.is_ascii_digit()) && of(text, |c| c.is_ascii_digit())).then_some((10, text))
}

/// A point is required, the exponent needs a sign, and a number that begins with the point has no sign.
fn config_float(text: &str, unsigned: &str) -> bool {
    let Some((whole, rest)) = unsigned.split_once('.') else {
        return false;
    };
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let digits = |part: &str| part.chars().all(|c| c == '_' || c.is_ascii_digit());
    let begins = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let mantissa = if whole.is_empty() {
        begins(fraction) && text == unsigned
    } else {
        begins(whole)
    };
    let exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or_default();
        !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
    });
    mantissa && digits(whole) && digits(fraction) && exponent
}

fn kubectl_number(text: &str) -> Number {
    let (negative, digits) = split_sign(text);
    if is_infinity(digits) || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Err(ScalarError::NonFinite));
    }
    if let Some((radix, digits)) = go_integer(digits) {
        return integer(negative, digits, radix);
    }
    go_float(digits).then(|| float(text))
}

/// An integer literal of Go, without its sign.
fn go_integer(text: &str) -> Option<(u32, &str)> {
    let prefixed = |digits: &str, radix: u32| {
        !digits.replace('_', "").is_empty() && digits.chars().all(|c| c == '_' || c.is_digit(radix))
    };
    for (prefixes, radix) in [(["0x", "0X"], 16), (["0b", "0B"], 2), (["0o", "0O"], 8)] {
        if let Some(digits) = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)) {
            return prefixed(digits, radix).then_some((radix, digits));
        }
    }
    let radix = if text.len() > 1 && text.starts_with('0') {
        8
    } else {
        10
    };
    (text.starts_with(|c: char| c.is_ascii_digit()) && prefixed(text, radix)).then_some((radix, text))
}

fn go_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let mantissa = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            (digits(whole) && (fraction.is_empty() || digits(fraction)))
                || (whole.is_empty() && digits(fraction))
        }
        None => digits(mantissa),
    };
    mantissa && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn is_infinity(unsigned: &str) -> bool {
    matches!(unsigned, ".inf" | ".Inf" | ".INF")
}

fn integer(negative: bool, digits: &str, radix: u32) -> Number {
    let digits = digits.replace('_', "");
    if digits.is_empty() {
        return None;
    }
    let signed = if negative { format!("-{digits}") } else { digits };
    Some(
        i64::from_str_radix(&signed, radix)
            .map(Content::Int)
            .map_err(|_| ScalarError::Overflow),
    )
}

fn float(text: &str) -> Result<Content, ScalarError> {
    match text.replace('_', "").parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Content::Float(number)),
        _ => Err(ScalarError::NonFinite),
    }
}
