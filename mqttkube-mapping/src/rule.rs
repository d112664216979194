//! The entries of a map: which one takes a value.

use std::collections::HashMap;

use serde_json::{Number, Value};

use crate::error::{CompileError, ErrorKind};
use crate::spec::{MapKey, SpecNode};
use crate::value;
use crate::value_map::InputValue;

/// The entries of a map.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    texts: HashMap<Box<str>, usize>,
    numbers: HashMap<Num, usize>,
    truths: [Option<usize>; 2],
    null: Option<usize>,
    outputs: Vec<Value>,
}

/// A number with an exact idea of equality: integers by value whatever their notation, the rest by bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Num {
    Int(i64),
    Large(u64),
    Float(u64),
}

impl Num {
    fn of_float(number: f64) -> Self {
        value::integral(number).map_or_else(|| Self::Float(number.to_bits()), Self::Int)
    }

    fn of(number: &Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Self::Int(integer),
            (None, Some(large)) => Self::Large(large),
            (None, None) => Self::of_float(number.as_f64().unwrap_or_default()),
        }
    }
}

impl Rules {
    pub(crate) fn compile(node: &SpecNode) -> Result<Option<Self>, CompileError> {
        let entries = match node {
            SpecNode::Map(entries) if !entries.is_empty() => entries,
            SpecNode::Map(_) | SpecNode::Scalar(Value::Null) => return Ok(None),
            _ => return Err(CompileError::new(ErrorKind::Shape, "", "map must be a map")),
        };
        let mut rules = Self::default();
        for (index, (key, output)) in entries.iter().enumerate() {
            rules.insert(key, index);
            rules.outputs.push(plain(output));
        }
        Ok(Some(rules))
    }

    fn insert(&mut self, key: &MapKey, index: usize) {
        match key {
            MapKey::Text(text) => _ = self.texts.entry(text.as_str().into()).or_insert(index),
            MapKey::Int(number) => _ = self.numbers.entry(Num::Int(*number)).or_insert(index),
            MapKey::Float(number) => _ = self.numbers.entry(Num::of_float(*number)).or_insert(index),
            MapKey::Bool(truth) => _ = self.truths[usize::from(*truth)].get_or_insert(index),
            MapKey::Null => _ = self.null.get_or_insert(index),
        }
    }

    pub(crate) fn find(&self, input: InputValue<'_>) -> Option<&Value> {
        let index = match input {
            InputValue::Text(text) => self.texts.get(text).copied(),
            InputValue::Json(Value::String(text)) => self.texts.get(text.as_str()).copied(),
            InputValue::Json(Value::Number(number)) => self.numbers.get(&Num::of(number)).copied(),
            InputValue::Json(Value::Bool(truth)) => self.truths[usize::from(*truth)],
            InputValue::Json(Value::Null) => self.null,
            InputValue::Json(_) => None,
        };
        index.and_then(|index| self.outputs.get(index))
    }
}

fn plain(node: &SpecNode) -> Value {
    match node {
        SpecNode::Scalar(value) => value.clone(),
        SpecNode::List(items) => items.iter().map(plain).collect(),
        SpecNode::Map(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, node)| (key.to_string(), plain(node)))
                .collect(),
        ),
    }
}
