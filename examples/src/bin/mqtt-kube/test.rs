//! `mqtt-kube test`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mqttkube_core::cases;
use mqttkube_examples::cli::BAD_INPUT;

use crate::load::load;

/// Run the test cases that stand beside the bindings, under `tests`
///
/// Needs neither a broker nor a cluster. A case names a message or a state of the object, and what should come of it:
///
///   tests:
///     - message: {topic: jellyfin/power/set, payload: "ON"}
///       expect: {patch: {spec: {replicas: 1}}}
///     - object: {status: {availableReplicas: 1}}
///       expect: {publish: {jellyfin/power/state: "ON"}}
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Configuration files.
    #[arg(required = true, value_name = "CONFIG")]
    configs: Vec<PathBuf>,
}

/// How the cases of one file went.
enum FileResult {
    BadConfig,
    Ran { failed: usize },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (mut bad, mut failed) = (false, 0);
    for path in &args.configs {
        match run_file(path)? {
            FileResult::BadConfig => bad = true,
            FileResult::Ran { failed: more } => failed += more,
        }
    }
    Ok(match (bad, failed) {
        (true, _) => ExitCode::from(BAD_INPUT),
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::FAILURE,
    })
}

fn run_file(path: &Path) -> anyhow::Result<FileResult> {
    let config = match load(path) {
        Ok(config) => config,
        Err(errors) => {
            eprintln!("{errors}");
            return Ok(FileResult::BadConfig);
        }
    };
    let reports = cases::run(&config.spec, &config.session)?;
    for report in &reports {
        let line = report.line.map_or_else(String::new, |line| format!(":{line}"));
        println!("{}{line}: {report}", path.display());
    }
    if reports.is_empty() {
        println!(
            "{}: no cases; write them under `tests` in a binding",
            path.display()
        );
        return Ok(FileResult::Ran { failed: 0 });
    }
    let failed = reports.iter().filter(|report| report.failure.is_some()).count();
    println!(
        "{}: {} passed, {failed} failed",
        path.display(),
        reports.len() - failed
    );
    Ok(FileResult::Ran { failed })
}
