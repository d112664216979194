//! String literals: prefixes, quotes, escapes, and the parts of an f-string.

use super::SyntaxError;

/// A string literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Plain(String),
    /// An f-string, split into its parts.
    Format(Vec<Part>),
}

/// A part of an f-string.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Text(String),
    /// `{source!conversion:spec}`
    Field {
        source: String,
        column: usize,
        conversion: Option<char>,
        spec: Vec<Self>,
    },
}

/// How deep the fields of an f-string may be nested in its specifications.
const MAX_NESTING: usize = 2;

/// Reads the literal at the start of `chars` (at its quote); gives it with its length.
///
/// `offset` is the number of characters before `chars` in the source.
pub(super) fn literal(prefix: &str, chars: &[char], offset: usize) -> Result<(Literal, usize), SyntaxError> {
    let column = offset + 1;
    let lower = prefix.to_ascii_lowercase();
    let (raw, format) = match lower.as_str() {
        "" | "u" => (false, false),
        "r" => (true, false),
        "f" => (false, true),
        "fr" | "rf" => (true, true),
        "b" | "br" | "rb" => {
            return Err(SyntaxError::unsupported(
                column,
                "bytes are not available; write text",
            ));
        }
        _ => {
            return Err(SyntaxError::syntax(
                column,
                format!("there is no string prefix {prefix:?}"),
            ));
        }
    };
    let quote = chars[0];
    let triple = chars.len() >= 3 && chars[1] == quote && chars[2] == quote;
    let quotes = if triple { 3 } else { 1 };
    let end = end(&chars[quotes..], quote, quotes)
        .ok_or_else(|| SyntaxError::syntax(column, "the string is not closed"))?;
    let body = &chars[quotes..quotes + end];
    let start = offset + quotes;
    let literal = if format {
        Literal::Format(
            FString {
                chars: body,
                at: 0,
                offset: start,
                raw,
            }
            .parts(0)?,
        )
    } else {
        Literal::Plain(if raw {
            body.iter().collect()
        } else {
            unescape(body, start)?
        })
    };
    Ok((literal, quotes + end + quotes))
}

/// Length of the body of a string.
fn end(chars: &[char], quote: char, quotes: usize) -> Option<usize> {
    let mut at = 0;
    while at < chars.len() {
        let closes = chars.len() - at >= quotes && chars[at..at + quotes].iter().all(|char| *char == quote);
        match chars[at] {
            _ if closes => return Some(at),
            '\\' => at += 2,
            '\n' if quotes == 1 => return None,
            _ => at += 1,
        }
    }
    None
}

/// Resolves escapes. Unknown ones stay as they are, as in Python.
fn unescape(chars: &[char], offset: usize) -> Result<String, SyntaxError> {
    let mut text = String::new();
    let mut at = 0;
    while at < chars.len() {
        if chars[at] != '\\' {
            text.push(chars[at]);
            at += 1;
            continue;
        }
        let Some(escape) = chars.get(at + 1) else {
            return Err(SyntaxError::syntax(offset + at + 1, "a lone backslash"));
        };
        let simple = match escape {
            '\n' => Some(None),
            '\\' | '\'' | '"' => Some(Some(*escape)),
            'a' => Some(Some('\u{7}')),
            'b' => Some(Some('\u{8}')),
            'f' => Some(Some('\u{c}')),
            'n' => Some(Some('\n')),
            'r' => Some(Some('\r')),
            't' => Some(Some('\t')),
            'v' => Some(Some('\u{b}')),
            _ => None,
        };
        let length = match (simple, escape) {
            (Some(char), _) => {
                text.extend(char);
                0
            }
            (None, 'x') => code(chars, at + 2, 2, 16, offset, &mut text)?,
            (None, 'u') => code(chars, at + 2, 4, 16, offset, &mut text)?,
            (None, 'U') => code(chars, at + 2, 8, 16, offset, &mut text)?,
            (None, 'N') => {
                return Err(SyntaxError::unsupported(
                    offset + at + 1,
                    "\\N{...} is not available; write \\u",
                ));
            }
            (None, '0'..='7') => {
                let digits = chars[at + 1..]
                    .iter()
                    .take(3)
                    .take_while(|char| char.is_digit(8))
                    .count();
                code(chars, at + 1, digits, 8, offset, &mut text)? - 1
            }
            (None, other) => {
                text.extend(['\\', *other]);
                0
            }
        };
        at += 2 + length;
    }
    Ok(text)
}

