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
    /// The other side closed the connection without a word, as a 3.1.1 broker does to a client that is taken over.
    pub(crate) silently_closed: bool,
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
        let quick = ending.silently_closed && ending.stood.is_some() && !stable;
        self.quick_kicks = if quick { self.quick_kicks + 1 } else { 0 };
        if ending.taken_over || self.quick_kicks >= 2 {
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
