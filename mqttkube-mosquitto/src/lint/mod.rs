//! Traps of Mosquitto's files: what does not start, what loses messages, what lets the wrong people in.

mod bridge;
mod broker;
mod code;
mod files;
mod listener;
mod named;

use std::fmt;

use serde::Serialize;

pub use code::Code;
pub use files::{lint_acl_file, lint_dynsec, lint_password_file};
pub use named::lint_named_files;

use crate::analysis::{Severity, check_rules};
use crate::directive::is_directive;
use crate::read::{self, Document, ProblemKind, Section};
use crate::setting::BridgeProtocol;
use crate::{Config, RuleSet, Version};

/// One thing that is wrong or risky, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lint {
    /// What it is about.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Counted from 1.
    pub line: usize,
    /// Why; never shows a password.
    pub message: String,
    /// What to write.
    pub help: String,
}

/// Looks at a `mosquitto.conf`, in the order of the lines.
///
/// ```
/// use mqttkube_mosquitto::{Code, Severity, Version, lint};
///
/// let found = lint("listener 1883\nallow_anonymous true\n", Version::V2_0);
/// let open = found.iter().find(|lint| lint.code == Code::AnonymousOpen).expect("anybody may come in");
/// assert_eq!((open.line, open.severity), (2, Severity::Warning));
/// ```
pub fn lint(text: &str, version: Version) -> Vec<Lint> {
    document(&read::document(text), version)
}

pub(crate) fn document(document: &Document, version: Version) -> Vec<Lint> {
    let mut check = Check {
        document,
        config: &document.config,
        version,
        lints: Vec::new(),
    };
    check.text();
    check.broker();
    check.listeners();
    for index in 0..document.config.connections.len() {
        check.bridge(index);
        check.rules(index);
    }
    let mut lints = check.lints;
    lints.sort_by_key(|lint| lint.line);
    lints
}

/// What all groups of lints work on.
struct Check<'a> {
    document: &'a Document,
    config: &'a Config,
    version: Version,
    lints: Vec<Lint>,
}

impl Check<'_> {
    fn say(&mut self, code: Code, line: usize, message: impl Into<String>, help: impl Into<String>) {
        let severity = code.severity();
        self.lints.push(Lint {
            code,
            severity,
            line,
            message: message.into(),
            help: help.into(),
        });
    }

    /// The line of a directive, or where its section begins.
    fn line(&self, section: Section, key: &str) -> usize {
        self.document
            .line_of(section, key)
            .unwrap_or_else(|| self.document.first_line(section))
    }

    fn text(&mut self) {
        for problem in &self.document.problems {
            let code = match problem.kind {
                ProblemKind::Unknown => Code::UnknownDirective,
                ProblemKind::Value => Code::BadValue,
                ProblemKind::Misplaced => Code::Misplaced,
                ProblemKind::IndentedComment => Code::IndentedComment,
                ProblemKind::Tab => Code::TabSeparator,
                ProblemKind::Replaced => Code::Replaced,
                ProblemKind::Ignored => Code::IgnoredText,
                ProblemKind::CommentInValue => Code::CommentInValue,
                ProblemKind::Trimmed => Code::TrimmedValue,
                ProblemKind::NoEffect => Code::NoEffect,
                ProblemKind::LateSwitch => Code::LateSwitch,
            };
            self.say(code, problem.line, &problem.message, &problem.help);
        }
        for entry in &self.document.entries {
            if crate::directive::known(&entry.key) && !is_directive(&entry.key, self.version) {
                let message = format!("Mosquitto {} does not know `{}`", self.version, entry.key);
                self.say(
                    Code::NotInVersion,
                    entry.line,
                    message,
                    "remove the line, or use Mosquitto 2.1",
                );
            }
            if entry.key == "include_dir" {
                let message = "the files of this folder belong to the configuration and were not read";
                self.say(Code::IncludeDir, entry.line, message, "look at each of them too");
            }
        }
    }

    fn rules(&mut self, index: usize) {
        let connection = &self.config.connections[index];
        let v5 = connection.options.protocol_version == Some(BridgeProtocol::V50);
        let setting = self.config.global.allow_duplicate_messages;
        let duplicates = v5 || setting.unwrap_or(self.version.sends_duplicates());
        let rules = RuleSet::new(connection.rules.clone(), self.version);
        let lines = self.document.rule_lines(index);
        let found = check_rules(&rules, duplicates);
        for finding in found.into_iter().chain(self.echo(connection)) {
            let rule = finding.rules.last().copied().unwrap_or(0);
            let line = lines
                .get(rule)
                .copied()
                .unwrap_or_else(|| self.document.first_line(Section::Connection(index)));
            let message = format!("{} (topic `{}`)", finding.message, finding.witness);
            let (code, severity) = (Code::Rule(finding.code), finding.severity);
            self.lints.push(Lint {
                code,
                severity,
                line,
                message,
                help: finding.help,
            });
        }
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(
            f,
            "{}: {severity}: {} [{}]; {}",
            self.line, self.message, self.code, self.help
        )
    }
}
