//! `mqttkube-manifests migrate`.

use std::path::PathBuf;
use std::process::ExitCode;

use mqttkube_manifests::migrate::{self, MOSQUITTO_2_1};
use mqttkube_manifests::render::yaml;

use crate::manifests::Documents;
use crate::problem::Problem;
use crate::{BAD_INPUT, counted};

/// Lead old manifests to what Kubernetes and Mosquitto take today.
///
/// The migrated YAML goes to standard output; what was changed and why, and what has to be done by hand, to standard
/// error. What is not understood stays as it is.
///
///   mqttkube-manifests migrate mqtt.yml > new.yaml
///   mqttkube-manifests migrate --mosquitto-2.1 broker.yaml | mqttkube-manifests check -
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Files of one or more YAML documents, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Also go from Mosquitto 2.0 to 2.1.
    #[arg(long = "mosquitto-2.1")]
    mosquitto_2_1: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let documents = Documents::read(&args.files);
    let (manifests, problems) = documents.manifests();
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.iter().any(Problem::is_error) {
        eprintln!("{}, nothing is printed", counted(problems.len(), "error"));
        return Ok(ExitCode::from(BAD_INPUT));
    }
    let (mut bundle, mut changes) = migrate::all(&manifests.bundle);
    if args.mosquitto_2_1 {
        let (later, more) = (MOSQUITTO_2_1.run)(&bundle);
        bundle = later;
        changes.extend(more);
    }
    let texts = bundle
        .objects()
        .iter()
        .map(|object| yaml::document(object.value()));
    print!("{}", texts.collect::<Vec<_>>().join("---\n"));
    for change in &changes {
        eprintln!("{change}");
    }
    let left = bundle.check();
    let (errors, all) = (left.errors().count(), left.findings().len());
    eprintln!(
        "{}; `check` still finds {} and {} in the result",
        counted(changes.len(), "change"),
        counted(errors, "error"),
        counted(all - errors, "warning")
    );
    Ok(ExitCode::SUCCESS)
}
