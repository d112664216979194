//! Logs on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::settings::LoggingSettings;

/// Sends events to standard error. `RUST_LOG` says it in more detail than the configuration can.
pub fn start(logging: &LoggingSettings) {
    // Other people's libraries are quiet unless they have something to complain of. What the client of Kubernetes
    // complains of is an error that we are given, and tell with its place.
    let ours = format!(
        "warn,kube_client=off,mqtt_kube={level},cloud_bridge={level},jwt_refresher={level},mqttkube_core={level},mqttkube_bridge={level},\
         mqttkube_mqtt={level},mqttkube_examples={level}",
        level = logging.level
    );
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(ours));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that something is listening already.
    let _ = if logging.json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
}
