//! What is wrong, where in which file, for people and for programs.

use std::fmt;

use mqttkube_manifests::check::{self, Finding};
use mqttkube_mapping::yaml::{Diagnostic, Position, Severity};
use serde::Serialize;

/// A mistake in a file, or a finding about an object with the place of that object in its file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) severity: Severity,
    /// Only findings have a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) path: String,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
}

impl Problem {
    /// A finding with its place.
    pub(crate) fn new(finding: &Finding, file: &str, position: Position) -> Self {
        Self {
            file: file.to_owned(),
            line: position.line,
            column: position.column,
            severity: match finding.severity {
                check::Severity::Error => Severity::Error,
                check::Severity::Warning => Severity::Warning,
            },
            code: Some(finding.code),
            object: Some(finding.object.clone()),
            path: finding.path.clone(),
            message: finding.message.clone(),
            help: Some(finding.help.to_owned()),
        }
    }

    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl From<Diagnostic> for Problem {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            file: diagnostic.file.to_string(),
            line: diagnostic.position.line,
            column: diagnostic.position.column,
            severity: diagnostic.severity,
            code: None,
            object: None,
            path: diagnostic.path,
            message: diagnostic.message,
            help: diagnostic.help,
        }
    }
}

/// A mistake takes one line, a finding three.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            severity,
            message,
            ..
        } = self;
        write!(f, "{file}:{line}:{column}: {severity}")?;
        let (Some(code), Some(object)) = (self.code, &self.object) else {
            write!(f, ": {message}")?;
            return self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"));
        };
        write!(f, "[{code}]: {object}: {message}")?;
        if !self.path.is_empty() {
            write!(f, "\n  at {}", self.path)?;
        }
        self.help
            .as_ref()
            .map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}
