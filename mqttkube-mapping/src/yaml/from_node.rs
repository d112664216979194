//! Ordinary types read from nodes.

use serde_json::Value;

use super::cursor::{Cursor, FromNode};
use super::node::{Content, Node};
use crate::topic::{Topic, TopicFilter, TopicPrefix};

impl FromNode for String {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        cursor.text().map(Self::from)
    }
}

impl FromNode for bool {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        match &cursor.node().content {
            Content::Bool(value) => Some(*value),
            Content::Text(text) if matches!(&*text.to_lowercase(), "on" | "yes" | "off" | "no") => {
                cursor.error_with_help(
                    format!("expected true or false, found the text {text:?}"),
                    "write true or false",
                );
                None
            }
            _ => cursor.expected("true or false"),
        }
    }
}

impl FromNode for i64 {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        match cursor.node().content {
            Content::Int(value) => Some(value),
            Content::Float(_) => {
                cursor.error("expected a whole number, found one with a point");
                None
            }
            _ => cursor.expected("a whole number"),
        }
    }
}

impl FromNode for f64 {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        match cursor.node().content {
            Content::Int(value) => Some(value as Self),
            Content::Float(value) => Some(value),
            _ => cursor.expected("a number"),
        }
    }
}

macro_rules! from_integer {
    ($($type:ty),*) => {$(
        impl FromNode for $type {
            fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
                let value: i64 = cursor.read()?;
                let narrow = Self::try_from(value);
                if narrow.is_err() {
                    cursor.error(format!("{value} is not between {} and {}", Self::MIN, Self::MAX));
                }
                narrow.ok()
            }
        }
    )*};
}

from_integer!(u8, u16, u32, u64, usize, i32);

macro_rules! from_text {
    ($($type:ty),*) => {$(
        impl FromNode for $type {
            fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
                cursor.parse()
            }
        }
    )*};
}

from_text!(Topic, TopicFilter, TopicPrefix);

/// Every element is read, so that all mistakes in a list are found.
impl<T: FromNode> FromNode for Vec<T> {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let items: Vec<Option<T>> = cursor.items()?.iter().map(Cursor::read).collect();
        items.into_iter().collect()
    }
}

impl FromNode for Value {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        match cursor.node().to_json() {
            Ok(value) => Some(value),
            Err(key) => {
                cursor.error_with_help(
                    format!(
                        "the key at line {} is {}, but only text can be a key here",
                        key.position.line, key.found
                    ),
                    "put it in quotes",
                );
                None
            }
        }
    }
}

impl FromNode for Node {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        Some(cursor.node().clone())
    }
}
