//! mqtt-kube ties MQTT topics to Kubernetes objects, as a YAML file says.

mod check;
mod cluster;
#[cfg(feature = "demo")]
mod demo;
mod explain;
mod http;
mod load;
mod run;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mqttkube_examples::cli::{self, BAD_INPUT};
use mqttkube_examples::{logging, secrets, settings, signals};

/// Ties MQTT topics to Kubernetes objects.
///
/// A YAML file says which values of which objects are published on which topics, which messages change a field of an
/// object, and which messages launch or delete one. Files of the Python program mqtt-kube work unchanged.
#[derive(Debug, Parser)]
#[command(
    name = "mqtt-kube",
    version,
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true
)]
#[command(after_help = "Exit status: 0 fine, 1 failed while running, 2 wrong configuration or usage.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// `mqtt-kube CONFIG` is short for `mqtt-kube run CONFIG`.
    #[command(flatten)]
    run: Option<run::Args>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Args),
    #[cfg(feature = "demo")]
    Demo(demo::Args),
    Explain(explain::Args),
    Run(run::Args),
    Test(test::Args),
}

fn main() -> ExitCode {
    let args = Cli::parse();
    let result = match args.command.or(args.run.map(Command::Run)) {
        Some(command) => execute(&command),
        // clap shows the help when there are no arguments at all.
        None => Ok(ExitCode::from(BAD_INPUT)),
    };
    cli::end(result)
}

fn execute(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(args) => check::run(args),
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Run(args) => run::run(args),
        Command::Test(args) => test::run(args),
    }
}
