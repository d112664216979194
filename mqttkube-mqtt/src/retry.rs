//! When to connect again. Pure: the random number is a parameter.

use std::time::Duration;

use crate::options::Reconnect;

/// How a connection or an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ending {
    /// How long the connection stood; none if it never did.
    pub(crate) stood: Option<Duration>,
    /// The broker said that another client took the session over.
    pub(crate) taken_over: bool,
    /// The other side closed an idle connection without a word, as some brokers do to a client that is taken over. So
    /// many quick ones in a row are believed to be that.
    pub(crate) silently_closed: Option<u32>,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) pause: Duration,
    /// Another client uses our id.
    pub(crate) kicked: bool,
}

#[derive(Debug)]
pub(crate) struct Retry {
    settings: Reconnect,
    failures: u32,
    quick_kicks: u32,
}

impl Retry {
    pub(crate) fn new(settings: Reconnect) -> Self {
        Self {
            settings,
            failures: 0,
            quick_kicks: 0,
        }
    }

    /// Judges an ending. `random` is any number.
    pub(crate) fn after(&mut self, ending: Ending, random: u64) -> Verdict {
        let stable = ending.stood.is_some_and(|stood| stood >= self.settings.max);
        let limit = ending
            .silently_closed
            .filter(|_| ending.stood.is_some() && !stable);
        self.quick_kicks = limit.map_or(0, |_| self.quick_kicks + 1);
        if ending.taken_over || limit.is_some_and(|limit| self.quick_kicks >= limit) {
            self.failures = 1;
            return Verdict {
                pause: self.settings.after_takeover,
                kicked: true,
            };
        }
        if stable {
            self.failures = 0;
        }
        let pause = match self.failures {
            0 => Duration::ZERO,
            failures => self.jittered(failures, random),
        };
        self.failures = self.failures.saturating_add(1);
        Verdict { pause, kicked: false }
    }

    fn jittered(&self, failures: u32, random: u64) -> Duration {
        let Reconnect { min, max, .. } = self.settings;
        let bound = min.saturating_mul(1 << failures.min(16)).min(max).max(min);
        let share = (random % 1024) as u32;
        min + (bound - min) * share / 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOOD_LONG: Ending = Ending {
        stood: Some(Duration::from_secs(60)),
        taken_over: false,
        silently_closed: None,
    };
    const FAILED: Ending = Ending {
        stood: None,
        taken_over: false,
        silently_closed: None,
    };

    fn pauses(endings: &[Ending], random: u64) -> Vec<u64> {
        let mut retry = Retry::new(Reconnect::default());
        endings
            .iter()
            .map(|ending| retry.after(*ending, random).pause.as_millis() as u64)
            .collect()
    }

    #[test]
    fn the_first_retry_is_made_at_once_and_later_ones_wait_one_to_five_seconds() {
        assert_eq!(
            pauses(&[STOOD_LONG, FAILED, FAILED, FAILED, FAILED], 0),
            [0, 1000, 1000, 1000, 1000]
        );
        let longest = pauses(&[STOOD_LONG, FAILED, FAILED, FAILED, FAILED], 1023);
        assert!(
            longest
                .iter()
                .zip([0, 2000, 4000, 5000, 5000])
                .all(|(pause, bound)| *pause <= bound),
            "{longest:?}"
        );
    }

    #[test]
    fn a_connection_that_breaks_again_and_again_is_no_hot_loop() {
        let brief = Ending {
            stood: Some(Duration::from_millis(3)),
            ..FAILED
        };
        assert_eq!(pauses(&[brief, brief, brief], 0), [0, 1000, 1000]);
    }

    #[test]
    fn a_client_that_took_the_session_over_is_not_fought() {
        let taken = Ending {
            stood: Some(Duration::from_secs(60)),
            taken_over: true,
            silently_closed: None,
        };
        assert_eq!(pauses(&[taken, taken], 1023), [60_000, 60_000]);
    }

    #[test]
    fn two_quick_silent_ends_in_a_row_are_taken_for_a_takeover() {
        let kick = Ending {
            stood: Some(Duration::from_secs(1)),
            taken_over: false,
            silently_closed: Some(2),
        };
        let mut retry = Retry::new(Reconnect::default());
        assert!(!retry.after(kick, 0).kicked);
        assert!(retry.after(kick, 0).kicked);
        assert!(!retry.after(STOOD_LONG, 0).kicked);
        assert!(
            !retry.after(kick, 0).kicked,
            "a long connection between them clears the suspicion"
        );
    }
}
