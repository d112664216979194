//! What can be wrong with a mapping when it is compiled, and when it is applied.

use thiserror::Error;

/// One step from a `values:` section down to a node in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathSeg {
    /// A member of an object, by its name.
    Key(String),
    /// An element of a list, counted from 0.
    Index(usize),
    /// The key of the n-th entry of a map, counted from 0 in file order.
    EntryKey(usize),
    /// The value of the n-th entry of a map, counted from 0 in file order.
    EntryValue(usize),
}

/// The class of a [`CompileError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A node has the wrong shape, for example a list where a map belongs.
    Shape,
    /// A key that has no meaning where it stands.
    UnknownKey,
    /// An expression that cannot be used.
    Expression,
    /// A regular expression that cannot be used.
    Regex,
    /// A JSONPath that cannot be used.
    JsonPath,
    /// A JSONPath that can lead to several places, where a value is written to one.
    NotSingular,
    /// A format template that cannot be used.
    Format,
    /// A name that no input can supply.
    UnknownName,
    /// A regular expression names a group like something that the mapping supplies itself.
    ReservedName,
    /// A `type:` that does not exist, or that the literal beside it does not have.
    Type,
    /// An output that is not among the allowed ones.
    Output,
}

/// An error in what a person wrote. Trying again does not help; the text has to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct CompileError {
    /// The class of the error.
    pub kind: ErrorKind,
    /// Where the text stands, from the root of what was compiled.
    pub path: Vec<PathSeg>,
    /// The text that was compiled: an expression, a pattern, a template.
    pub text: String,
    /// Column in `text`, in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead, when that is known.
    pub help: Option<String>,
}

impl CompileError {
    /// An error in the first column of `text`, at the root.
    pub fn new(kind: ErrorKind, text: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            path: Vec::new(),
            text: text.into(),
            column: 1,
            message: message.into(),
            help: None,
        }
    }

    /// The same error at `column`, in characters, counted from 1.
    #[must_use]
    pub fn at_column(mut self, column: usize) -> Self {
        self.column = column;
        self
    }

    /// The same error with a suggestion.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same error below `path`.
    #[must_use]
    pub fn below(mut self, path: &[PathSeg]) -> Self {
        self.path.splice(0..0, path.iter().cloned());
        self
    }
}

/// The class of an [`EvalError`], after Python's exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EvalErrorKind {
    /// An operation on a value of the wrong type, or a method that the value does not have.
    Type,
    /// A value of the right type that cannot be used, for example `int("x")`.
    Value,
    /// A list or text has no such index.
    Index,
    /// An object has no such member.
    Key,
    /// Division by zero.
    ZeroDivision,
    /// A number beyond 64 bits, or more work or output than is allowed.
    Overflow,
}

/// A mapping failed on one input. The same input fails again; another may work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct EvalError {
    /// The class of the error.
    pub kind: EvalErrorKind,
    /// What went wrong.
    pub message: String,
}

impl EvalError {
    /// An error of class `kind`.
    pub fn new(kind: EvalErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}
