//! `cloud-bridge check`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mqttkube_examples::cli::{FileReport, Output, Report, counted};

use crate::load;

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

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    Report::new(args.configs.iter().map(|path| report(path)).collect()).print(args.output)
}

fn report(path: &Path) -> FileReport<String> {
    match load(path) {
        Ok(bridge) => {
            let endpoint = &bridge.cloud.endpoint;
            let summary = format!(
                "{} to {} at {} port {}",
                counted(bridge.rules.len(), "rule", "rules"),
                endpoint.profile.name(),
                endpoint.host,
                endpoint.port
            );
            FileReport::new(path, Some(summary), bridge.notes)
        }
        Err(errors) => FileReport::new(path, None, errors),
    }
}
