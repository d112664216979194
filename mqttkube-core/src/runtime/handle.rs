//! Looking at a running runtime from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::health::Health;
use crate::report::Status;

/// A loop that does not answer for so long is not alive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a running [`Runtime`](super::Runtime) how it is. Clones ask the same one.
#[derive(Clone, Debug)]
pub struct Handle {
    asks: mpsc::Sender<oneshot::Sender<Snapshot>>,
}

/// How a runtime is at one moment; the document of `/api/status`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Liveness and readiness with reasons.
    #[serde(flatten)]
    pub health: Health,
    /// The session with the broker.
    pub mqtt: LinkStatus,
    /// Bindings, watches and commands.
    #[serde(flatten)]
    pub engine: Status,
}

/// The session with the broker at one moment. Counters start at zero with the process.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct LinkStatus {
    /// `offline`, `online`, `kicked` or `closed`.
    pub state: &'static str,
    /// The protocol in use: `5` or `3.1.1`.
    pub version: String,
    /// Connections so far.
    pub connections: u64,
    /// Why there was no connection last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_offline: Option<String>,
    /// Messages received.
    pub received: u64,
    /// Acknowledgements sent.
    pub acknowledged: u64,
    /// Publishes that the broker took.
    pub published: u64,
    /// Publishes waiting or not answered yet.
    pub waiting: usize,
    /// State publishes replaced by newer ones before they were sent.
    pub superseded: u64,
    /// Messages dropped: above `max-payload`, too fast at QoS 0, or with a topic that is not text.
    pub dropped: u64,
    /// How often another client with the same id took the session over.
    pub takeovers: u64,
    /// The broker's certificate is not checked against its host name.
    pub hostname_not_verified: bool,
    /// Filters that the broker refused, with its reasons.
    pub refused_filters: BTreeMap<String, String>,
    /// Topics that the broker does not let us publish to, with its reasons.
    pub refused_topics: BTreeMap<String, String>,
}

impl Handle {
    pub(super) fn new() -> (Self, mpsc::Receiver<oneshot::Sender<Snapshot>>) {
        let (asks, asked) = mpsc::channel(16);
        (Self { asks }, asked)
    }

    /// Everything about the runtime; `None` when it does not answer within 5 s: it does not run, or its loop hangs.
    pub async fn snapshot(&self) -> Option<Snapshot> {
        let (answer, answered) = oneshot::channel();
        let question = async {
            self.asks.send(answer).await.ok()?;
            answered.await.ok()
        };
        timeout(PATIENCE, question).await.ok().flatten()
    }

    /// Liveness and readiness.
    pub async fn health(&self) -> Health {
        match self.snapshot().await {
            Some(snapshot) => snapshot.health,
            None => Health::silent("the loop does not answer"),
        }
    }
}
