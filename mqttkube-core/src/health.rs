//! Liveness and readiness as data. Serving them is the business of the program.

use serde::Serialize;

use crate::report::Status;

/// What a probe wants to know.
///
/// ```
/// use mqttkube_core::health::Health;
///
/// let health = Health { live: true, ready: false, reasons: vec!["no connection to the broker: refused".to_owned()] };
/// assert!(health.live, "a restart would not help");
/// assert!(!health.ready, "nothing is served at this moment");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The loop answers. While it does, a restart of the process would make nothing better.
    pub live: bool,
    /// Every link, subscription and watch is up.
    pub ready: bool,
    /// Why it is not ready, one sentence each; empty when it is.
    pub reasons: Vec<String>,
}

impl Health {
    /// What is known when the loop does not answer.
    pub(crate) fn silent(reason: &str) -> Self {
        Self {
            live: false,
            ready: false,
            reasons: vec![reason.to_owned()],
        }
    }

    pub(crate) fn from_reasons(reasons: Vec<String>) -> Self {
        Self {
            live: true,
            ready: reasons.is_empty(),
            reasons,
        }
    }
}

/// Everything that the engine knows to be amiss.
pub(crate) fn engine_reasons(status: &Status) -> Vec<String> {
    let mut reasons = Vec::new();
    if status.draining {
        reasons.push("shutting down".to_owned());
    }
    if !status.api_reachable {
        reasons.push("the API server cannot be reached".to_owned());
    }
    for kind in &status.missing_kinds {
        reasons.push(format!("the API server has no kind {kind}"));
    }
    for watch in &status.watches {
        let place = watch
            .namespace
            .as_ref()
            .map_or(String::new(), |namespace| format!(" in {namespace}"));
        let what = format!("watch of {}{place}", watch.kind);
        match &watch.error {
            Some(error) => reasons.push(format!("{what}: {error}")),
            None if !watch.listed => reasons.push(format!("{what}: not listed yet")),
            None => {}
        }
    }
    reasons
}
