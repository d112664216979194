//! `mqttkube-manifests explain`.

use std::process::ExitCode;

use anyhow::Context as _;
use mqttkube_manifests::check::{Rule, rules};

use crate::check::code;
use crate::snippet::{Snippet, snippet};
use crate::{Output, counted};

/// Say what a finding means: why it matters, what to write instead, and an example.
///
///   mqttkube-manifests explain MK604
///   mqttkube-manifests explain --list
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The code of the finding.
    #[arg(value_name = "CODE", required_unless_present = "list", value_parser = code)]
    code: Option<String>,
    /// Print every code with its title.
    #[arg(long, conflicts_with = "code")]
    list: bool,
    /// `text` for people, `json` for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match (&args.code, args.output) {
        (None, Output::Text) => list(),
        (None, Output::Json) => {
            let all: Vec<_> = rules::ALL.iter().map(|rule| json(rule)).collect();
            println!("{}", serde_json::to_string_pretty(&all)?);
        }
        (Some(code), output) => {
            let rule = Rule::find(code).context("the code was looked up before")?;
            match output {
                Output::Text => explain(rule),
                Output::Json => println!("{}", serde_json::to_string_pretty(&json(rule))?),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list() {
    for rule in rules::ALL {
        println!("{} {:<7} {}", rule.code, rule.severity.to_string(), rule.title);
    }
    println!("{}", counted(rules::ALL.len(), "code"));
}

fn explain(rule: &Rule) {
    println!("{} ({}): {}", rule.code, rule.severity, rule.title);
    println!("\nWhy: {}", rule.why);
    println!("\nInstead: {}", rule.help);
    if let Some(Snippet { found, instead }) = snippet(rule.code) {
        println!("\nFound:\n{}", indented(found));
        println!("\nWrite:\n{}", indented(instead));
    }
}

fn indented(text: &str) -> String {
    let lines = text.trim_end().lines().map(|line| format!("  {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn json(rule: &Rule) -> serde_json::Value {
    let snippet = snippet(rule.code);
    serde_json::json!({
        "code": rule.code,
        "severity": rule.severity,
        "title": rule.title,
        "why": rule.why,
        "help": rule.help,
        "example": snippet.map(|Snippet { found, instead }| serde_json::json!({"found": found, "instead": instead})),
    })
}
