//! Dicts that an expression makes: insertion order, keys of any hashable type.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Items, Text, Val, integral, type_error};
use crate::error::EvalError;

/// A dict in insertion order.
#[derive(Debug, Default)]
pub(crate) struct Dict<'a> {
    entries: Vec<(Val<'a>, Val<'a>)>,
    index: HashMap<Key, usize>,
}

/// What Python hashes: equal values have equal keys, so `1`, `1.0` and `True` are the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Null,
    Int(i64),
    Large(u64),
    Float(u64),
    Str(Rc<str>),
    Tuple(Box<[Self]>),
}

impl Key {
    pub(crate) fn new(value: &Val<'_>) -> Result<Self, EvalError> {
        Ok(match value {
            Val::Null => Self::Null,
            Val::Bool(truth) => Self::Int(i64::from(*truth)),
            Val::Int(number) => Self::Int(*number),
            Val::Large(number) => Self::Large(*number),
            Val::Float(number) => integral(*number).map_or_else(|| Self::Float(number.to_bits()), Self::Int),
            Val::Str(Text::Own(text)) => Self::Str(Rc::clone(text)),
            Val::Str(Text::Ref(text)) => Self::text(text),
            Val::Tuple(items) => Self::tuple(items)?,
            Val::List(_) | Val::Dict(_) | Val::Type(_) => {
                return Err(type_error(format!("unhashable type: {}", value.type_name())));
            }
        })
    }

    fn tuple(items: &Items<'_>) -> Result<Self, EvalError> {
        items
            .iter()
            .map(|item| Self::new(&item))
            .collect::<Result<_, _>>()
            .map(Self::Tuple)
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl<'a> Dict<'a> {
    pub(crate) fn from_texts(members: impl Iterator<Item = (String, Val<'a>)>) -> Self {
        let mut dict = Self::default();
        for (name, value) in members {
            let name: Rc<str> = name.into();
            dict.put(Key::Str(Rc::clone(&name)), Val::Str(Text::Own(name)), value);
        }
        dict
    }

    pub(crate) fn insert(&mut self, key: Val<'a>, value: Val<'a>) -> Result<(), EvalError> {
        self.put(Key::new(&key)?, key, value);
        Ok(())
    }

    /// A key that is there keeps its place and its spelling, as in Python.
    fn put(&mut self, hash: Key, key: Val<'a>, value: Val<'a>) {
        let end = self.entries.len();
        let place = *self.index.entry(hash).or_insert(end);
        if place == end {
            self.entries.push((key, value));
        } else {
            self.entries[place].1 = value;
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Val<'a>> {
        self.index.get(key).map(|place| &self.entries[*place].1)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (Val<'a>, Val<'a>)> {
        self.entries.iter()
    }
}
