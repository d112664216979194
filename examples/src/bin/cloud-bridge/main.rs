//! cloud-bridge joins a local MQTT broker to a cloud broker whose credentials expire, as a YAML file says.

mod check;
#[cfg(feature = "demo")]
mod demo;
mod explain;
mod http;
mod lint;
mod metrics;
mod render;
mod run;
mod token;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mqttkube_bridge::spec::{self, Bridge};
use mqttkube_examples::cli::{self, BAD_INPUT};
use mqttkube_examples::settings::{Settings, read_bridge_settings};
use mqttkube_mapping::yaml::Diagnostics;

/// Joins a local MQTT broker to a cloud broker whose credentials expire.
///
/// A YAML file says which cloud service, as which device, with which credential, and which topics are carried.
/// Only `run` connects to a broker.
#[derive(Debug, Parser)]
#[command(name = "cloud-bridge", version, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 fine, 1 failed while running, 2 wrong configuration or usage.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Args),
    Explain(explain::Args),
    Render(render::Args),
    Lint(lint::Args),
    Run(run::Args),
    Token(token::Args),
    #[cfg(feature = "demo")]
    Demo(demo::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Lint(args) => lint::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Token(args) => token::run(&args),
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(&args),
    };
    cli::end(result)
}

/// Reads a file with the sections `http` and `logging`, which are this program's own.
fn load(path: &Path) -> Result<Bridge<Settings>, Diagnostics> {
    spec::load(path, read_bridge_settings)
}

/// The same for commands that need a good file: what is wrong goes to standard error.
fn load_or_complain(path: &Path) -> Result<Bridge<Settings>, ExitCode> {
    load(path).map_err(|errors| {
        eprintln!("{errors}");
        ExitCode::from(BAD_INPUT)
    })
}
