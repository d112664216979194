//! `cloud-bridge check`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mqttkube_mapping::yaml::{Diagnostic, Severity};
use serde::Serialize;

use crate::{BAD_CONFIG, Output, load};

/// Look for mistakes in configuration files without running them.
///
/// Shows every mistake at once as file:line:column. Rules are checked against what the cloud service takes and against
/// each other: overlaps, rules that never act, names that come out wrong, messages that come back. Every finding names a
/// topic that shows it; try it with `cloud-bridge explain`. Needs no broker, and looks up no secret.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration files.
    #[arg(required = true, value_name = "CONFIG")]
    configs: Vec<PathBuf>,
    /// `text` for people, `json` for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    files: Vec<FileReport>,
}

#[derive(Debug, Serialize)]
struct FileReport {
    file: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    diagnostics: Vec<Diagnostic>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let files: Vec<FileReport> = args.configs.iter().map(|path| report(path)).collect();
    let report = Report {
        ok: files.iter().all(|file| file.ok),
        files,
    };
    match args.output {
        Output::Text => report.files.iter().for_each(print_text),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(BAD_CONFIG)
    })
}

fn report(path: &Path) -> FileReport {
    let (summary, diagnostics) = match load(path) {
        Ok(bridge) => {
            let endpoint = &bridge.cloud.endpoint;
            let summary = format!(
                "{} to {} at {} port {}",
                counted(bridge.rules.len(), "rule", "rules"),
                endpoint.profile.name(),
                endpoint.host,
                endpoint.port
            );
            (Some(summary), bridge.notes)
        }
        Err(errors) => (None, errors),
    };
    FileReport {
        file: path.display().to_string(),
        ok: summary.is_some(),
        summary,
        diagnostics: diagnostics.into_iter().collect(),
    }
}

fn print_text(report: &FileReport) {
    for diagnostic in &report.diagnostics {
        println!("{diagnostic}");
    }
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    if let Some(summary) = &report.summary {
        println!("{}: fine: {summary}", report.file);
    } else {
        let errors = report.diagnostics.iter().filter(is_error).count();
        println!("{}: {}", report.file, counted(errors, "error", "errors"));
    }
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
