//! Messages that act on a whole object.

use std::fmt;

use mqttkube_mapping::ObjectTemplate;

use super::Command;

/// A message that launches, deletes or otherwise acts on the object.
#[derive(Debug)]
pub struct ActionItem {
    pub(crate) command: Command,
    pub(crate) launch: Option<ObjectTemplate>,
    pub(crate) on_exists: OnExists,
    pub(crate) allow: Vec<Verb>,
}

impl ActionItem {
    /// Topic, quality of service, mapping and results.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// What a message may cause.
    pub fn allow(&self) -> &[Verb] {
        &self.allow
    }

    /// What a launch does when the object is already there.
    pub fn on_exists(&self) -> OnExists {
        self.on_exists
    }
}

/// What a launch does when an object of that name is already there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExists {
    /// The command fails.
    #[default]
    Error,
    /// The command has nothing to do.
    Ignore,
    /// Delete it in the foreground, then create the new one.
    Replace,
}

/// What an action message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Create the object from the template.
    Launch,
    /// Delete the object, its dependents first.
    Delete,
    /// Roll the pods of a workload over, as `kubectl rollout restart` does.
    Restart,
    /// Set `spec.suspend`.
    Suspend,
    /// Clear `spec.suspend`.
    Resume,
    /// Create a Job from a CronJob.
    Trigger,
}

impl Verb {
    /// Every verb, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Launch,
        Self::Delete,
        Self::Restart,
        Self::Suspend,
        Self::Resume,
        Self::Trigger,
    ];

    /// The word that a map output or a payload uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Delete => "delete",
            Self::Restart => "restart",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Trigger => "trigger",
        }
    }

    /// The verb of this word, in lower case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == word)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
