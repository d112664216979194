//! Reading values out of a tree so that every mistake of the file is found in one pass.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::loader::{Tree, join_path};
use super::node::{Content, Entry, Node, Position};
use super::path::Path;
use super::section::Section;
use super::suggest::suggest;
use crate::error::{CompileError, PathSeg};

/// A type that can be read from a node. What is wrong goes to the cursor; `None` says that something was.
///
/// ```
/// use mqttkube_mapping::yaml::{self, Cursor, FromNode};
///
/// struct Port(u16);
///
/// impl FromNode for Port {
///     fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
///         let port: u16 = cursor.read()?;
///         if port == 0 {
///             cursor.error("port 0 cannot be connected to");
///             return None;
///         }
///         Some(Self(port))
///     }
/// }
///
/// let tree = yaml::parse("0", "port.yaml", "")?;
/// let errors = tree.read(|cursor| cursor.read::<Port>()).map(|_| ()).unwrap_err();
/// assert_eq!(errors.to_string(), "port.yaml:1:1: error: port 0 cannot be connected to");
/// # Ok::<(), yaml::Diagnostics>(())
/// ```
pub trait FromNode: Sized {
    /// Reads the node under the cursor.
    fn from_node(cursor: &Cursor<'_>) -> Option<Self>;
}

/// A node together with its path and the list that mistakes go to.
#[derive(Clone)]
pub struct Cursor<'t> {
    node: &'t Node,
    path: Path,
    tree: &'t Tree,
    report: &'t RefCell<Vec<Diagnostic>>,
}

impl Tree {
    /// Reads the document with `read`, which goes on after a mistake so that all of them are found.
    ///
    /// The result comes with warnings and notes.
    ///
    /// # Errors
    /// All mistakes, when there is any. `read` gives `None` only after it reported one.
    pub fn read<T>(
        &self,
        read: impl FnOnce(Cursor<'_>) -> Option<T>,
    ) -> Result<(T, Diagnostics), Diagnostics> {
        let report = RefCell::new(Vec::new());
        let value = read(Cursor {
            node: &self.root,
            path: Path::default(),
            tree: self,
            report: &report,
        });
        let found: Diagnostics = report.into_inner().into_iter().collect();
        match value {
            Some(value) if !found.has_errors() => Ok((value, found)),
            None if !found.has_errors() => {
                let message = "the document was not understood";
                Err(found
                    .into_iter()
                    .chain([Diagnostic::error(self.file.clone(), self.root.position, message)])
                    .collect())
            }
            _ => Err(found),
        }
    }
}

impl<'t> Cursor<'t> {
    /// The node itself.
    pub fn node(&self) -> &'t Node {
        self.node
    }

