//! Reads a mosquitto.conf the way Mosquitto does, and remembers the lines.

mod reader;

use std::fmt;

use crate::Config;

/// Directives whose values are not shown.
const SECRETS: &[&str] = &["bridge_psk", "local_password", "password", "remote_password"];

/// A file as it was read: the model, every line that says something, and what could not be understood.
///
/// ```
/// use mqttkube_mosquitto::Config;
///
/// let document = Config::read("listener 1883\n\nmax_qued_messages 0\n");
/// assert_eq!(document.config.listeners.len(), 1);
/// assert_eq!(document.problems[0].line, 3);
/// assert_eq!(document.problems[0].help, "write `max_queued_messages`");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Document {
    /// What was understood.
    pub config: Config,
    /// Every line with a directive, in order.
    pub entries: Vec<Entry>,
    /// What was not understood, or is not what it seems, in order.
    pub problems: Vec<Problem>,
}

/// What a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Section {
    /// The whole broker, or the listener of files without a `listener` line.
    Broker,
    /// A listener, by its place in [`Config::listeners`].
    Listener(usize),
    /// A bridge, by its place in [`Config::connections`].
    Connection(usize),
}

/// One line with a directive.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Counted from 1.
    pub line: usize,
    /// What it belongs to.
    pub section: Section,
    /// The directive as written.
    pub key: String,
    /// The rest of the line. `Debug` does not show passwords.
    pub value: String,
}

/// Something about one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// What sort of thing.
    pub kind: ProblemKind,
    /// What is the matter; names the directive, and never shows a password.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// The sorts of [`Problem`]. After the first five, Mosquitto does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// No version knows the directive.
    Unknown,
    /// The value is not one.
    Value,
    /// A directive that belongs to a bridge or plugin, before any.
    Misplaced,
    /// A comment that does not begin at the first character of its line.
    IndentedComment,
    /// A tab between directive and value.
    Tab,
    /// A later line takes the place of an earlier one.
    Replaced,
    /// The end of the line is not looked at.
    Ignored,
    /// What looks like a comment is part of the value.
    CommentInValue,
    /// The value had blanks around it that are cut off.
    Trimmed,
    /// The directive is read and does nothing.
    NoEffect,
    /// `per_listener_settings` stands behind settings that it should decide about.
    LateSwitch,
}

impl ProblemKind {
    /// Whether Mosquitto refuses to start because of it.
    pub fn is_fatal(self) -> bool {
        matches!(
            self,
            Self::Unknown | Self::Value | Self::Misplaced | Self::IndentedComment | Self::Tab
        )
    }
}

impl Document {
    /// The line of the last directive of that name in a section.
    pub fn line_of(&self, section: Section, key: &str) -> Option<usize> {
        self.entries
            .iter()
            .rfind(|entry| entry.section == section && entry.key == key)
            .map(|entry| entry.line)
    }

    /// The line where a section begins; 1 for the broker.
    pub fn first_line(&self, section: Section) -> usize {
        let first = self.entries.iter().find(|entry| entry.section == section);
        match section {
            Section::Broker => 1,
            _ => first.map_or(1, |entry| entry.line),
        }
    }

    /// The lines of the `topic` directives of a bridge, in the order of its rules.
    pub fn rule_lines(&self, connection: usize) -> Vec<usize> {
        let section = Section::Connection(connection);
        let topics = self
            .entries
            .iter()
            .filter(|entry| entry.section == section && entry.key == "topic");
        let failed = |line| {
            self.problems
                .iter()
                .any(|problem| problem.line == line && problem.kind.is_fatal())
        };
        topics
            .map(|entry| entry.line)
            .filter(|line| !failed(*line))
            .collect()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if SECRETS.contains(&self.key.as_str()) {
            "(secret)"
        } else {
            &self.value
        };
        write!(f, "{}: {} {shown} [{:?}]", self.line, self.key, self.section)
    }
}

pub(crate) fn document(text: &str) -> Document {
    reader::Reader::default().read(text)
}
