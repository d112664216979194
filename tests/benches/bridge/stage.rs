//! Two brokers, a bridge of Mosquitto between them, and beside it the native relay.

use std::time::Duration;

use anyhow::Result;
use mqttkube_tests::process::{Mosquitto, MosquittoOptions, Process, Spec};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::relay::ARGUMENT;
use crate::wire::SOON;

/// A way between the local broker and the cloud: what is published below its name arrives under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The bridge in the local broker.
    Stock,
    /// The relay.
    Native,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::Stock, Self::Native];

    /// A topic that it carries along the lane.
    pub(crate) fn topic(self, lane: Lane) -> &'static str {
        match (self, lane) {
            (Self::Stock, Lane::Out) => "stock/a",
            (Self::Stock, Lane::In) => "stock-in/a",
            (Self::Native, Lane::Out) => "native/a",
            (Self::Native, Lane::In) => "native-in/a",
        }
    }
}

/// Where messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// From local to cloud.
    Out,
    /// From cloud to local.
    In,
}

/// What the brokers do with packets that are smaller than a segment of TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Small {
    /// They gather while others are on their way (Nagle's algorithm). Mosquitto does so unless it is told otherwise.
    Gather,
    /// They leave at once (`set_tcp_nodelay true`) on connections that the broker accepted. On that of its own bridge they
    /// gather all the same, so each acknowledgement costs a broker more for a relay than for its bridge.
    AtOnce,
}

/// Everything runs until it is dropped.
pub(crate) struct Stage {
    pub(crate) relay: Process,
    pub(crate) local: Mosquitto,
    pub(crate) cloud: Mosquitto,
    _folder: TempDir,
}

impl Stage {
    /// Starts both ways; `mode` is the section `relay` of the configuration.
    pub(crate) fn start(runtime: &Runtime, mode: &str, small: Small) -> Result<Self> {
        runtime.block_on(async {
            // The limit of unacknowledged messages that a generated configuration has.
            let broker = || {
                MosquittoOptions::default()
                    .line("max_inflight_messages 100")
                    // Takes back that everything is logged.
                    .line("log_type none")
                    .line(&format!("set_tcp_nodelay {}", small == Small::AtOnce))
            };
            let cloud = broker().start().await?;
            let bridge = format!(
                "connection stock\naddress 127.0.0.1:{}\ntopic stock/# out 1\ntopic stock-in/# in 1\ncleansession false\nnotifications false",
                cloud.port()
            );
            let local = broker().line(&bridge).start().await?;
            let folder = TempDir::with_prefix_in("bridge-", env!("CARGO_TARGET_TMPDIR"))?;
            let config = format!(
                "local: {{port: {}}}\ncloud: {{profile: plain, host: 127.0.0.1, port: {}, tls: false}}\n\
                 rules: [\"native/# out 1\", \"native-in/# in 1\"]\nrelay: {mode}\n",
                local.port(),
                cloud.port()
            );
            let path = folder.path().join("bridge.yaml");
            std::fs::write(&path, config)?;
            let relay = Spec::new(std::env::current_exe()?, folder.path().join("relay.log"))
                .arg(ARGUMENT)
                .arg(path)
                .start()?;
            relay.prints("ready", SOON).await;
            Ok(Self {
                relay,
                local,
                cloud,
                _folder: folder,
            })
        })
    }

    /// Processor time of the relay so far.
    pub(crate) fn relay_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.relay.id())).unwrap_or_default();
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<u64>().ok())
                .unwrap_or(0)
        };
        // User and system time, in hundredths of a second.
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }
}
