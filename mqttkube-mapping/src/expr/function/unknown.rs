//! Names that are no function: what Python has and this language has not, and what was probably meant.

use super::Function;
use crate::expr::{SyntaxError, SyntaxErrorKind};

/// What Python has and this language has not.
const PYTHON_ONLY: &[&str] = &[
    "ascii",
    "bin",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "exit",
    "filter",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "issubclass",
    "iter",
    "json",
    "locals",
    "logging",
    "map",
    "memoryview",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "quit",
    "range",
    "re",
    "reversed",
    "set",
    "setattr",
    "slice",
    "staticmethod",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

impl Function {
    /// The error for a name that is neither a function nor anything else.
    pub(in crate::expr) fn unknown(name: &str, column: usize) -> SyntaxError {
        if name.starts_with("__") || PYTHON_ONLY.contains(&name) {
            return SyntaxError::unsupported(column, format!("{name:?} is not available"));
        }
        let help = match name {
            "true" => Some("write True".to_owned()),
            "false" => Some("write False".to_owned()),
            "null" | "none" => Some("write None".to_owned()),
            _ => None,
        };
        let (kind, message) = match Self::from_name(name) {
            Some(_) => (
                SyntaxErrorKind::Unsupported,
                format!("the function {name:?} is not called"),
            ),
            None => (SyntaxErrorKind::Name, format!("there is no name {name:?}")),
        };
        SyntaxError {
            kind,
            column,
            message,
            help,
        }
    }
}
