//! mqttkube-manifests makes and checks Kubernetes manifests of MQTT brokers, bridges and services.

mod apply;
mod chart;
mod check;
mod explain;
mod input;
mod manifests;
mod migrate;
mod output;
mod passwd;
mod place;
mod problem;
mod render;
mod scenario;
mod snippet;
mod spec;
mod tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mqttkube_examples::cli::{self, BAD_INPUT, Output};

/// Makes and checks Kubernetes manifests of MQTT brokers, bridges and services.
///
/// A SPEC file says in a few lines what is wanted. What is made of it is checked as a whole: what a schema accepts one
/// object at a time, and what still does not work, or must not be done, when the objects come together.
#[derive(Debug, Parser)]
#[command(name = "mqttkube-manifests", version, arg_required_else_help = true)]
#[command(
    after_help = "Exit status: 0 fine, 1 failed while running, 2 wrong input or usage; diff has its own."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Scenario(scenario::Args),
    Render(render::Args),
    Check(check::Args),
    Explain(explain::Args),
    Tree(tree::Args),
    Diff(apply::DiffArgs),
    Apply(apply::ApplyArgs),
    Migrate(migrate::Args),
    Passwd(passwd::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Apply(args) => apply::apply(&args),
        Command::Diff(args) => apply::diff(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Passwd(args) => passwd::run(&args),
        Command::Scenario(args) => scenario::run(&args),
        Command::Tree(args) => tree::run(&args),
    };
    cli::end(result)
}

/// `1 error`, `2 errors`.
fn counted(number: usize, one: &str) -> String {
    cli::counted(number, one, &format!("{one}s"))
}
