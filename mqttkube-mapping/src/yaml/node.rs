//! The tree that a YAML document becomes.

use std::fmt;

use serde_json::{Map, Number, Value};

/// Where something stands in its file. Both count from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// How a node was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Style {
    /// A scalar without quotes.
    Plain,
    /// `'text'`.
    SingleQuoted,
    /// `"text"`.
    DoubleQuoted,
    /// A block scalar after `|`.
    Literal,
    /// A block scalar after `>`.
    Folded,
    /// A list or mapping by indentation.
    Block,
    /// A list or mapping in brackets.
    Flow,
}

/// The tags that a document may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tag {
    /// `!relpath`: a path relative to the folder of the file. The text of the node is the whole path already.
    RelPath,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// `~`, `null`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number with a point; always finite.
    Float(f64),
    /// Text.
    Text(Box<str>),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the file, without duplicate keys; merge keys are applied.
    Mapping(Vec<Entry>),
}

/// One value of a document with its place and notation.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the node begins.
    pub position: Position,
    /// How it was written.
    pub style: Style,
    /// Its tag, if it has one.
    pub tag: Option<Tag>,
    /// What it holds.
    pub content: Content,
}

/// One key of a mapping with its value. The key is a scalar and keeps its type.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Node,
    /// The value.
    pub value: Node,
}

/// A mapping key that is no text, where JSON needs text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNotText {
    /// Where the key stands.
    pub position: Position,
    /// What the key is, in words.
    pub found: &'static str,
}

impl Position {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Node {
    pub(super) fn null() -> Self {
        Self {
            position: Position::START,
            style: Style::Plain,
            tag: None,
            content: Content::Null,
        }
    }

    /// The text of a text node.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the node is null or empty.
    pub fn is_null(&self) -> bool {
        self.content == Content::Null
    }

    /// The value under a key that is text; `None` when there is none or the node is no mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Content::Mapping(entries) = &self.content else {
            return None;
        };
        entries
            .iter()
            .find(|entry| entry.key.as_str() == Some(key))
            .map(|entry| &entry.value)
    }

    /// The kind of value in words, for messages: `a list`, `the number 3`, `text`.
    pub fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Bool(true) => "true",
            Content::Bool(false) => "false",
            Content::Int(_) | Content::Float(_) => "a number",
            Content::Text(_) => "text",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }

    /// The same value as JSON.
    ///
    /// # Errors
    /// A mapping key that is no text has no place in JSON.
    pub fn to_json(&self) -> Result<Value, KeyNotText> {
        Ok(match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Int(value) => Value::from(*value),
            Content::Float(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
            Content::Text(text) => Value::String(text.to_string()),
            Content::Sequence(items) => {
                Value::Array(items.iter().map(Self::to_json).collect::<Result<_, _>>()?)
            }
            Content::Mapping(entries) => {
                let mut object = Map::new();
                for Entry { key, value } in entries {
                    let name = key.as_str().ok_or(KeyNotText {
                        position: key.position,
                        found: key.kind(),
                    })?;
                    object.insert(name.to_owned(), value.to_json()?);
                }
                Value::Object(object)
            }
        })
    }

    /// Where the character at `offset` (in characters) of this node's text stands. Exact for block text after
    /// `|`, and for plain and quoted text on one line without escapes before the place; else the beginning of
    /// the node.
    pub fn position_at(&self, offset: usize) -> Position {
        let Some(text) = self.as_str().filter(|_| self.tag.is_none()) else {
            return self.position;
        };
        let before = || text.chars().take(offset);
        let (quote, escaped): (usize, fn(char) -> bool) = match self.style {
            Style::Plain => (0, |c| c == '\n'),
            Style::SingleQuoted => (1, |c| matches!(c, '\'' | '\n')),
            Style::DoubleQuoted => (1, |c| matches!(c, '"' | '\\') || c.is_control()),
            Style::Literal => (0, |_| false),
            _ => return self.position,
        };
        if before().any(escaped) {
            return self.position;
        }
        let lines = before().filter(|c| *c == '\n').count();
        let column = before()
            .collect::<Vec<_>>()
            .rsplit(|c| *c == '\n')
            .next()
            .map_or(0, <[char]>::len);
        let add = |number: u32, more: usize| number.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        Position {
            line: add(self.position.line, lines),
            column: add(self.position.column, column + quote),
        }
    }
}
