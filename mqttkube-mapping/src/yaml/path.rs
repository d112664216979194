//! Paths inside a document.

use std::fmt;
use std::rc::Rc;

/// One step from a node to one of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(Box<str>),
    Index(usize),
}

/// The way from the root to a node. Cheap to copy: each path shares the one of its parent.
#[derive(Debug, Clone, Default)]
pub(super) struct Path(Option<Rc<(Self, Step)>>);

impl Path {
    pub(super) fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.into()))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Self {
        Self(Some(Rc::new((self.clone(), step))))
    }
}

/// `bindings[2].patch[0].topic`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((parent, step)) = self.0.as_deref() else {
            return Ok(());
        };
        parent.fmt(f)?;
        match step {
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => {
                let dot = if parent.0.is_some() { "." } else { "" };
                write!(f, "{dot}{}", Word(key))
            }
        }
    }
}

/// A key as it stands in a path: in quotes when it could be mistaken for something else.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '$');
        if !self.0.is_empty() && self.0.chars().all(plain) {
            f.write_str(self.0)
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}
