//! `mqttkube-manifests render`.

use std::path::PathBuf;
use std::process::ExitCode;

use mqttkube_manifests::bundle::VerifiedBundle;
use mqttkube_manifests::render::kustomize::Kustomize;
use mqttkube_manifests::render::{File, yaml};

use crate::input::Input;
use crate::spec::Spec;
use crate::{BAD_INPUT, chart, counted, output};

/// Make Kubernetes objects of a SPEC file.
///
/// The objects are checked together first; nothing is written when anything is wrong. The folder is written beside the
/// old one and takes its place at the end.
///
///   mqttkube-manifests render broker.yaml | kubectl apply -f -
///   mqttkube-manifests render broker.yaml --format kustomize --out deploy
///   mqttkube-manifests render broker.yaml --set persistence.size=10Gi --overlay staging
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// Flat YAML, a folder for kustomize, or a chart for Helm.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The folder to write; standard output when absent, which is for YAML alone.
    #[arg(long, value_name = "DIR", required_if_eq_any = [("format", "kustomize"), ("format", "helm")])]
    out: Option<PathBuf>,
    /// Write the folder even if it holds files that were not made here. They are lost.
    #[arg(long, requires = "out")]
    replace: bool,
}

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// One file of YAML.
    #[default]
    Yaml,
    /// A base, and an overlay for every Overlay document.
    Kustomize,
    /// A chart whose values can be looked up.
    Helm,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Ok(spec) = args.input.load() else {
        return Ok(ExitCode::from(BAD_INPUT));
    };
    if let (Format::Kustomize, Some(name)) = (args.format, args.input.overlay()) {
        eprintln!(
            "error: --overlay {name} has no place here: for kustomize all overlays of the file are written"
        );
        return Ok(ExitCode::from(BAD_INPUT));
    }
    let Ok(bundle) = args.input.bundle(&spec, &args.input.changes()) else {
        return Ok(ExitCode::from(BAD_INPUT));
    };
    let files = match args.format {
        Format::Yaml => vec![File {
            path: "manifests.yaml".to_owned(),
            text: yaml::render(&bundle),
        }],
        Format::Kustomize => match kustomize(&args.input, &spec, bundle)? {
            Some(files) => files,
            None => return Ok(ExitCode::from(BAD_INPUT)),
        },
        Format::Helm => {
            let (files, fixed) = chart::render(&spec, &args.input.changes(), &bundle)?;
            fixed.iter().for_each(|reason| eprintln!("note: {reason}"));
            files
        }
    };
    match &args.out {
        None => files.iter().for_each(|file| print!("{}", file.text)),
        Some(folder) => {
            output::write(folder, &files, args.replace)?;
            eprintln!("{}: {}", folder.display(), counted(files.len(), "file"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A base, and an overlay for every overlay of the file; `None` when one of them is wrong, which has been said.
fn kustomize(input: &Input, spec: &Spec, base: VerifiedBundle) -> anyhow::Result<Option<Vec<File>>> {
    let mut folder = Kustomize::new(base);
    for name in spec.overlays() {
        let mut changes = input.changes();
        changes.overlay = Some(name.to_owned());
        let Ok(bundle) = input.bundle(spec, &changes) else {
            return Ok(None);
        };
        folder = folder.overlay(name, bundle, &[]);
    }
    Ok(Some(folder.render()?))
}
