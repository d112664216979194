//! The session as numbers.

use tokio::sync::watch;

use crate::event::Version;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum State {
    /// Not connected; trying.
    #[default]
    Offline,
    /// Connected.
    Online,
    /// Not connected, because another client with the same id took the session over; trying once in a while.
    Kicked,
    /// Ended.
    Closed,
}

/// A snapshot of a session. Counters start at zero with the session and never go down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Where it stands.
    pub state: State,
    /// The protocol in use.
    pub version: Version,
    /// Connections so far; the number of the present one.
    pub epoch: u64,
    /// Why it was offline last.
    pub last_offline: Option<String>,
    /// Filters asked for.
    pub subscriptions: usize,
    /// Filters that the broker granted on this connection.
    pub granted: usize,
    /// Publishes waiting to be sent.
    pub queued: usize,
    /// Publishes sent and not answered.
    pub in_flight: usize,
    /// Messages received and not acknowledged.
    pub unacknowledged: usize,
    /// Messages received and handed over.
    pub received: u64,
    /// Acknowledgements sent to the broker.
    pub acknowledged: u64,
    /// Acknowledgements that came after their connection had ended.
    pub stale_acks: u64,
    /// Publishes that ended well at the broker.
    pub published: u64,
    /// Publishes that the broker refused.
    pub refused: u64,
    /// Publishes replaced by newer ones before they were sent.
    pub superseded: u64,
    /// Publishes whose message expiry had passed before they could be sent.
    pub expired: u64,
    /// Publishes given up when the session was closed.
    pub given_up: usize,
    /// Messages dropped because they were above the payload limit.
    pub dropped_large: u64,
    /// Messages at QoS 0 dropped because they came faster than they were taken.
    pub dropped_overrun: u64,
    /// Messages dropped because their topic was not text.
    pub dropped_topic: u64,
    /// Answers of the broker to packets that it was never sent.
    pub unknown_answers: u64,
    /// Connections replaced because their credentials were due.
    pub renewals: u64,
    /// How often another client took the session over.
    pub takeovers: u64,
    /// The broker's certificate is not checked against its host name.
    pub hostname_not_verified: bool,
}

/// The session's own copy of its numbers. They change several times with every message, and showing them costs as much as
/// all of that, so they are shown once for everything that was done in one go.
#[derive(Debug)]
pub(crate) struct Ledger {
    now: Status,
    shown: watch::Sender<Status>,
    changed: bool,
}

impl Ledger {
    pub(crate) fn new(shown: watch::Sender<Status>) -> Self {
        let now = shown.borrow().clone();
        Self {
            now,
            shown,
            changed: false,
        }
    }

    pub(crate) const fn now(&self) -> &Status {
        &self.now
    }

    /// Changes some of them; they are shown later.
    pub(crate) fn note(&mut self, change: impl FnOnce(&mut Status)) {
        change(&mut self.now);
        self.changed = true;
    }

    /// Shows what has changed. To be called before anything is waited for.
    pub(crate) fn show(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.shown.send_replace(self.now.clone());
        }
    }
}
