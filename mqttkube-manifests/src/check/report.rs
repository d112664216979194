//! Findings and their report.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use super::Rule;
use crate::bundle::Bundle;
use crate::object::{Object, ObjectKey};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Works, and will hurt somebody.
    Warning,
    /// Does not work, or must not be done.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The stable code, such as `MK101`; see [`Rule::find`].
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The object, as `Kind/namespace/name`.
    pub object: String,
    /// Where in the object, as `spec.template.spec.containers[0].image`.
    pub path: String,
    /// What was found.
    pub message: String,
    /// What to write instead.
    pub help: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            severity,
            object,
            path,
            message,
            help,
        } = self;
        write!(
            f,
            "{object}: {severity}[{code}]: {message}\n  at {path}\n  help: {help}"
        )
    }
}

/// All findings of one check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// All of them, in the order of the objects.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Those that refuse the bundle.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
    }

    /// The report without findings of these codes, for people who know better.
    #[must_use]
    pub fn allowing(mut self, codes: &[&str]) -> Self {
        self.findings.retain(|finding| !codes.contains(&finding.code));
        self
    }

    /// The report with other names for some objects.
    pub(super) fn renamed(mut self, names: &HashMap<String, String>) -> Self {
        for finding in &mut self.findings {
            if let Some(name) = names.get(&finding.object) {
                finding.object.clone_from(name);
            }
        }
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings
            .iter()
            .try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

/// Collects findings and puts them into the order of the objects.
pub(super) struct Findings {
    order: HashMap<ObjectKey, usize>,
    found: Vec<(usize, Finding)>,
}

impl Findings {
    pub(super) fn new(bundle: &Bundle) -> Self {
        Self {
            order: bundle
                .objects()
                .iter()
                .enumerate()
                .map(|(at, object)| (object.key().clone(), at))
                .collect(),
            found: Vec::new(),
        }
    }

    pub(super) fn add(
        &mut self,
        rule: &Rule,
        object: &Object,
        path: impl Into<String>,
        message: impl Into<String>,
    ) {
        let at = self.order.get(object.key()).copied().unwrap_or(self.order.len());
        let finding = Finding {
            code: rule.code,
            severity: rule.severity,
            object: object.key().to_string(),
            path: path.into(),
            message: message.into(),
            help: rule.help,
        };
        self.found.push((at, finding));
    }

    pub(super) fn report(mut self) -> Report {
        // Stable: within one object the families keep their order.
        self.found.sort_by_key(|(at, _)| *at);
        Report {
            findings: self.found.into_iter().map(|(_, finding)| finding).collect(),
        }
    }
}
