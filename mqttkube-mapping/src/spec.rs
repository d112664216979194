//! The `values:` section as a person wrote it, before it is checked.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The key of one entry. Its type counts: `1`, `"1"` and `true` are different keys.
#[derive(Debug, Clone, PartialEq)]
pub enum MapKey {
    /// Text, also the text of a `re:` or `lambda` key.
    Text(String),
    /// An integer.
    Int(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `~` or `null`.
    Null,
}

/// One node of the section: JSON, but for the keys of its maps, which keep their type.
#[derive(Debug, Clone, PartialEq)]
pub enum SpecNode {
    /// Text, a number, a boolean or null; never a list or an object.
    Scalar(Value),
    /// A list.
    List(Vec<Self>),
    /// A map, in file order.
    Map(Vec<(MapKey, Self)>),
}

/// The `values:` section of an item, or the part of it that a program wrote in Rust.
///
/// Nothing is checked here: [`crate::ValueMap::compile`] reports everything that is wrong, all at once.
///
/// ```
/// use mqttkube_mapping::{MapKey, ValuesSpec};
/// use serde_json::json;
///
/// let spec = ValuesSpec::new()
///     .transform("int")
///     .entry(MapKey::Int(1), json!("ON"))
///     .entry(MapKey::Null, json!("OFF"))
///     .default_output(json!("unknown"));
/// # drop(spec);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ValuesSpec(SpecNode);

impl Default for ValuesSpec {
    fn default() -> Self {
        Self(SpecNode::Map(Vec::new()))
    }
}

impl From<SpecNode> for ValuesSpec {
    fn from(node: SpecNode) -> Self {
        Self(node)
    }
}

impl ValuesSpec {
    /// A section without any key: every value passes through unchanged.
    pub fn new() -> Self {
        Self::default()
    }

    /// The whole section.
    pub fn node(&self) -> &SpecNode {
        &self.0
    }

    /// Sets the expression that every value goes through first.
    #[must_use]
    pub fn transform(self, expression: impl Into<String>) -> Self {
        self.set("transform", SpecNode::from(Value::String(expression.into())))
    }

    /// Sets the path that is read from the value, which is JSON text or already structured.
    #[must_use]
    pub fn jsonpath(self, path: impl Into<String>) -> Self {
        self.set("jsonpath", SpecNode::from(Value::String(path.into())))
    }

    /// Adds one entry to the map, after those that are there.
    #[must_use]
    pub fn entry(mut self, key: MapKey, output: Value) -> Self {
        let entry = (key, SpecNode::from(output));
        match self.member("map") {
            Some(SpecNode::Map(entries)) => entries.push(entry),
            _ => return self.set("map", SpecNode::Map(vec![entry])),
        }
        self
    }

    /// Sets the output for values that no entry takes.
    #[must_use]
    pub fn default_output(self, output: Value) -> Self {
        self.set("default", SpecNode::from(output))
    }

    /// Makes bare format fields print as Python does: `True`, `None`, `{'a': 1}`.
    #[must_use]
    pub fn python_text(self) -> Self {
        self.set("compat", SpecNode::from(Value::from("python")))
    }

    fn member(&mut self, name: &str) -> Option<&mut SpecNode> {
        let SpecNode::Map(members) = &mut self.0 else {
            return None;
        };
        let member = members
            .iter_mut()
            .find(|(key, _)| matches!(key, MapKey::Text(text) if text == name));
        member.map(|(_, node)| node)
    }

    fn set(mut self, name: &str, node: SpecNode) -> Self {
        if let Some(member) = self.member(name) {
            *member = node;
        } else if let SpecNode::Map(members) = &mut self.0 {
            members.push((MapKey::Text(name.to_owned()), node));
        } else {
            self.0 = SpecNode::Map(vec![(MapKey::Text(name.to_owned()), node)]);
        }
        self
    }
}

impl From<Value> for SpecNode {
    fn from(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => Self::Map(
                members
                    .into_iter()
                    .map(|(key, value)| (MapKey::Text(key), Self::from(value)))
                    .collect(),
            ),
            scalar => Self::Scalar(scalar),
        }
    }
}

impl fmt::Display for MapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => f.write_str(&crate::value::float_repr(*number)),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Null => f.write_str("null"),
        }
    }
}

impl<'de> Deserialize<'de> for ValuesSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = SpecNode::deserialize(deserializer)?;
        // An absent section and an empty one are the same.
        Ok(if node == SpecNode::Scalar(Value::Null) {
            Self::default()
        } else {
            Self(node)
        })
    }
}

impl<'de> Deserialize<'de> for SpecNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = SpecNode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true, false, null, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<SpecNode, E> {
        Ok(SpecNode::Scalar(Value::Null))
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<SpecNode, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<SpecNode, D::Error> {
        SpecNode::deserialize(deserializer)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<SpecNode, E> {
        Ok(SpecNode::Scalar(truth.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<SpecNode, E> {
        Ok(SpecNode::Scalar(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<SpecNode, E> {
        Ok(SpecNode::Scalar(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<SpecNode, E> {
        let number = serde_json::Number::from_f64(number);
        number
            .map(|number| SpecNode::Scalar(number.into()))
            .ok_or_else(|| E::custom("the number is not finite"))
    }

    fn visit_str<E>(self, text: &str) -> Result<SpecNode, E> {
        Ok(SpecNode::Scalar(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<SpecNode, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(SpecNode::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<SpecNode, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<SpecNode>()? {
            let key = MapKey::try_from(key).map_err(A::Error::custom)?;
            entries.push((key, access.next_value()?));
        }
        Ok(SpecNode::Map(entries))
    }
}

impl TryFrom<SpecNode> for MapKey {
    type Error = &'static str;

    fn try_from(node: SpecNode) -> Result<Self, Self::Error> {
        match node {
            SpecNode::Scalar(Value::String(text)) => Ok(Self::Text(text)),
            SpecNode::Scalar(Value::Bool(truth)) => Ok(Self::Bool(truth)),
            SpecNode::Scalar(Value::Null) => Ok(Self::Null),
            SpecNode::Scalar(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Ok(Self::Int(integer)),
                (None, Some(float)) if number.is_f64() => Ok(Self::Float(float)),
                _ => Err("the key is an integer beyond 64 bits"),
            },
            SpecNode::Scalar(_) | SpecNode::List(_) | SpecNode::Map(_) => {
                Err("a key is text, a number, true, false or null")
            }
        }
    }
}
