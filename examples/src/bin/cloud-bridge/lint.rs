//! `cloud-bridge lint`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use mqttkube_examples::cli::{BAD_INPUT, Output};
use mqttkube_mosquitto::{Severity, Version, lint, lint_named_files};

/// Look for traps in a mosquitto.conf that exists.
///
/// What does not start, what loses messages, what lets the wrong people in, and what the rules of its bridges do
/// together; each with its line, why, and what to write instead. The status is 2 when there is an error among them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file.
    #[arg(value_name = "MOSQUITTO_CONF")]
    file: PathBuf,
    /// The version of Mosquitto that reads it: 2.0 or 2.1.
    #[arg(long, value_name = "VERSION", default_value = "2.0")]
    mosquitto: Version,
    /// It is for another machine: do not look whether the certificates, keys and other files that it names are here.
    #[arg(long)]
    elsewhere: bool,
    /// `text` for people, `json` for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("{name} cannot be read"))?;
    let mut lints = lint(&text, args.mosquitto);
    if !args.elsewhere {
        lints.extend(lint_named_files(&text, |path| Path::new(path).exists()));
        lints.sort_by_key(|lint| lint.line);
    }
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&lints)?),
        Output::Text if lints.is_empty() => println!("{name}: fine"),
        Output::Text => lints.iter().for_each(|lint| println!("{name}:{lint}")),
    }
    let broken = lints.iter().any(|lint| lint.severity == Severity::Error);
    Ok(if broken {
        ExitCode::from(BAD_INPUT)
    } else {
        ExitCode::SUCCESS
    })
}
