//! `mqttkube-manifests tree`.

use std::process::ExitCode;

use mqttkube_manifests::render::tree;

use crate::BAD_INPUT;
use crate::input::Input;

/// Show in plain text what a SPEC becomes: what runs, who reaches it and how, what it reads, and whom it talks to.
///
///   mqttkube-manifests tree broker.yaml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Ok(spec) = args.input.load() else {
        return Ok(ExitCode::from(BAD_INPUT));
    };
    let Ok(bundle) = args.input.bundle(&spec, &args.input.changes()) else {
        return Ok(ExitCode::from(BAD_INPUT));
    };
    print!("{}", tree::render(&bundle));
    Ok(ExitCode::SUCCESS)
}
