//! Places inside of objects: JSONPath for reading, and the smallest patch for writing.
//!
//! All of RFC 9535, and the spellings that people bring along: `spec.replicas`, `.spec.replicas`,
//! `{.spec.replicas}` as in kubectl, `labels."a/b"` and `status.available_replicas` as in the Python program
//! mqtt-kube. Patterns of `match()` and `search()` must be literals, so that they are compiled once.

mod ast;
mod filter;
mod names;
mod parse;
mod read;
mod text;
mod write;

use std::fmt;

use serde_json::Value;

use crate::error::{CompileError, ErrorKind, EvalError};
use ast::{Query, Selector};
use parse::Parser;
use read::Reader;

pub use write::{PatchOp, WriteError, WritePath};

/// A place, or several, inside of every object of a kind. Parsed once, `Send` and `Sync`.
///
/// ```
/// use mqttkube_mapping::{Hits, Locus};
/// use serde_json::json;
///
/// let (locus, warnings) = Locus::parse("status.containers[?@.name == 'web'].ready")?;
/// assert!(warnings.is_empty());
/// let object = json!({"status": {"containers": [{"name": "web", "ready": true}]}});
/// assert_eq!(locus.read(&object)?, Hits::One(&json!(true)));
///
/// let path = locus.write_path()?;
/// let patch = path.json_patch(&object, json!(false))?;
/// assert_eq!(
///     serde_json::to_value(patch)?,
///     json!([
///         {"op": "test", "path": "/status/containers/0/name", "value": "web"},
///         {"op": "replace", "path": "/status/containers/0/ready", "value": false},
///     ]),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Locus {
    query: Query,
    text: String,
    singular: bool,
}

/// What a locus finds in an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Hits<'v> {
    /// Nothing is there.
    None,
    /// One value.
    One(&'v Value),
    /// Several values, in the order of RFC 9535.
    Many(Vec<&'v Value>),
}

/// Something in a text that works but may not mean what its author thinks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// What is noticed.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Locus {
    /// Reads a path in any of the accepted spellings.
    ///
    /// # Errors
    /// The text is no path; the error has the column.
    pub fn parse(text: &str) -> Result<(Self, Vec<Warning>), CompileError> {
        let mut query = Parser::new(text)?.path()?;
        let warnings = settle_snake_names(&mut query);
        let singular = query.is_singular();
        Ok((
            Self {
                query,
                text: text.to_owned(),
                singular,
            },
            warnings,
        ))
    }

    /// Reads a path for data of unknown origin: every name means what it says.
    pub(crate) fn parse_exact(text: &str) -> Result<Self, CompileError> {
        let (mut locus, _) = Self::parse(text)?;
        for segment in &mut locus.query.segments {
            for selector in &mut segment.selectors {
                if let Selector::Name(name) = selector {
                    name.snake = false;
                }
            }
        }
        Ok(locus)
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the path finds. A path of names and indexes does not allocate.
    ///
    /// # Errors
    /// The path looks at more than 100,000 values.
    pub fn read<'v>(&self, object: &'v Value) -> Result<Hits<'v>, EvalError> {
        if self.singular {
            return Ok(Reader::new(object)
                .singular(&self.query, object)
                .map_or(Hits::None, Hits::One));
        }
        let mut found = Reader::new(object).query(&self.query, object)?;
        Ok(match found.len() {
            0 => Hits::None,
            1 => Hits::One(found.swap_remove(0)),
            _ => Hits::Many(found),
        })
    }

    /// The first value that the path finds.
    ///
    /// # Errors
    /// As [`Locus::read`].
    pub fn first<'v>(&self, object: &'v Value) -> Result<Option<&'v Value>, EvalError> {
        Ok(match self.read(object)? {
            Hits::None => None,
            Hits::One(value) => Some(value),
            Hits::Many(values) => values.first().copied(),
        })
    }

    /// The path for writing.
    ///
    /// # Errors
    /// It can lead to several places ([`ErrorKind::NotSingular`]), or is the whole object.
    pub fn write_path(&self) -> Result<WritePath, CompileError> {
        let Some(path) = WritePath::new(&self.query, &self.text) else {
            let message = format!(
                "the path {} can lead to several places, but a value is written to one",
                self.text
            );
            let help = "use names, an index, or a filter such as [?@.name=='web']";
            return Err(CompileError::new(ErrorKind::NotSingular, &*self.text, message).with_help(help));
        };
        if path.is_root() {
            let message = "the whole object cannot be written";
            return Err(CompileError::new(ErrorKind::JsonPath, &*self.text, message));
        }
        Ok(path)
    }
}

/// Names below labels and the like mean what they say; other snake_case names are announced.
fn settle_snake_names(query: &mut Query) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut free = false;
    for segment in &mut query.segments {
        let mut names_follow = false;
        for selector in &mut segment.selectors {
            let Selector::Name(name) = selector else { continue };
            names_follow |= names::has_free_names(&name.text);
            name.snake &= !free;
            if name.snake {
                let camel = names::camel(&name.text);
                warnings.push(Warning {
                    message: format!(
                        "{:?} is taken for {camel:?} where an object has no member of that name",
                        name.text
                    ),
                    help: format!("write {camel}, or ['{}'] if it is meant as it stands", name.text),
                });
            }
        }
        free = names_follow;
    }
    warnings
}

impl<'v> Hits<'v> {
    /// All values that were found.
    pub fn iter(&self) -> impl Iterator<Item = &'v Value> + '_ {
        let (one, many): (Option<&'v Value>, &[&'v Value]) = match self {
            Self::None => (None, &[]),
            Self::One(value) => (Some(value), &[]),
            Self::Many(values) => (None, values),
        };
        one.into_iter().chain(many.iter().copied())
    }
}

impl fmt::Display for Locus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Locus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locus({:?})", self.text)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}
