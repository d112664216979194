//! `mqttkube-manifests check`.

use std::path::PathBuf;
use std::process::ExitCode;

use mqttkube_manifests::check::Rule;
use mqttkube_manifests::check::rules;
use mqttkube_mapping::yaml::{Severity, suggest};
use serde::Serialize;

use crate::manifests::Documents;
use crate::problem::Problem;
use crate::{BAD_INPUT, Output, counted};

/// Look for mistakes in manifests, ours or anybody's.
///
/// All files together are one bundle, so a Service in one file finds its pods in another. YAML is read as kubectl reads
/// it. Every finding has a code; `mqttkube-manifests explain CODE` says why it matters and what to write instead.
///
///   mqttkube-manifests check deploy/*.yaml
///   helm template my-broker | mqttkube-manifests check -
///   mqttkube-manifests check --allow MK702 --deny MK302 broker.yaml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Files of one or more YAML documents, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take this finding as an error; `warnings` means every warning.
    #[arg(long, value_name = "CODE", value_parser = denied)]
    deny: Vec<String>,
    /// Leave this finding out.
    #[arg(long, value_name = "CODE", value_parser = code)]
    allow: Vec<String>,
    /// `text` for people, `json` for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    objects: usize,
    problems: Vec<Problem>,
}

/// A code that exists, in its own spelling.
pub(crate) fn code(text: &str) -> Result<String, String> {
    Rule::find(text).map(|rule| rule.code.to_owned()).ok_or_else(|| {
        let codes = rules::ALL.iter().map(|rule| rule.code);
        suggest(text, codes).map_or_else(
            || "no such code; `mqttkube-manifests explain --list` shows all of them".to_owned(),
            |code| format!("no such code; did you mean {code:?}?"),
        )
    })
}

fn denied(text: &str) -> Result<String, String> {
    if text == "warnings" {
        return Ok(text.to_owned());
    }
    code(text)
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let documents = Documents::read(&args.files);
    let report = args.report(&documents);
    match args.output {
        Output::Text => print_text(&report),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(BAD_INPUT)
    })
}

impl Args {
    fn report(&self, documents: &Documents) -> Report {
        let (manifests, mut problems) = documents.manifests();
        let allowed: Vec<&str> = self.allow.iter().map(String::as_str).collect();
        for finding in manifests.bundle.check().allowing(&allowed).findings() {
            problems.push(self.judged(manifests.locate(finding)));
        }
        problems.sort_by_key(|problem| (documents.order(&problem.file), problem.line, problem.column));
        Report {
            ok: !problems.iter().any(Problem::is_error),
            objects: manifests.bundle.objects().len(),
            problems,
        }
    }

    /// The finding with the severity that the command line gives it.
    fn judged(&self, problem: Problem) -> Problem {
        let denied = |deny: &String| deny == "warnings" || Some(deny.as_str()) == problem.code;
        let severity = if self.deny.iter().any(denied) {
            Severity::Error
        } else {
            problem.severity
        };
        Problem { severity, ..problem }
    }
}

fn print_text(report: &Report) {
    for problem in &report.problems {
        println!("{problem}");
    }
    let errors = report
        .problems
        .iter()
        .filter(|problem| problem.is_error())
        .count();
    let warnings = report.problems.len() - errors;
    let objects = counted(report.objects, "object");
    let found = match (errors, warnings) {
        (0, 0) => return println!("fine: {objects}"),
        (0, _) => format!("fine, with {}", counted(warnings, "warning")),
        (_, 0) => counted(errors, "error"),
        (..) => format!(
            "{} and {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    };
    println!("{found}: {objects}");
    if let Some(code) = report.problems.iter().find_map(|problem| problem.code) {
        println!("`mqttkube-manifests explain {code}` says more");
    }
}
