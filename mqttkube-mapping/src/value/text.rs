//! Values as text: Python's `repr` and `str`, and JSON.

use std::fmt::{self, Write};

use serde_json::Value;

use super::{MAX_DEPTH, MAX_TEXT, Val, overflow};
use crate::error::EvalError;

/// A text that refuses to grow beyond [`MAX_TEXT`].
struct Limited(String);

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_TEXT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// Makes a text that must not become too long.
pub(crate) fn limited(write: impl FnOnce(&mut dyn Write) -> fmt::Result) -> Result<String, EvalError> {
    let mut text = Limited(String::new());
    match write(&mut text) {
        Ok(()) => Ok(text.0),
        Err(fmt::Error) => Err(overflow(format!(
            "the text is longer than {MAX_TEXT} bytes or nested too deeply"
        ))),
    }
}

/// Python's `str()`.
pub(crate) fn str_of(value: &Val<'_>) -> Result<String, EvalError> {
    match value {
        Val::Str(text) => limited(|out| out.write_str(text)),
        other => repr(other),
    }
}

/// Python's `repr()`.
pub(crate) fn repr(value: &Val<'_>) -> Result<String, EvalError> {
    limited(|out| write_repr(value, 0, out))
}

/// Python's `ascii()`: `repr()` with everything beyond ASCII escaped.
pub(crate) fn ascii(value: &Val<'_>) -> Result<String, EvalError> {
    let text = repr(value)?;
    limited(|out| {
        text.chars().try_for_each(|char| {
            if char.is_ascii() {
                out.write_char(char)
            } else {
                escape(char, out)
            }
        })
    })
}

fn write_repr(value: &Val<'_>, depth: usize, out: &mut dyn Write) -> fmt::Result {
    if depth > MAX_DEPTH {
        return Err(fmt::Error);
    }
    match value {
        Val::Null => out.write_str("None"),
        Val::Bool(truth) => out.write_str(if *truth { "True" } else { "False" }),
        Val::Int(number) => write!(out, "{number}"),
        Val::Large(number) => write!(out, "{number}"),
        Val::Float(number) => out.write_str(&float_repr(*number)),
        Val::Str(text) => write_text_repr(text, out),
        Val::Type(kind) => write!(out, "<class '{kind}'>"),
        Val::List(items) => {
            out.write_char('[')?;
            write_items(items.iter(), depth, out)?;
            out.write_char(']')
        }
        Val::Tuple(items) => {
            out.write_char('(')?;
            write_items(items.iter(), depth, out)?;
            out.write_str(if items.len() == 1 { ",)" } else { ")" })
        }
        Val::Dict(members) => {
            out.write_char('{')?;
            for (index, (key, value)) in members.iter().enumerate() {
                out.write_str(if index > 0 { ", " } else { "" })?;
                write_repr(&key, depth + 1, out)?;
                out.write_str(": ")?;
                write_repr(&value, depth + 1, out)?;
            }
            out.write_char('}')
        }
    }
}

fn write_items<'a>(items: impl Iterator<Item = Val<'a>>, depth: usize, out: &mut dyn Write) -> fmt::Result {
    for (index, item) in items.enumerate() {
        out.write_str(if index > 0 { ", " } else { "" })?;
        write_repr(&item, depth + 1, out)?;
    }
    Ok(())
}

fn write_text_repr(text: &str, out: &mut dyn Write) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.write_char(quote)?;
    for char in text.chars() {
        match char {
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            char if char == quote => write!(out, "\\{char}")?,
            ' '..='~' => out.write_char(char)?,
            char if is_printable(char) => out.write_char(char)?,
            char => escape(char, out)?,
        }
    }
    out.write_char(quote)
}

fn escape(char: char, out: &mut dyn Write) -> fmt::Result {
    match u32::from(char) {
        code @ 0..=0xff => write!(out, "\\x{code:02x}"),
        code @ 0x100..=0xffff => write!(out, "\\u{code:04x}"),
        code => write!(out, "\\U{code:08x}"),
    }
}

/// Neither control, format, unassigned, private nor a separator other than the plain blank.
fn is_printable(char: char) -> bool {
    // After another character `escape_debug` leaves combining marks alone, as Python does.
    let mut pair = [0; 5];
    pair[0] = b'a';
    let length = char.encode_utf8(&mut pair[1..]).len();
    std::str::from_utf8(&pair[..=length]).is_ok_and(|pair| pair.escape_debug().count() == 2)
}

/// What `str.isspace()` says.
pub(crate) fn is_space(char: char) -> bool {
    char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char)
}

/// A float as Python prints it: the shortest text that reads back the same, always with a point or an
/// exponent.
pub(crate) fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let shortest = format!("{number:e}");
    let (mantissa, exponent) = shortest
        .split_once('e')
        .expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is an integer");
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// How JSON is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonStyle<'a> {
    pub(crate) comma: &'a str,
    pub(crate) colon: &'a str,
    pub(crate) sorted: bool,
    pub(crate) ascii: bool,
}

impl JsonStyle<'_> {
    /// Without blanks, members sorted by name, everything beyond ASCII escaped.
    pub(crate) const COMPACT: JsonStyle<'static> = JsonStyle {
        comma: ",",
        colon: ":",
        sorted: true,
        ascii: true,
    };
    /// As `json.dumps` writes without being told.
    pub(crate) const PYTHON: JsonStyle<'static> = JsonStyle {
        comma: ", ",
        colon: ": ",
        sorted: false,
        ascii: true,
    };
}

/// A document without blanks, members sorted by name, everything beyond ASCII escaped; of any length.
pub(crate) fn compact_json(value: &Value) -> String {
    let mut text = String::new();
    write_json(value, JsonStyle::COMPACT, &mut text).expect("writing to a string cannot fail");
    text
}

/// JSON of any value, of limited length.
pub(crate) fn json(value: &Val<'_>, style: JsonStyle<'_>) -> Result<String, EvalError> {
    let document = value.to_json()?;
    limited(|out| write_json(&document, style, out))
}

/// Writes a document.
pub(crate) fn write_json(value: &Value, style: JsonStyle<'_>, out: &mut dyn Write) -> fmt::Result {
    match value {
        Value::Null => out.write_str("null"),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => out.write_str(&float_repr(float)),
            None => write!(out, "{number}"),
        },
        Value::String(text) => write_json_text(text, style, out),
        Value::Array(items) => {
            out.write_char('[')?;
            for (index, item) in items.iter().enumerate() {
                out.write_str(if index > 0 { style.comma } else { "" })?;
                write_json(item, style, out)?;
            }
            out.write_char(']')
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            if style.sorted {
                members.sort_unstable_by_key(|(name, _)| *name);
            }
            out.write_char('{')?;
            for (index, (name, member)) in members.into_iter().enumerate() {
                out.write_str(if index > 0 { style.comma } else { "" })?;
                write_json_text(name, style, out)?;
                out.write_str(style.colon)?;
                write_json(member, style, out)?;
            }
            out.write_char('}')
        }
    }
}

fn write_json_text(text: &str, style: JsonStyle<'_>, out: &mut dyn Write) -> fmt::Result {
    out.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\u{8}' => out.write_str("\\b")?,
            '\u{c}' => out.write_str("\\f")?,
            ' '..='~' => out.write_char(char)?,
            char if char > '~' && !style.ascii => out.write_char(char)?,
            char => char
                .encode_utf16(&mut [0; 2])
                .iter()
                .try_for_each(|unit| write!(out, "\\u{unit:04x}"))?,
        }
    }
    out.write_char('"')
}
