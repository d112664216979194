//! serde over the tree.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::loader::Tree;
use super::node::{Content, Entry, Node, Position};
use super::path::{Path, Step};

/// Why a node does not fit a type, with the place of the innermost node that does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeError {
    message: String,
    position: Option<Position>,
    /// From the innermost step outwards.
    steps: Vec<Step>,
}

impl DeError {
    /// Where the node stands that does not fit.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    pub(super) fn path(&self, from_root: bool) -> String {
        let path = self
            .steps
            .iter()
            .rev()
            .fold(Path::default(), |path, step| match step {
                Step::Key(key) => path.key(key),
                Step::Index(index) => path.index(*index),
            });
        let path = path.to_string();
        let joined = from_root || path.is_empty() || path.starts_with('[');
        if joined { path } else { format!(".{path}") }
    }

    fn at(self, node: &Node) -> Self {
        Self {
            position: self.position.or(Some(node.position)),
            ..self
        }
    }

    fn below(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Display for DeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DeError {}

impl de::Error for DeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            position: None,
            steps: Vec::new(),
        }
    }
}

impl Tree {
    /// Reads the document through serde. Stops at the first mistake; [`Tree::read`] finds all of them.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// use mqttkube_mapping::yaml;
    ///
    /// #[derive(Debug, serde::Deserialize)]
    /// struct Case {
    ///     name: String,
    ///     map: BTreeMap<i64, Option<String>>,
    /// }
    ///
    /// let case: Case = yaml::parse("name: on\nmap: {1: a, 0x2: ~}\n", "case.yaml", "")?.deserialize()?;
    /// assert_eq!((&*case.name, &case.map[&1], &case.map[&2]), ("on", &Some("a".to_owned()), &None));
    ///
    /// let wrong = yaml::parse("name: x\nmap:\n  1: [2]\n", "case.yaml", "")?.deserialize::<Case>();
    /// assert_eq!(
    ///     wrong.unwrap_err().to_string(),
    ///     "case.yaml:3:6: error: invalid type: sequence, expected a string",
    /// );
    /// # Ok::<(), yaml::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// The first value that does not fit, with its place.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, Diagnostics> {
        T::deserialize(&self.root).map_err(|error| {
            let position = error.position.unwrap_or(self.root.position);
            let path = error.path(true);
            Diagnostic::error(self.file.clone(), position, error.message)
                .with_path(path)
                .into()
        })
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let result = match &self.content {
            Content::Null => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            Content::Int(value) => visitor.visit_i64(*value),
            Content::Float(value) => visitor.visit_f64(*value),
            Content::Text(text) => visitor.visit_borrowed_str(text),
            Content::Sequence(items) => visitor.visit_seq(Items {
                items: items.iter().enumerate(),
            }),
            Content::Mapping(entries) => visitor.visit_map(Entries {
                entries: entries.iter(),
                value: None,
            }),
        };
        result.map_err(|error| error.at(self))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        visitor.visit_newtype_struct(self)
    }

    /// A word is a variant without data; a mapping of one key is a variant with data.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let result = match &self.content {
            Content::Text(text) => {
                visitor.visit_enum(IntoDeserializer::<DeError>::into_deserializer(&**text))
            }
            Content::Mapping(entries) => match entries.as_slice() {
                [entry] => visitor.visit_enum(Variant { entry }),
                _ => Err(de::Error::custom(format!(
                    "expected a mapping of one key, found {} keys",
                    entries.len()
                ))),
            },
            _ => Err(de::Error::custom(format!(
                "expected text or a mapping of one key, found {}",
                self.kind()
            ))),
        };
        result.map_err(|error| error.at(self))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, DeError> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Items<'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DeError> {
        let Some((index, item)) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(item)
            .map(Some)
            .map_err(|error| error.at(item).below(Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, Entry>,
    value: Option<&'de Entry>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DeError> {
        self.value = self.entries.next();
        let Some(entry) = self.value else {
            return Ok(None);
        };
        seed.deserialize(&entry.key)
            .map(Some)
            .map_err(|error| error.at(&entry.key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        let Some(entry) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(&entry.value)
            .map_err(|error| error.at(&entry.value).below(step(entry)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

struct Variant<'de> {
    entry: &'de Entry,
}

impl<'de> de::EnumAccess<'de> for Variant<'de> {
    type Error = DeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DeError> {
        let name = self.entry.key.as_str().unwrap_or_default();
        let name: StrDeserializer<'_, DeError> = name.into_deserializer();
        let variant = seed
            .deserialize(name)
            .map_err(|error| error.at(&self.entry.key))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'de> {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        if self.entry.value.is_null() {
            return Ok(());
        }
        Err(<DeError as de::Error>::custom("this variant takes no value").at(&self.entry.value))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DeError> {
        seed.deserialize(&self.entry.value)
            .map_err(|error| error.at(&self.entry.value).below(step(self.entry)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DeError> {
        self.entry
            .value
            .deserialize_any(visitor)
            .map_err(|error| error.below(step(self.entry)))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.entry
            .value
            .deserialize_any(visitor)
            .map_err(|error| error.below(step(self.entry)))
    }
}

fn step(entry: &Entry) -> Step {
    Step::Key(
        entry
            .key
            .as_str()
            .map_or_else(|| super::mapping::shown(&entry.key), str::to_owned)
            .into(),
    )
}