fn code(
    chars: &[char],
    from: usize,
    digits: usize,
    base: u32,
    offset: usize,
    text: &mut String,
) -> Result<usize, SyntaxError> {
    let error = || SyntaxError::syntax(offset + from, "an escape in the string is no character");
    let digits = chars.get(from..from + digits).ok_or_else(error)?;
    let value = digits.iter().try_fold(0_u32, |value, digit| {
        value.checked_mul(base)?.checked_add(digit.to_digit(base)?)
    });
    text.push(value.and_then(char::from_u32).ok_or_else(error)?);
    Ok(digits.len())
}

struct FString<'c> {
    chars: &'c [char],
    at: usize,
    offset: usize,
    raw: bool,
}

impl FString<'_> {
    fn error(&self, message: &str) -> SyntaxError {
        SyntaxError::syntax(self.offset + self.at + 1, message)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Parts up to the end, or in a specification up to its closing brace, which is not read.
    fn parts(&mut self, nesting: usize) -> Result<Vec<Part>, SyntaxError> {
        let mut parts = Vec::new();
        let mut start = self.at;
        loop {
            let char = self.peek(0);
            match char {
                Some('{' | '}') if nesting == 0 && self.peek(1) == char => {
                    self.at += 1;
                    self.flush(start, &mut parts)?;
                    self.at += 1;
                    start = self.at;
                }
                Some('{') => {
                    self.flush(start, &mut parts)?;
                    parts.push(self.field(nesting)?);
                    start = self.at;
                }
                Some('}') if nesting == 0 => return Err(self.error("a single '}' in an f-string")),
                None | Some('}') => {
                    self.flush(start, &mut parts)?;
                    return Ok(parts);
                }
                Some('\\') if !self.raw => self.at += 2,
                Some(_) => self.at += 1,
            }
            self.at = self.at.min(self.chars.len());
        }
    }

    fn flush(&self, start: usize, parts: &mut Vec<Part>) -> Result<(), SyntaxError> {
        let chars = &self.chars[start..self.at];
        if !chars.is_empty() {
            let text = if self.raw {
                chars.iter().collect()
            } else {
                unescape(chars, self.offset + start)?
            };
            parts.push(Part::Text(text));
        }
        Ok(())
    }

    /// One field; at its opening brace.
    fn field(&mut self, nesting: usize) -> Result<Part, SyntaxError> {
        if nesting >= MAX_NESTING {
            return Err(self.error("fields are nested too deeply"));
        }
        self.at += 1;
        let start = self.at;
        let length =
            expression_length(&self.chars[start..]).ok_or_else(|| self.error("'{' is never closed"))?;
        let source: String = self.chars[start..start + length].iter().collect();
        let column = self.offset + start;
        self.at += length;
        if source.trim().is_empty() {
            return Err(self.error("an empty field in an f-string"));
        }
        let mut conversion = None;
        if self.peek(0) == Some('!') {
            conversion = self.peek(1).filter(|char| matches!(char, 'r' | 's' | 'a'));
            if conversion.is_none() {
                return Err(self.error("'!' is followed by r, s or a"));
            }
            self.at += 2;
        }
        let mut spec = Vec::new();
        if self.peek(0) == Some(':') {
            self.at += 1;
            spec = self.parts(nesting + 1)?;
        }
        if self.peek(0) != Some('}') {
            return Err(self.error("expected '}' in an f-string"));
        }
        self.at += 1;
        Ok(Part::Field {
            source,
            column,
            conversion,
            spec,
        })
    }
}

/// Where the expression of a field ends: at `!`, `:` or `}` outside of brackets and strings.
fn expression_length(chars: &[char]) -> Option<usize> {
    let mut brackets = 0_usize;
    let mut quote = None;
    for (at, char) in chars.iter().enumerate() {
        if let Some(open) = quote {
            quote = Some(open).filter(|open| open != char);
            continue;
        }
        match char {
            '\'' | '"' => quote = Some(*char),
            '(' | '[' | '{' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '}' if brackets > 0 => brackets -= 1,
            '!' if brackets == 0 && chars.get(at + 1) != Some(&'=') => return Some(at),
            ':' | '}' if brackets == 0 => return Some(at),
            _ => {}
        }
    }
    None
}