    /// Name of the file as given to the loader.
    pub fn file(&self) -> &'t str {
        self.tree.file()
    }

    /// Where the node stands.
    pub fn position(&self) -> Position {
        self.node.position
    }

    /// The path of the node inside the document, as `bindings[2].patch[0]`.
    pub fn path(&self) -> String {
        self.path.to_string()
    }

    /// Reads the node as a `T`.
    pub fn read<T: FromNode>(&self) -> Option<T> {
        T::from_node(self)
    }

    /// Reads the node through serde; the first mistake is reported.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Option<T> {
        match T::deserialize(self.node) {
            Ok(value) => Some(value),
            Err(error) => {
                let path = format!("{}{}", self.path, error.path(self.path().is_empty()));
                let position = error.position().unwrap_or(self.node.position);
                let diagnostic = Diagnostic::error(self.tree.file.clone(), position, error.to_string());
                self.report.borrow_mut().push(diagnostic.with_path(path));
                None
            }
        }
    }

    /// The node as text.
    pub fn text(&self) -> Option<&'t str> {
        match &self.node.content {
            Content::Text(text) => Some(text),
            Content::Bool(_) | Content::Int(_) | Content::Float(_) => {
                let message = format!("expected text, found {}", self.node.kind());
                self.error_with_help(message, "put it in quotes");
                None
            }
            _ => self.expected("text"),
        }
    }

    /// The node as text that is parsed; the parser's message is reported as it is.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Option<T> {
        match self.text()?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(error.to_string());
                None
            }
        }
    }

    /// The node as the path of a file, which begins at the folder of this file when it is relative.
    pub fn file_path(&self) -> Option<String> {
        let text = self.text()?;
        // `!relpath` was joined when the file was read.
        let whole = self.node.tag.is_some();
        Some(if whole {
            text.to_owned()
        } else {
            join_path(&self.tree.folder, text)
        })
    }

    /// The node as one of several words.
    pub fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        let words = choices.iter().map(|(word, _)| *word);
        let help = match suggest(text, words.clone()) {
            Some(word) => format!("did you mean {word:?}?"),
            None => format!("it is one of {}", words.collect::<Vec<_>>().join(", ")),
        };
        self.error_with_help(format!("unknown value {text:?}"), help);
        None
    }

    /// The node as a mapping with fixed keys. `what` names it in messages with its article: `a binding`.
    pub fn section(&self, what: &'static str) -> Option<Section<'t>> {
        match &self.node.content {
            Content::Mapping(entries) => Some(Section::new(self.clone(), entries, what)),
            _ => self.expected(&format!("{what} with its keys")),
        }
    }

    /// The elements of a list.
    pub fn items(&self) -> Option<Vec<Self>> {
        match &self.node.content {
            Content::Sequence(items) => Some(self.elements(items)),
            _ => self.expected("a list"),
        }
    }

    /// The elements of a list, or the node itself as the only one; nothing for null.
    pub fn one_or_many(&self) -> Vec<Self> {
        match &self.node.content {
            Content::Null => Vec::new(),
            Content::Sequence(items) => self.elements(items),
            _ => vec![self.clone()],
        }
    }

    fn elements(&self, items: &'t [Node]) -> Vec<Self> {
        let cursor = |(index, node)| Self {
            node,
            path: self.path.index(index),
            ..self.clone()
        };
        items.iter().enumerate().map(cursor).collect()
    }

    /// Keys and values of a mapping with free keys, in the order of the file. In paths, entries have numbers.
    pub fn entries(&self) -> Option<Vec<(Self, Self)>> {
        let Content::Mapping(entries) = &self.node.content else {
            return self.expected("a mapping");
        };
        let cursors = entries.iter().enumerate().map(|(index, Entry { key, value })| {
            let path = self.path.index(index);
            (
                Self {
                    node: key,
                    path: path.clone(),
                    ..self.clone()
                },
                Self {
                    node: value,
                    path,
                    ..self.clone()
                },
            )
        });
        Some(cursors.collect())
    }

    /// The folder where relative paths of this file begin.
    pub fn folder(&self) -> &'t str {
        &self.tree.folder
    }

    pub(super) fn child(&self, key: &str, node: &'t Node) -> Self {
        Self {
            node,
            path: self.path.key(key),
            ..self.clone()
        }
    }

    /// Reports that the node has the wrong type. Gives `None`, so that it can end a function.
    pub fn expected<T>(&self, expected: &str) -> Option<T> {
        self.error(format!("expected {expected}, found {}", self.node.kind()));
        None
    }

    /// Reports a mistake at this node.
    pub fn error(&self, message: impl Into<String>) {
        self.report(Severity::Error, self.node.position, message.into(), None);
    }

    /// Reports a mistake at this node with what to do about it.
    pub fn error_with_help(&self, message: impl Into<String>, help: impl Into<String>) {
        self.report(
            Severity::Error,
            self.node.position,
            message.into(),
            Some(help.into()),
        );
    }

    /// Reports a mistake at a character (counted from 0) of this node's text.
    pub fn error_at(&self, offset: usize, message: impl Into<String>, help: Option<String>) {
        self.report(
            Severity::Error,
            self.node.position_at(offset),
            message.into(),
            help,
        );
    }

    /// Reports what is wrong with a text that was compiled out of this node, at its place inside the node and,
    /// where the notation allows, inside the text.
    pub fn compile_errors<'e>(&self, errors: impl IntoIterator<Item = &'e CompileError>) {
        for error in errors {
            let place = self.descend(&error.path);
            // Only a text that stands in the file as it was compiled has a place for its columns.
            let offset = if place.node.as_str() == Some(&error.text) {
                error.column.saturating_sub(1)
            } else {
                0
            };
            place.error_at(offset, error.message.clone(), error.help.clone());
        }
    }

    /// The node at a path below this one, or the last node on the way that exists.
    fn descend(&self, steps: &[PathSeg]) -> Self {
        let mut at = self.clone();
        for step in steps {
            let Some(next) = at.step(step) else { break };
            at = next;
        }
        at
    }

    fn step(&self, step: &PathSeg) -> Option<Self> {
        match (step, &self.node.content) {
            (PathSeg::Key(key), _) => self.node.get(key).map(|node| self.child(key, node)),
            (PathSeg::Index(index), Content::Sequence(items)) => {
                let node = items.get(*index)?;
                Some(Self {
                    node,
                    path: self.path.index(*index),
                    ..self.clone()
                })
            }
            (PathSeg::EntryKey(index) | PathSeg::EntryValue(index), Content::Mapping(entries)) => {
                let Entry { key, value } = entries.get(*index)?;
                let node = if matches!(step, PathSeg::EntryKey(_)) {
                    key
                } else {
                    value
                };
                Some(Self {
                    node,
                    path: self.path.index(*index),
                    ..self.clone()
                })
            }
            _ => None,
        }
    }

    /// Reports something that works but is perhaps not meant.
    pub fn warning(&self, message: impl Into<String>) {
        self.report(Severity::Warning, self.node.position, message.into(), None);
    }

    /// Reports something worth knowing.
    pub fn info(&self, message: impl Into<String>) {
        self.report(Severity::Note, self.node.position, message.into(), None);
    }

    fn report(&self, severity: Severity, position: Position, message: String, help: Option<String>) {
        let diagnostic = Diagnostic::error(self.tree.file.clone(), position, message)
            .with_path(self.path.to_string())
            .with_severity(severity);
        let diagnostic = match help {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        };
        self.report.borrow_mut().push(diagnostic);
    }
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.path.to_string(), self.node.position)
    }
}
