//! What the command lines of the programs have in common: statuses, forms of output, and reports on files.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use mqttkube_mapping::yaml::{Diagnostic, Severity};
use serde::Serialize;

/// Exit status when a file or the command line is wrong.
pub const BAD_INPUT: u8 = 2;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs; its shape is stable.
    Json,
}

/// What was found in configuration files.
#[derive(Debug, Serialize)]
pub struct Report<S> {
    ok: bool,
    files: Vec<FileReport<S>>,
}

/// What was found in one file.
#[derive(Debug, Serialize)]
pub struct FileReport<S> {
    file: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<S>,
    diagnostics: Vec<Diagnostic>,
}

/// The status of a program: that of its command, or 1 and the error on standard error.
#[must_use]
pub fn end(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {}", with_causes(&error));
        ExitCode::FAILURE
    })
}

/// An error and what led to it. Some errors tell their causes themselves; these are not told again.
///
/// ```
/// use anyhow::Context as _;
/// use mqttkube_examples::cli::with_causes;
///
/// let told = Err::<(), _>(std::io::Error::other("no such host")).context("nobody answers");
/// assert_eq!(with_causes(&told.unwrap_err()), "nobody answers: no such host");
/// ```
#[must_use]
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A number with its noun: `1 error`, `2 errors`.
///
/// ```
/// use mqttkube_examples::cli::counted;
///
/// assert_eq!(counted(1, "watch", "watches"), "1 watch");
/// assert_eq!(counted(0, "watch", "watches"), "0 watches");
/// ```
#[must_use]
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

impl<S: Serialize + Display> Report<S> {
    /// Of all files together.
    #[must_use]
    pub fn new(files: Vec<FileReport<S>>) -> Self {
        Self {
            ok: files.iter().all(|file| file.ok),
            files,
        }
    }

    /// Prints it, and gives the status that goes with it.
    ///
    /// # Errors
    /// When a summary has no form as JSON.
    pub fn print(&self, output: Output) -> anyhow::Result<ExitCode> {
        match output {
            Output::Text => self.files.iter().for_each(FileReport::print),
            Output::Json => println!("{}", serde_json::to_string_pretty(self)?),
        }
        Ok(if self.ok {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(BAD_INPUT)
        })
    }
}

impl<S: Display> FileReport<S> {
    /// `summary` says what a file does that could be understood.
    pub fn new(path: &Path, summary: Option<S>, diagnostics: impl IntoIterator<Item = Diagnostic>) -> Self {
        let diagnostics: Vec<Diagnostic> = diagnostics.into_iter().collect();
        let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
        Self {
            file: path.display().to_string(),
            ok: summary.is_some() && !diagnostics.iter().any(is_error),
            summary,
            diagnostics,
        }
    }

    fn print(&self) {
        for diagnostic in &self.diagnostics {
            println!("{diagnostic}");
        }
        match &self.summary {
            Some(summary) if self.ok => println!("{}: fine: {summary}", self.file),
            _ => {
                let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
                let errors = self.diagnostics.iter().filter(is_error).count();
                println!("{}: {}", self.file, counted(errors, "error", "errors"));
            }
        }
    }
}
