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

    /// When bytes arrived last.
    pub(crate) const fn last_heard(&self) -> Instant {
        self.heard
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
            self.said = now;
            return Beat::Ping;
        }
        Beat::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP_ALIVE: Duration = Duration::from_secs(10);

    /// Beats second by second; returns what was due when.
    #[track_caller]
    fn check(heard_at: &[u64], said_at: &[u64], expected: &[(u64, Beat)]) {
        let start = Instant::now();
        let mut pulse = Pulse::new(KEEP_ALIVE, start);
        let mut due = Vec::new();
        for second in 1..=25 {
            let now = start + Duration::from_secs(second);
            if heard_at.contains(&second) {
                pulse.heard(now);
            }
            if said_at.contains(&second) {
                pulse.said(now);
            }
            let announced = pulse.next() <= now;
            let beat = pulse.beat(now);
            assert_eq!(
                announced,
                beat != Beat::Fine,
                "whoever sleeps until then finds something to do"
            );
            if beat != Beat::Fine {
                due.push((second, beat));
            }
            if beat == Beat::Dead {
                break;
            }
        }
        assert_eq!(due, expected);
    }

    #[test]
    fn a_silent_broker_is_pinged_once_and_dead_after_twice_the_keep_alive() {
        check(&[], &[], &[(10, Beat::Ping), (20, Beat::Dead)]);
    }

    #[test]
    fn a_chatty_client_still_pings_a_broker_that_it_never_hears() {
        let every: Vec<u64> = (1..=25).collect();
        check(&[], &every, &[(10, Beat::Ping), (20, Beat::Dead)]);
    }

    #[test]
    fn a_client_that_only_listens_still_says_something_within_the_keep_alive() {
        let every: Vec<u64> = (1..=25).collect();
        check(&every, &[10, 20], &[]);
        check(&every, &[15], &[(10, Beat::Ping), (25, Beat::Ping)]);
    }
}
