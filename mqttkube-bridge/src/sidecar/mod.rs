//! The refresher beside a stock Mosquitto: it writes the broker's configuration with a fresh token and has the broker
//! read it, before the old token ends.
//!
//! It understands the environment and the template placeholders of the `kube-mqtt` tutorial, and differs where that one
//! loses messages: the file is replaced in one step, a running broker is told at the refresher's own start as well (it
//! may hold a token that is about to end), only the very process is signalled, and failures are retried.
//!
//! Mosquitto has no way to take a new bridge password without losing something: on SIGHUP 2.0 ignores it and 2.1 throws
//! away the bridge's queue. So the broker is ended by SIGTERM, which saves its queue when `persistence true` is set and
//! the folder survives, and started again by whoever supervises it. Where the broker tells the state of its bridge
//! ([`BridgeState`]), a bridge that stays down gets one more token before its time. The native [relay](crate) needs none of this.

mod effect;
mod environment;
mod process;
mod refresher;
#[cfg(test)]
mod restarts;
mod template;
mod write;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::credential::CredentialError;

pub use effect::BridgeState;
pub use environment::{Environment, EnvironmentError};
pub use process::{Broker, Reload};
pub use refresher::{Options, Status, TemplateText, run};
pub use template::{TOKEN, Template, TemplateError, Values};
pub use write::replace_file;

/// Why one round of the refresher failed. It is tried again after a pause.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SidecarError {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The configuration could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The template cannot be filled.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// No credential.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The processes of this machine could not be listed.
    #[error("cannot look for the broker's process")]
    Processes(#[source] io::Error),
    /// The broker could not be signalled.
    #[error("cannot send SIGTERM to process {pid}; the refresher needs the same user id as the broker")]
    Signal {
        /// The process.
        pid: u32,
        /// Why not.
        source: io::Error,
    },
    /// The broker was signalled and goes on with the old configuration.
    #[error("process {pid} did not end within {seconds} s after SIGTERM")]
    StillRunning {
        /// The process.
        pid: u32,
        /// How long was waited.
        seconds: u64,
    },
    /// The caller's command could not be started.
    #[error("cannot run {program}")]
    Command {
        /// The program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The caller's command failed.
    #[error("{program} ended with {status}")]
    CommandFailed {
        /// The program.
        program: String,
        /// Its exit status.
        status: String,
    },
}
