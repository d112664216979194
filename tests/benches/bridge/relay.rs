//! The relay in a process of its own: this program, started once more.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mqttkube_bridge::relay::{self, Mode, Relay, Routes, Store};
use mqttkube_bridge::spec::{self, Secrets};
use mqttkube_mapping::yaml::SecretLookup;
use mqttkube_mqtt::{Credentials, connect};

/// The first argument of the process; the second is a configuration file.
pub(crate) const ARGUMENT: &str = "relay";

/// Nothing in these configurations is secret.
#[derive(Debug)]
struct NoSecrets;

impl SecretLookup for NoSecrets {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &str) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// Relays until it is killed, and prints what is in the store whenever that changes.
pub(crate) fn run(config: &str) -> Result<()> {
    relay::runtime()?.block_on(carry(config))
}

async fn carry(config: &str) -> Result<()> {
    let bridge = spec::load(Path::new(config), |_| ()).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    let secrets: Secrets = Arc::new(NoSecrets);
    let store = match &bridge.relay.mode {
        spec::Mode::Store(options) => Some(Store::open(options)?),
        spec::Mode::Relay => None,
    };
    let relay = Relay {
        local: connect(bridge.local_options(&secrets)?),
        cloud: connect(bridge.cloud_options(Credentials::none(), &secrets)?),
        routes: Routes::new(bridge.topic_rules(), bridge.cloud.endpoint.limits.clone()),
        mode: store.clone().map_or(Mode::Relay, Mode::Store),
        dead_letter: None,
    };
    let (mut handle, run) = relay.start(std::future::pending());
    let report = async {
        handle.ready().await;
        println!("ready");
        let Some(mut store) = store else {
            return std::future::pending().await;
        };
        loop {
            println!("stored {}", store.status().messages[0]);
            store.changed().await.context("the store is closed")?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = run => Ok(()),
        ended = report => ended,
    }
}
