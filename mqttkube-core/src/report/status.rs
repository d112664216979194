//! How the bindings are doing, as data.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Outcome;

/// Everything that [`Engine::status`](crate::engine::Engine::status) knows, for `/api/status` and for health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// There is a connection to the broker.
    pub online: bool,
    /// The API server answered the last command, or there was none.
    pub api_reachable: bool,
    /// No new messages are taken.
    pub draining: bool,
    /// Commands at this moment.
    pub commands: CommandStatus,
    /// One entry for each binding, in the order of the file.
    pub bindings: Vec<BindingStatus>,
    /// One entry for each watch on the API server.
    pub watches: Vec<WatchStatus>,
    /// Kinds that the API server does not know, as `group/version/Kind`.
    pub missing_kinds: Vec<String>,
}

/// Commands at this moment, and counters since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CommandStatus {
    /// Messages that are not finished.
    pub running: usize,
    /// Deliveries that are not acknowledged.
    pub unacknowledged: usize,
    /// Calls to the API server in flight.
    pub in_flight: usize,
    /// Objects with commands that wait or run.
    pub objects: usize,
    /// Messages so far.
    pub received: u64,
    /// Of these, further deliveries of a message that was known.
    pub duplicates: u64,
    /// Messages that no item listens to.
    pub unrouted: u64,
    /// Messages at QoS 0 that were dropped because too much was waiting.
    pub dropped: u64,
    /// Answers to calls that were no longer waited for.
    pub late_answers: u64,
    /// Response topics of publishers that were not answered because they lie elsewhere.
    pub refused_responses: u64,
}

/// Counters of one binding since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BindingStatus {
    /// The id of the binding.
    pub id: String,
    /// Messages for its items.
    pub received: u64,
    /// Of these, retained ones that were not executed.
    pub ignored: u64,
    /// Outcomes by name. One that never occurred is absent.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// States published.
    pub published: u64,
    /// Values of watches that could not be published, because their mapping failed.
    pub failed: u64,
    /// The last thing that went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl BindingStatus {
    pub(crate) fn count(&mut self, outcome: Outcome, error: Option<&str>) {
        *self.outcomes.entry(outcome.as_str()).or_default() += 1;
        if let Some(error) = error {
            self.last_error = Some(error.to_owned());
        }
    }

    pub(crate) fn fail(&mut self, error: String) {
        self.failed += 1;
        self.last_error = Some(error);
    }
}

/// One watch on the API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WatchStatus {
    /// The kind, as `group/version/Kind`.
    pub kind: String,
    /// The namespace; absent for all of them and for cluster-scoped kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The first list is complete.
    pub listed: bool,
    /// Objects whose values are known.
    pub objects: usize,
    /// Why it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
