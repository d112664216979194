//! `cloud-bridge run`: the bridge of a file, until somebody says stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use mqttkube_bridge::relay::{self, Mode, Relay, Store};
use mqttkube_bridge::spec::{self, Bridge, Secrets};
use mqttkube_examples::http::Server;
use mqttkube_examples::logging;
use mqttkube_examples::secrets::Process;
use mqttkube_examples::settings::Settings;
use mqttkube_examples::signals::Signals;
use mqttkube_mqtt::connect;
use tokio::sync::oneshot;

use crate::http::{self, View};
use crate::load_or_complain;

/// What is left of the 10 s after which service managers lose their patience, once the relay has stopped.
const CLOSING: Duration = Duration::from_secs(2);

/// How long the cloud gets to let go of the devices behind a gateway.
const DETACH: Duration = Duration::from_secs(1);

/// Carry messages as a configuration file says until SIGTERM or SIGINT.
///
/// The first signal finishes what is in flight, a second one ends the program at once. Nothing at QoS 1 is lost either
/// way: what has not arrived stays in the sessions of the two brokers, or in the store.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration file.
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
}

/// Runs and says with which status the program ends: 0 after a signal, 2 for a bad configuration.
///
/// # Errors
/// When the program cannot start, or fails later.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let bridge = match load_or_complain(&args.config) {
        Ok(bridge) => bridge,
        Err(status) => return Ok(status),
    };
    bridge.notes.iter().for_each(|note| eprintln!("{note}"));
    logging::start(&bridge.program.logging);
    let runtime = relay::runtime()?;
    let ended = runtime.block_on(serve(&bridge));
    // The second signal means now: whatever still runs is left behind.
    runtime.shutdown_background();
    ended
}

async fn serve(bridge: &Bridge<Settings>) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let secrets: Secrets = Arc::new(Process);
    let rollover = bridge.rollover(&secrets);
    let local = bridge.local_options(&secrets).context("the section local")?;
    let gateway = bridge.attached(&secrets);
    let mut cloud = bridge.cloud_builder(rollover.credentials(), &secrets)?;
    let mut routes = bridge.routes();
    if let Some(gateway) = &gateway {
        cloud = cloud.opening(gateway.opening());
        routes = routes.with_gateway(gateway);
    }
    let (cloud, events) = connect(cloud.build().context("the section cloud")?);
    let store = match &bridge.relay.mode {
        spec::Mode::Relay => None,
        spec::Mode::Store(options) => Some(Store::open(options)?),
    };
    let server = match &bridge.program.http {
        Some(settings) => Some(Server::bind(settings).await?),
        None => None,
    };
    let relay = Relay {
        local: connect(local),
        cloud: (cloud.clone(), events),
        routes,
        mode: store.clone().map_or(Mode::Relay, Mode::Store),
        dead_letter: bridge.relay.dead_letter.as_ref().map(ToString::to_string),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    // Without a sender nobody could stop it any more, so that counts as the signal.
    let (handle, carry) = relay.start(async { drop(stopped.await) });
    let view = View {
        handle,
        rollover,
        store: store.clone(),
        gateway: gateway.clone(),
    };
    let devices = async {
        match &gateway {
            Some(gateway) => gateway.run(&cloud).await,
            None => std::future::pending().await,
        }
    };
    let probes = async {
        match server {
            Some(server) => match http::serve(server, view).await {},
            None => std::future::pending::<()>().await,
        }
    };
    let impatient = async {
        signals.next().await;
        tracing::info!("stopping");
        let detach = async {
            if let Some(gateway) = &gateway {
                gateway.detach(&cloud, DETACH).await;
            }
            drop(stop);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = signals.next() => {}
            () = detach => {}
        }
    };
    tokio::select! {
        () = carry => {}
        () = devices => {}
        () = probes => return Ok(ExitCode::FAILURE),
        () = impatient => {
            tracing::warn!("stopped at once; what is in flight comes again");
            return Ok(ExitCode::FAILURE);
        }
    }
    if let Some(store) = store {
        // What was removed is written in time or comes again.
        let _ = tokio::time::timeout(CLOSING, store.close()).await;
    }
    Ok(ExitCode::SUCCESS)
}
