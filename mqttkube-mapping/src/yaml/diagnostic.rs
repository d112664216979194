//! What is wrong in a file, for people and for programs.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::node::Position;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Nothing can start before this is repaired.
    Error,
    /// Works, but is perhaps not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// One remark about one place of a file.
///
/// ```
/// use mqttkube_mapping::yaml::{self, Cursor};
///
/// let tree = yaml::parse("wathc: 1\n", "home.yaml", "/etc/mqttkube")?;
/// let read = |cursor: Cursor<'_>| {
///     let mut binding = cursor.section("a binding")?;
///     let watch = binding.optional::<i64>("watch");
///     binding.finish();
///     watch
/// };
/// let errors = tree.read(read).unwrap_err();
/// let line = r#"home.yaml:1:1: error: unknown key "wathc" in a binding; did you mean "watch"?"#;
/// assert_eq!(errors.to_string(), line);
/// # Ok::<(), yaml::Diagnostics>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Name of the file as the caller gave it.
    #[serde(serialize_with = "text")]
    pub file: Arc<str>,
    /// Line and column.
    #[serde(flatten, serialize_with = "place")]
    pub position: Position,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in lower case, naming the input.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Path inside the document, as `bindings[2].patch[0].topic`; empty for the document itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// Everything that was found in one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn place<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Place {
        line: u32,
        column: u32,
    }
    Place {
        line: position.line,
        column: position.column,
    }
    .serialize(serializer)
}

impl Diagnostic {
    /// An error at a place of a file.
    pub fn error(file: impl Into<Arc<str>>, position: Position, message: impl Into<String>) -> Self {
        let (file, message) = (file.into(), message.into());
        Self {
            file,
            position,
            severity: Severity::Error,
            message,
            help: None,
            path: String::new(),
        }
    }

    /// The same with a suggestion, which is printed after a semicolon.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// The same with the path inside the document.
    #[must_use]
    pub fn with_path(self, path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            ..self
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn with_severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            position,
            severity,
            message,
            help,
            ..
        } = self;
        write!(f, "{file}:{position}: {severity}: {message}")?;
        help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl Diagnostics {
    /// All of them, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        let mut all: Vec<_> = diagnostics.into_iter().collect();
        all.sort_by_key(|diagnostic| diagnostic.position);
        Self(all)
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
