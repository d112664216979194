//! Whether the other end is still there. Pure: time is a parameter.

use std::time::Duration;

use tokio::time::Instant;

/// What is to be done about the silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Nothing yet.
    Fine,
    /// Send a PINGREQ.
    Ping,
    /// Nothing was heard for twice the keep-alive: the connection is dead, whatever TCP believes.
    Dead,
}

/// When something was last heard and said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pulse {
    keep_alive: Duration,
    heard: Instant,
    said: Instant,
    pinged: bool,
}

impl Pulse {
    pub(crate) fn new(keep_alive: Duration, now: Instant) -> Self {
        Self {
            keep_alive,
            heard: now,
            said: now,
            pinged: false,
        }
    }

    /// Bytes arrived.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = false;
    }

    /// Bytes left.
    pub(crate) fn said(&mut self, now: Instant) {
        self.said = now;
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Instant {
        let dead = self.heard + self.keep_alive * 2;
        if self.pinged {
            dead
        } else {
            dead.min(self.heard.min(self.said) + self.keep_alive)
        }
    }

    /// A ping is due after a keep-alive without hearing (to find a dead link) or without saying anything (the broker
    /// would cut us off at one and a half).
    pub(crate) fn beat(&mut self, now: Instant) -> Beat {
        if now >= self.heard + self.keep_alive * 2 {
            return Beat::Dead;
        }
        if !self.pinged && now >= self.heard.min(self.said) + self.keep_alive {
            self.pinged = true;
            return Beat::Ping;
        }
        Beat::Fine
    }
}
