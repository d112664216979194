//! How a connection ends.

use std::io;

use crate::event::Version;
use crate::outbox::Cut;
use crate::wire::Complaint;

/// Why a connection ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) reason: String,
    pub(crate) complaint: Option<Complaint>,
    pub(crate) hung_up: bool,
}

impl End {
    /// We end it.
    pub(crate) fn silent(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            complaint: None,
            hung_up: false,
        }
    }

    /// The network or the other side ended it.
    pub(crate) fn lost(error: &io::Error) -> Self {
        let hung_up = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        );
        Self {
            reason: format!("connection lost: {error}"),
            complaint: None,
            hung_up,
        }
    }

    /// Another client has the session.
    pub(crate) fn taken_over(&self) -> bool {
        self.complaint == Some(Complaint::TakenOver)
    }

    /// What it says about the publishes that were on their way.
    pub(crate) const fn cut(&self) -> Cut {
        match self.complaint {
            Some(Complaint::TooLarge) => Cut::TooLarge,
            Some(Complaint::Flooded) => Cut::Flooded,
            None if self.hung_up => Cut::HungUp,
            Some(_) | None => Cut::Quiet,
        }
    }

    /// After how many of these in quick succession another client must be behind it. MQTT 5 has a reason code for a
    /// takeover, but Mosquitto 2.0 does not send it.
    pub(crate) fn silently_closed(&self, version: Version) -> Option<u32> {
        self.hung_up.then_some(match version {
            Version::V5 => 4,
            Version::V311 => 2,
        })
    }
}
