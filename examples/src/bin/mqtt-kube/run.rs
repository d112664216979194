//! `mqtt-kube run`: the bindings of a file, until somebody says stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use mqttkube_core::config::Config;
use mqttkube_core::runtime::Runtime;
use tokio::sync::oneshot;

use crate::load::load;
use crate::secrets::Process;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::{BAD_INPUT, cluster, http, logging};

/// From the first signal to the end of the process, with a margin before the 10 s after which service managers lose
/// their patience.
const GRACE: Duration = Duration::from_secs(8);

/// Run the bindings of a configuration file until SIGTERM or SIGINT.
///
/// The first signal finishes what is in flight, a second one ends the program at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration file.
    #[arg(value_name = "CONFIG")]
    pub(crate) config: PathBuf,
}

/// Runs and says with which status the program ends: 0 after a signal, 2 for a bad configuration.
///
/// # Errors
/// When the program cannot start, or fails later.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = match load(&args.config) {
        Ok(config) => config,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    config.notes.iter().for_each(|note| eprintln!("{note}"));
    logging::start(&config.program.logging);
    // All work waits for the network. One thread saves a wake-up from hand to hand, some 100 us for each command.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(serve(config));
    // The second signal means now: whatever still runs is left behind.
    runtime.shutdown_background();
    ended
}

async fn serve(config: Config<Settings>) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let api = cluster::kube_config(&config.spec.kubernetes)
        .await
        .context("no API server is known")?;
    tracing::info!(server = %api.cluster_url, namespace = api.default_namespace, "API server");
    let client = cluster::client(api)?;
    let plan = config.plan.with_default_namespace(client.default_namespace());
    let (stop, stopped) = oneshot::channel::<()>();
    let options = config
        .mqtt
        .options(Arc::new(Process))
        .context("the section mqtt")?;
    let runtime = Runtime::builder(plan, client, options)
        // Without a sender nobody could stop it any more, so that counts as the signal.
        .stop_when(async { drop(stopped.await) })
        .grace(GRACE)
        .log_payloads(config.program.logging.payloads)
        .build();
    let server = match &config.program.http {
        Some(settings) => Some(http::Server::bind(settings).await?),
        None => None,
    };
    let handle = runtime.handle();
    let probes = async {
        match server {
            Some(server) => match http::serve(server, handle).await {},
            None => std::future::pending::<()>().await,
        }
    };
    let impatient = async {
        signals.next().await;
        drop(stop);
        signals.next().await;
    };
    tokio::select! {
        ended = runtime.run() => ended.map(|()| ExitCode::SUCCESS).map_err(Into::into),
        () = probes => Ok(ExitCode::FAILURE),
        () = impatient => {
            tracing::warn!("stopped at once; commands in flight stay with the broker");
            Ok(ExitCode::FAILURE)
        }
    }
}
