//! RFC 9535 by recursive descent, with the looser spellings that people use for Kubernetes paths.

use super::ast::{Name, Query, Segment, Selector};
use crate::error::{CompileError, ErrorKind};

/// Longest path, in bytes.
const MAX_SOURCE: usize = 4096;

pub(super) struct Parser<'s> {
    source: &'s str,
    /// What is read, without braces around it and blanks at its ends.
    pub(super) chars: Vec<char>,
    /// Characters of the source before the first of `chars`.
    skipped: usize,
    pub(super) at: usize,
    pub(super) depth: usize,
}

pub(super) type Parsed<T> = Result<T, CompileError>;

impl<'s> Parser<'s> {
    pub(super) fn new(source: &'s str) -> Parsed<Self> {
        if source.len() > MAX_SOURCE {
            let message = format!(
                "the path has {} bytes, more than the {MAX_SOURCE} allowed",
                source.len()
            );
            return Err(CompileError::new(ErrorKind::JsonPath, "", message));
        }
        let trimmed = source.trim_start();
        let blanks = source.chars().count() - trimmed.chars().count();
        let trimmed = trimmed.trim_end();
        let inner = trimmed.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let parser = |text: &str, skipped| Self {
            source,
            chars: text.chars().collect(),
            skipped,
            at: 0,
            depth: 0,
        };
        match inner {
            Some(inner) => Ok(parser(inner, blanks + 1)),
            None if trimmed.starts_with('{') => {
                Err(parser(trimmed, blanks).error("\"{\" is not closed by \"}\" at the end of the path"))
            }
            None => Ok(parser(trimmed, blanks)),
        }
    }

    /// The whole path: `$.a.b`, `a.b`, `.a.b`.
    pub(super) fn path(mut self) -> Parsed<Query> {
        let mut segments = Vec::new();
        match self.peek() {
            None => return Err(self.error("the path is empty")),
            Some('@') => {
                return Err(self
                    .error("\"@\" has a meaning only inside of a filter")
                    .with_help("begin with \"$\""));
            }
            Some('$') => self.at += 1,
            Some('.' | '[') => {}
            Some('"' | '\'') => segments.push(child(Selector::Name(exact(self.string()?)))),
            Some(_) => segments.push(child(Selector::Name(self.member_name()?))),
        }
        segments.extend(self.segments()?);
        match self.peek() {
            None => Ok(Query {
                absolute: true,
                segments,
            }),
            Some(other) => Err(self.unexpected(other)),
        }
    }

    fn unexpected(&self, found: char) -> CompileError {
        let error = self.error(format!("unexpected {found:?}"));
        match found {
            '-' => error
                .with_help("names with other characters than letters, digits and \"_\" need quotes: ['a-b']"),
            ',' => error.with_help("write one path; a list of names is written ['a','b']"),
            '/' | ':' => error.with_help("names are separated by \".\""),
            _ => error,
        }
    }

    pub(super) fn segments(&mut self) -> Parsed<Vec<Segment>> {
        let mut segments = Vec::new();
        loop {
            let before = self.at;
            self.blanks();
            if self.eat("..") {
                let selectors = match self.peek() {
                    Some('[') => self.bracket()?,
                    _ => vec![self.after_dot()?],
                };
                segments.push(Segment {
                    descendant: true,
                    selectors,
                });
            } else if self.eat(".") {
                segments.push(child(self.after_dot()?));
            } else if self.peek() == Some('[') {
                segments.push(Segment {
                    descendant: false,
                    selectors: self.bracket()?,
                });
            } else {
                self.at = before;
                return Ok(segments);
            }
        }
    }

    fn after_dot(&mut self) -> Parsed<Selector> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                Ok(Selector::Wildcard)
            }
            Some('"' | '\'') => Ok(Selector::Name(exact(self.string()?))),
            _ => self.member_name().map(Selector::Name),
        }
    }

    fn member_name(&mut self) -> Parsed<Name> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| name_char(c) && (self.at > start || !c.is_ascii_digit()))
        {
            self.at += 1;
        }
        if self.at == start {
            return Err(match self.peek() {
                None => self.error("a name is missing at the end"),
                Some(digit) if digit.is_ascii_digit() => self
                    .error("a name cannot begin with a digit")
                    .with_help("an index is written [0]"),
                Some(found) => self.error(format!("expected a name, found {found:?}")),
            });
        }
        let text: String = self.chars[start..self.at].iter().collect();
        let snake = super::names::is_snake(&text);
        Ok(Name { text, snake })
    }

    pub(super) fn bracket(&mut self) -> Parsed<Vec<Selector>> {
        self.expect('[')?;
        self.deeper()?;
        let mut selectors = Vec::new();
        loop {
            self.blanks();
            selectors.push(self.selector()?);
            self.blanks();
            if !self.eat(",") {
                break;
            }
        }
        self.expect(']')?;
        self.depth -= 1;
        Ok(selectors)
    }

    fn selector(&mut self) -> Parsed<Selector> {
        match self.peek() {
            Some('"' | '\'') => Ok(Selector::Name(exact(self.string()?))),
            Some('*') => {
                self.at += 1;
                Ok(Selector::Wildcard)
            }
            Some('?') => {
                self.at += 1;
                self.blanks();
                self.or().map(Selector::Filter)
            }
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | ':') => self.index_or_slice(),
            Some(found) => Err(self
                .error(format!(
                    "expected an index, a quoted name, \"*\" or a filter, found {found:?}"
                ))
                .with_help("names in brackets need quotes: ['a']")),
            None => Err(self.error("\"[\" is not closed")),
        }
    }

    fn index_or_slice(&mut self) -> Parsed<Selector> {
        let start = self.optional_integer()?;
        let before = self.at;
        self.blanks();
        if !self.eat(":") {
            self.at = before;
            return start
                .map(Selector::Index)
                .ok_or_else(|| self.error("expected an index"));
        }
        self.blanks();
        let end = self.optional_integer()?;
        self.blanks();
        let mut step = None;
        if self.eat(":") {
            self.blanks();
            step = self.optional_integer()?;
        }
        Ok(Selector::Slice {
            start,
            end,
            step: step.unwrap_or(1),
        })
    }

    fn optional_integer(&mut self) -> Parsed<Option<i64>> {
        match self.peek() {
            Some(c) if c == '-' || c.is_ascii_digit() => self.integer().map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> CompileError {
        self.error_at(self.at, message)
    }

    pub(super) fn error_at(&self, at: usize, message: impl Into<String>) -> CompileError {
        CompileError::new(ErrorKind::JsonPath, self.source, message).at_column(self.skipped + at + 1)
    }
}

fn child(selector: Selector) -> Segment {
    Segment {
        descendant: false,
        selectors: vec![selector],
    }
}

fn exact(text: String) -> Name {
    Name { text, snake: false }
}

fn name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}
