//! `mqtt-kube check`.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use mqttkube_core::config::Config;
use mqttkube_core::kinds::Kind;
use mqttkube_examples::cli::{FileReport, Output, Report, counted};
use mqttkube_mapping::yaml::Diagnostic;
use serde::Serialize;

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
                let found = config.notes.iter().cloned().chain(errors);
                FileReport::new(path, Some(Summary::of(&config)), found)
            }
            Err(errors) => FileReport::new(path, None, errors),
        });
    }
    Report::new(files).print(args.output)
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

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bindings = counted(self.bindings, "binding", "bindings");
        let watches = counted(self.watches, "watch", "watches");
        let subscriptions = counted(self.subscriptions, "subscription", "subscriptions");
        write!(f, "{bindings}, {watches}, {subscriptions}")
    }
}
