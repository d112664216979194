//! Everything that the demo starts: a local broker, a cloud, and the bridge between them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mqttkube_bridge::relay::{Handle, Mode, Relay, Rollover, Routes};
use mqttkube_bridge::spec::{self, Secrets};
use mqttkube_mapping::yaml::SecretLookup;
use mqttkube_mqtt::connect;
use mqttkube_tests::broker::EmbeddedBroker;
use mqttkube_tests::fake_cloud::{CloudCounts, CloudOptions, Door, FakeCloud, Tally, device_key};
use mqttkube_tests::mqtt_probe::Message;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::PATIENCE;

/// The configuration that the demo runs, and shows. The two ports are filled in.
const CONFIG: &str = include_str!("../demo.yaml");

const COMMANDS: &str = "house-7/commands/heating";
const READINGS: &str = "house-7/readings/cellar";

pub(super) struct Stage {
    local: EmbeddedBroker,
    cloud: FakeCloud,
    config: String,
    rollover: Rollover,
    handle: Handle,
    relay: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    began: Instant,
}

/// The files of the house: one key, which is never written to a disk.
struct Files(String);

impl SecretLookup for Files {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> io::Result<String> {
        if path.ends_with("device-key.pem") {
            Ok(self.0.clone())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}

impl Stage {
    pub(super) async fn set() -> Result<Self> {
        let (pem, key) = device_key()?;
        let local = EmbeddedBroker::start().await?;
        let options = CloudOptions {
            // The cloud hangs up the moment that a token ends.
            door: Door::new("my-project", Duration::ZERO)
                .client("bridge", key)
                .guests(),
            ..CloudOptions::default()
        };
        let cloud = FakeCloud::start(options).await?;
        let config = CONFIG
            .replace("LOCAL", &local.port().to_string())
            .replace("CLOUD", &cloud.port().to_string());
        let bridge = spec::parse(&config, "demo.yaml", "", |_| ()).context("the demo's configuration")?;
        let secrets: Secrets = Arc::new(Files(pem));
        let rollover = bridge.rollover(&secrets);
        let relay = Relay {
            local: connect(bridge.local_options(&secrets)?),
            cloud: connect(bridge.cloud_options(rollover.credentials(), &secrets)?),
            routes: Routes::new(bridge.topic_rules(), bridge.cloud.endpoint.limits.clone()),
            mode: Mode::Relay,
            dead_letter: None,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let (mut handle, carry) = relay.start(async { drop(stopped.await) });
        let relay = tokio::spawn(carry);
        timeout(PATIENCE, handle.ready())
            .await
            .with_context(|| format!("the bridge does not come up: {:?}", handle.status()))?;
        Ok(Self {
            local,
            cloud,
            config,
            rollover,
            handle,
            relay,
            stop,
            began: Instant::now(),
        })
    }

    pub(super) fn introduction(&self) -> String {
        let config = self.config.lines();
        let config = config.map(|line| format!("      {line}\n")).collect::<String>();
        format!(
            "cloud-bridge demo: a house that talks to a cloud, with a password that is good for 5 seconds\n\
             \n\
             Everything runs inside this one program, on this machine only:\n\
             \n\
             \x20 the local broker   mqtt://{local}   where the house is connected\n\
             \x20 the cloud          mqtt://{cloud}   an imitation; its password is a token that the bridge signs with\n\
             \x20                    its key, and it hangs up the moment that a token ends\n\
             \x20 cloud-bridge       joins the two, as this file says:\n\
             \n\
             {config}\n\
             With most bridges a new password means a restart, and what was under way is lost. This one signs the\n\
             next token in time, opens a second connection with it, and lets go of the first when that one stands.\n",
            local = self.local.address(),
            cloud = self.cloud.address(),
        )
    }

    pub(super) fn invitation(&self) -> String {
        let (local, cloud) = (self.local.port(), self.cloud.port());
        format!(
            "\nThe bridge goes on with a new token every few seconds. Join in from another terminal:\n\
             \n\
             \x20 mosquitto_sub -h 127.0.0.1 -p {cloud} -v -t 'house-7/#'                            # at the cloud\n\
             \x20 mosquitto_pub -h 127.0.0.1 -p {local} -q 1 -t home/readings/attic -m 21.5          # from home\n\
             \n\
             \x20 mosquitto_sub -h 127.0.0.1 -p {local} -v -t 'home/#'                               # at home\n\
             \x20 mosquitto_pub -h 127.0.0.1 -p {cloud} -q 1 -t house-7/commands/light -m on         # from the cloud\n\
             \n\
             Ctrl-C ends it."
        )
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local.address()
    }

    /// Publishes a numbered command at the cloud.
    pub(super) fn command(&self, number: u64) {
        self.cloud.publish(&Message::new(COMMANDS, number.to_string()));
    }

    /// The readings that have come to the cloud.
    pub(super) fn arrived(&self) -> Tally {
        self.cloud.ledger().topic(READINGS)
    }

    pub(super) fn counts(&self) -> CloudCounts {
        self.cloud.counts()
    }

    /// Tokens that were shown to the cloud.
    pub(super) fn tokens(&self) -> u64 {
        self.cloud.counts().connections
    }

    /// Changes from one token to the next.
    pub(super) fn rollovers(&self) -> u64 {
        self.tokens().saturating_sub(1)
    }

    /// Seconds since the bridge came up.
    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    pub(super) async fn end(self) -> Result<()> {
        tracing::debug!(credential = ?self.rollover.status(), status = ?self.handle.status(), "the end of the demo");
        // An error means that the relay has ended already.
        let _ = self.stop.send(());
        self.relay.await.context("the bridge failed")?;
        self.local.stop().await
    }
}
