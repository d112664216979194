//! `mqtt-kube check`.

use std::path::PathBuf;
use std::process::ExitCode;

use mqttkube_core::config::Config;
use mqttkube_core::kinds::Kind;
use mqttkube_mapping::yaml::{Diagnostic, Severity};
use serde::Serialize;

use crate::BAD_CONFIG;
use crate::cluster::missing_kinds;
use crate::load::load;
use crate::settings::Settings;

/// Look for mistakes in configuration files without running them.
///
/// Shows every mistake at once as file:line:column, with a suggestion where there is one. Needs neither a broker nor a
/// cluster, unless `--cluster` is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration files.
    #[arg(required = true, value_name = "CONFIG")]
    configs: Vec<PathBuf>,
    /// `text` for people, `json` for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Also ask the API server whether it knows every kind.
    #[arg(long)]
    cluster: bool,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs; its shape is stable.
    Json,
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
    summary: Option<Summary>,
    diagnostics: Vec<Diagnostic>,
}

/// How much a configuration does.
#[derive(Clone, Copy, Debug, Serialize)]
struct Summary {
    bindings: usize,
    watches: usize,
    subscriptions: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &args.configs {
        files.push(match load(path) {
            Ok(config) => {
                let missing = if args.cluster {
                    missing_kinds(&config)?
                } else {
                    Vec::new()
                };
                let errors = missing.iter().flat_map(|kind| unknown_to_cluster(&config, kind));
                let diagnostics: Vec<Diagnostic> = config.notes.iter().cloned().chain(errors).collect();
                let summary = Some(Summary::of(&config));
                FileReport {
                    file: path.display().to_string(),
                    ok: missing.is_empty(),
                    summary,
                    diagnostics,
                }
            }
            Err(errors) => {
                let diagnostics = errors.into_iter().collect();
                FileReport {
                    file: path.display().to_string(),
                    ok: false,
                    summary: None,
                    diagnostics,
                }
            }
        });
    }
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

/// An error for every binding of a kind that the API server does not have.
fn unknown_to_cluster(config: &Config<Settings>, kind: &Kind) -> Vec<Diagnostic> {
    let bindings = config.spec.bindings.iter().zip(config.plan.bindings());
    let of_kind = bindings.filter(|(_, binding)| config.plan.kind(binding.target().kind()) == kind);
    let message = format!("the API server does not know the kind {kind}");
    let errors = of_kind.filter_map(|(spec, _)| {
        Some(Diagnostic::error(
            config.file.as_str(),
            spec.position()?,
            &message,
        ))
    });
    errors.collect()
}

impl Summary {
    fn of(config: &Config<Settings>) -> Self {
        Self {
            bindings: config.plan.bindings().len(),
            watches: config.plan.watches().len(),
            subscriptions: config.plan.filters().len(),
        }
    }
}

fn print_text(report: &FileReport) {
    for diagnostic in &report.diagnostics {
        println!("{diagnostic}");
    }
    let count = |severity| {
        report
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    match (&report.summary, count(Severity::Error)) {
        (
            Some(Summary {
                bindings,
                watches,
                subscriptions,
            }),
            0,
        ) => println!(
            "{}: fine: {}, {}, {}",
            report.file,
            counted(*bindings, "binding", "bindings"),
            counted(*watches, "watch", "watches"),
            counted(*subscriptions, "subscription", "subscriptions")
        ),
        (_, errors) => println!("{}: {}", report.file, counted(errors, "error", "errors")),
    }
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
