//! What is wrong with a specification, and where.

use std::fmt;

use mqttkube_mapping::yaml::{Diagnostic, Severity};
use mqttkube_mapping::{CompileError, PathSeg};

/// One remark about one place of a [`Spec`](super::Spec).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct Problem {
    /// Where, from the root of the document.
    pub path: Vec<PathSeg>,
    /// Column within the text at that place, in characters, from 1.
    pub column: usize,
    /// Whether the bindings can work.
    pub severity: Severity,
    /// What is wrong, in lower case, naming the input.
    pub message: String,
    /// What to write instead, when that is known.
    pub help: Option<String>,
    /// The same remark about another file, such as a launch template.
    pub elsewhere: Option<Box<Diagnostic>>,
}

/// `bindings[2].patch[0].locus: message; help`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(elsewhere) = &self.elsewhere {
            return elsewhere.fmt(f);
        }
        write!(f, "{}: {}", PathText(&self.path), self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

/// A path as people write it: `bindings[2].patch[0].values.map[3]`.
pub(super) struct PathText<'a>(pub(super) &'a [PathSeg]);

impl fmt::Display for PathText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                PathSeg::Key(key) if position == 0 => f.write_str(key)?,
                PathSeg::Key(key) => write!(f, ".{key}")?,
                PathSeg::Index(index) | PathSeg::EntryKey(index) | PathSeg::EntryValue(index) => {
                    write!(f, "[{index}]")?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A place in the document while it is being walked; lives on the stack, one per level.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    parent: Option<&'a Self>,
    segment: Segment<'a>,
}

#[derive(Clone, Copy)]
enum Segment<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl At<'static> {
    pub(super) const ROOT: Self = Self {
        parent: None,
        segment: Segment::Root,
    };
}

impl<'a> At<'a> {
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self {
            parent: Some(self),
            segment: Segment::Key(key),
        }
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Self {
            parent: Some(self),
            segment: Segment::Index(index),
        }
    }

    fn path(&self) -> Vec<PathSeg> {
        let mut path = self.parent.map(At::path).unwrap_or_default();
        match self.segment {
            Segment::Root => {}
            Segment::Key(key) => path.push(PathSeg::Key(key.to_owned())),
            Segment::Index(index) => path.push(PathSeg::Index(index)),
        }
        path
    }

    /// An error in the first column of what stands here.
    pub(super) fn error(&self, message: impl Into<String>) -> Problem {
        Problem {
            path: self.path(),
            column: 1,
            severity: Severity::Error,
            message: message.into(),
            help: None,
            elsewhere: None,
        }
    }

    /// A warning about what stands here.
    pub(super) fn warning(&self, message: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Warning,
            ..self.error(message)
        }
    }

    /// Something worth knowing about what stands here.
    pub(super) fn note(&self, message: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Note,
            ..self.error(message)
        }
    }

    /// A remark about a file that what stands here names.
    pub(super) fn elsewhere(&self, diagnostic: Diagnostic) -> Problem {
        Problem {
            severity: diagnostic.severity,
            elsewhere: Some(Box::new(diagnostic)),
            ..self.error("the file is wrong")
        }
    }

    /// An error that the mapping language found in what stands here.
    pub(super) fn compile_error(&self, error: CompileError) -> Problem {
        let mut path = self.path();
        path.extend(error.path);
        Problem {
            path,
            column: error.column,
            severity: Severity::Error,
            message: error.message,
            help: error.help,
            elsewhere: None,
        }
    }
}

impl Problem {
    pub(super) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    pub(super) fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// `column` counts characters from 1.
    pub(super) fn at_column(self, column: usize) -> Self {
        Self { column, ..self }
    }
}

/// Everything that is wrong with a specification. None of it stops the search for more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct SpecErrors(pub(super) Vec<Problem>);

impl SpecErrors {
    /// Errors and warnings, in the order in which they were found.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
