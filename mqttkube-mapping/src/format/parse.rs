//! Templates from text, with the grammar and the oddities of CPython.

use super::{Field, Format, FormatError, FormatErrorKind, Name, Piece, Spec, SpecSource, Step};

pub(super) fn parse(template: &str) -> Result<Format, FormatError> {
    let chars: Vec<char> = template.chars().collect();
    Parser {
        chars: &chars,
        at: 0,
        offset: 0,
        auto: &mut 0,
        depth: 0,
    }
    .template()
}

struct Parser<'c> {
    chars: &'c [char],
    at: usize,
    /// Characters before `chars` in the whole template.
    offset: usize,
    /// How many `{}` there were.
    auto: &'c mut usize,
    /// How many specifications this one lies in.
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek();
        self.at += usize::from(char.is_some());
        char
    }

    fn error(&self, at: usize, message: impl Into<String>) -> FormatError {
        FormatError::new(FormatErrorKind::Syntax, self.offset + at + 1, message)
    }

    fn template(mut self) -> Result<Format, FormatError> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        while let Some(char) = self.next() {
            let doubled = self.peek() == Some(char);
            match char {
                '{' | '}' if doubled => {
                    self.at += 1;
                    text.push(char);
                }
                '}' => {
                    return Err(self.error(self.at - 1, "a single '}': write '}}' for the character itself"));
                }
                '{' => {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(Piece::Field(self.field()?));
                }
                _ => text.push(char),
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Format { pieces })
    }

    /// One field; the opening brace is read.
    fn field(&mut self) -> Result<Field, FormatError> {
        let start = self.at;
        let (name, path) = self.field_name()?;
        let conversion = self.conversion()?;
        let spec = match self.next() {
            Some(':') => self.spec()?,
            Some('}') => SpecSource::None,
            _ => return Err(self.unclosed(start)),
        };
        Ok(Field {
            name,
            column: self.offset + start + 1,
            path,
            conversion,
            spec,
        })
    }

    fn unclosed(&self, start: usize) -> FormatError {
        self.error(
            start - 1,
            "'{' is never closed: write '{{' for the character itself",
        )
    }

    fn field_name(&mut self) -> Result<(Name, Vec<Step>), FormatError> {
        let start = self.at;
        let mut in_brackets = false;
        loop {
            match self.peek() {
                None => return Err(self.unclosed(start)),
                Some('{') => return Err(self.error(self.at, "'{' in the name of a field")),
                Some('[') => in_brackets = true,
                Some(']') => in_brackets = false,
                Some('}' | ':' | '!') if !in_brackets => break,
                Some(_) => {}
            }
            self.at += 1;
        }
        self.split_name(start, self.at)
    }

    fn split_name(&mut self, start: usize, end: usize) -> Result<(Name, Vec<Step>), FormatError> {
        let text = &self.chars[start..end];
        let first = text
            .iter()
            .position(|char| matches!(char, '.' | '['))
            .unwrap_or(text.len());
        let name = self.name(&text[..first]);
        let mut path = Vec::new();
        let mut at = first;
        while at < text.len() {
            if text[at] == '.' {
                let message = "a format reads no attributes";
                return Err(FormatError::new(
                    FormatErrorKind::Attribute,
                    self.offset + start + at + 1,
                    message,
                ));
            }
            if text[at] != '[' {
                return Err(self.error(start + at, "only '[' may follow ']' in a field"));
            }
            let length = text[at + 1..].iter().position(|char| *char == ']');
            let length = length.ok_or_else(|| self.error(start + at, "'[' is never closed"))?;
            if length == 0 {
                return Err(self.error(start + at, "nothing between '[' and ']'"));
            }
            path.push(step(&text[at + 1..at + 1 + length]));
            at += length + 2;
        }
        Ok((name, path))
    }

    fn name(&mut self, text: &[char]) -> Name {
        let text: String = text.iter().collect();
        if text.is_empty() {
            *self.auto += 1;
            return Name::Auto(*self.auto - 1);
        }
        match number(&text) {
            Some(number) => Name::Number(number),
            None => Name::Text(text),
        }
    }

    fn conversion(&mut self) -> Result<Option<char>, FormatError> {
        if self.peek() != Some('!') {
            return Ok(None);
        }
        self.at += 1;
        match self.next() {
            Some(conversion @ ('r' | 's' | 'a')) if matches!(self.peek(), Some(':' | '}')) => {
                Ok(Some(conversion))
            }
            _ => Err(self.error(
                self.at - 1,
                "'!' is followed by r, s or a, and then by ':' or '}'",
            )),
        }
    }

    /// A specification up to the closing brace, which is read.
    fn spec(&mut self) -> Result<SpecSource, FormatError> {
        let start = self.at;
        let mut open = 1;
        while open > 0 {
            match self.next() {
                None => return Err(self.error(start, "the format specification is never closed")),
                Some('{') => open += 1,
                Some('}') => open -= 1,
                Some(_) => {}
            }
        }
        let chars = &self.chars[start..self.at - 1];
        if !chars.contains(&'{') {
            let text: String = chars.iter().collect();
            let spec = Spec::parse(&text).map_err(|error| error.at(self.offset + start + 1))?;
            return Ok(SpecSource::Fixed(spec));
        }
        if self.depth > 0 {
            return Err(self.error(start, "fields are nested too deeply"));
        }
        let offset = self.offset + start;
        let nested = Parser {
            chars,
            at: 0,
            offset,
            auto: self.auto,
            depth: self.depth + 1,
        };
        nested.template().map(SpecSource::Nested)
    }
}

fn step(text: &[char]) -> Step {
    let text: String = text.iter().collect();
    match number(&text) {
        Some(index) => Step::Index(index),
        None => Step::Key(text),
    }
}

fn number(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
