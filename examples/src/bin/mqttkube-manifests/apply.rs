//! `mqttkube-manifests apply` and `diff`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use kube::config::{Config, KubeConfigOptions};
use mqttkube_core::runtime;
use mqttkube_examples::cli::with_causes;
use mqttkube_manifests::apply::{Applier, Difference, FieldChange, Options, Outcome, PruneSet};
use mqttkube_manifests::bundle::VerifiedBundle;
use serde_json::Value;

use crate::input::Input;
use crate::{BAD_INPUT, counted};

/// Exit status of `diff` when the cluster cannot be asked, or refuses: 1 says that something differs.
const NO_ANSWER: u8 = 3;

/// Apply a SPEC file to the cluster, and wait until everything is ready.
///
/// The API server is asked about all objects first (a dry run), so that all are applied or none. The cluster is that of
/// the current context, as kubectl has it.
///
///   mqttkube-manifests diff broker.yaml
///   mqttkube-manifests apply broker.yaml --dry-run
///   mqttkube-manifests apply broker.yaml
///   mqttkube-manifests apply broker.yaml --prune
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    target: Target,
    /// Ask the API server, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Seconds to wait until everything is ready; 0 does not wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait: u64,
}

/// Show what `apply` would change in the cluster. Data of Secrets is not shown.
///
/// The status is 0 when nothing would change, 1 when something would, and more when that is not known: 2 for a wrong SPEC
/// or command line, 3 when the cluster does not answer or refuses the objects.
///
///   mqttkube-manifests diff broker.yaml
///   mqttkube-manifests diff broker.yaml --prune
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    target: Target,
}

/// Which cluster, and how it is changed.
#[derive(Debug, clap::Args)]
struct Target {
    /// Another context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Take over fields that somebody else has applied.
    #[arg(long)]
    force: bool,
    /// Delete what an earlier `apply --prune` of this SPEC made and this one does not, but for claims, namespaces and
    /// definitions. The objects bear a label, and a ConfigMap NAME-set holds their kinds (KEP 3659).
    #[arg(long)]
    prune: bool,
}

impl Target {
    async fn applier(&self, made: &Made, dry_run: bool) -> anyhow::Result<Applier> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = match &self.context {
            Some(_) => Config::from_kubeconfig(&options)
                .await
                .context("there is no such context")?,
            None => Config::infer().await.context("there is no cluster to talk to")?,
        };
        // A second installation fails, and then there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut options = Options::default();
        options.force = self.force;
        options.dry_run = dry_run;
        options.prune = self.prune.then(|| made.set()).flatten();
        Ok(Applier::new(runtime::client(config)?, options))
    }
}

/// What a SPEC becomes.
struct Made {
    name: String,
    bundle: VerifiedBundle,
}

impl Made {
    /// `None` when the SPEC is wrong, which has been said.
    fn read(input: &Input) -> Option<Self> {
        let spec = input.load().ok()?;
        let bundle = input.bundle(&spec, &input.changes()).ok()?;
        let name = spec.name();
        Some(Self { name, bundle })
    }

    /// The objects as a set, which lies in the first namespace that they name.
    fn set(&self) -> Option<PruneSet> {
        let mut namespaces = self
            .bundle
            .objects()
            .iter()
            .filter_map(|object| object.namespace());
        Some(PruneSet {
            name: format!("{}-set", self.name.trim_matches('-')),
            namespace: namespaces.next()?.to_owned(),
        })
    }
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(future)
}

pub(crate) fn apply(args: &ApplyArgs) -> anyhow::Result<ExitCode> {
    let Some(made) = Made::read(&args.input) else {
        return Ok(ExitCode::from(BAD_INPUT));
    };
    block_on(async {
        let applier = args.target.applier(&made, args.dry_run).await?;
        for applied in applier.apply(&made.bundle).await? {
            println!("{}: {}", applied.object, done(applied.outcome, args.dry_run));
        }
        if args.wait > 0 && !args.dry_run {
            applier.wait(&made.bundle, Duration::from_secs(args.wait)).await?;
            println!("{}, all ready", counted(made.bundle.objects().len(), "object"));
        }
        Ok(ExitCode::SUCCESS)
    })
}

pub(crate) fn diff(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let Some(made) = Made::read(&args.input) else {
        return Ok(ExitCode::from(BAD_INPUT));
    };
    let differences = block_on(async {
        let applier = args.target.applier(&made, true).await?;
        Ok(applier.diff(&made.bundle).await?)
    });
    let differences = match differences {
        Ok(differences) => differences,
        Err(error) => {
            eprintln!("error: {}", with_causes(&error));
            return Ok(ExitCode::from(NO_ANSWER));
        }
    };
    for Difference {
        object,
        outcome,
        fields,
    } in &differences
    {
        println!("{object}: {}", done(*outcome, true));
        fields.iter().for_each(show);
    }
    Ok(if differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn done(outcome: Outcome, dry_run: bool) -> &'static str {
    match (outcome, dry_run) {
        (Outcome::Created, false) => "created",
        (Outcome::Created, true) => "would be created",
        (Outcome::Changed, false) => "changed",
        (Outcome::Changed, true) => "would be changed",
        (Outcome::Unchanged, _) => "unchanged",
        (Outcome::Pruned, false) => "deleted",
        (Outcome::Pruned, true) => "would be deleted",
        _ => "stays, though it is no longer part of it",
    }
}

fn show(field: &FieldChange) {
    if field.hidden {
        return println!("  {}: differs, and is secret", field.pointer);
    }
    let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    println!(
        "  {}: {} -> {}",
        field.pointer,
        text(field.before.as_ref()),
        text(field.after.as_ref())
    );
}
