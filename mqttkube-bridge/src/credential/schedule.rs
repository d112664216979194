//! When the next credential is due. Pure: the time is given.
//!
//! Claims are made with the wall clock, waiting is done by a monotonic one. Neither is enough alone: the wall clock may
//! step, the monotonic one stands still while a machine sleeps. So a credential is due when *either* says so, and no
//! wait is longer than [`Schedule::LONGEST_WAIT`].

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::UnixTime;

/// What both clocks show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The calendar.
    pub wall: UnixTime,
    /// The stopwatch.
    pub mono: Instant,
}

impl Clock {
    /// The clocks of this machine. The stopwatch is the runtime's, so that it stands still where a test stops it.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            wall: UnixTime(since.as_secs()),
            mono: tokio::time::Instant::now().into_std(),
        }
    }
}

/// How early a credential is replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduleOptions {
    /// The share of its life after which a credential is replaced, 0.0 to 1.0; 0.8 by default.
    pub share: f64,
    /// Up to this share of its life is taken off at random, so that many devices do not come at once; 0.1 by default.
    pub jitter: f64,
}

impl Default for ScheduleOptions {
    fn default() -> Self {
        Self {
            share: 0.8,
            jitter: 0.1,
        }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Issue a credential now.
    Issue,
    /// Ask again at this time at the latest.
    Wait(Instant),
    /// The credential has no end.
    Never,
}

/// The state of one credential's life.
#[derive(Clone, Debug)]
pub struct Schedule {
    options: ScheduleOptions,
    state: State,
    /// Failures in a row: refusals by the server, or attempts to issue that failed.
    failures: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing issued yet, or refused: at once.
    Due,
    /// Issued and in use.
    Held { due: Clock },
    /// Issued for ever.
    Endless,
    /// After failures in a row.
    BackingOff { until: Instant },
}

impl Schedule {
    /// The longest time between two looks at a secret that somebody else may replace.
    pub const LOOK: Duration = Duration::from_secs(10);
    /// The longest time between two looks at the wall clock.
    pub const LONGEST_WAIT: Duration = Duration::from_secs(30);
    /// A credential that claims to live longer is replaced as if it lived this long.
    const LONGEST_LIFE: Duration = Duration::from_secs(366 * 24 * 3_600);
    const FIRST_BACKOFF: Duration = Duration::from_secs(1);
    const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

    /// A schedule with nothing issued yet: due at once.
    #[must_use]
    pub const fn new(options: ScheduleOptions) -> Self {
        Self {
            options,
            state: State::Due,
            failures: 0,
        }
    }

    /// What to do at `now`.
    #[must_use]
    pub fn next(&self, now: Clock) -> Next {
        match self.state {
            State::Endless => Next::Never,
            State::BackingOff { until } if now.mono < until => Next::Wait(until),
            State::Due | State::BackingOff { .. } => Next::Issue,
            State::Held { due } if now.wall >= due.wall || now.mono >= due.mono => Next::Issue,
            State::Held { due } => Next::Wait(due.mono.min(now.mono + Self::LONGEST_WAIT)),
        }
    }

    /// A credential was issued at `now`. `random` is uniform over all values and decides the jitter.
    pub fn issued(&mut self, expires: Option<UnixTime>, now: Clock, random: u32) {
        self.state = match expires {
            None => State::Endless,
            Some(expires) => {
                let life = Duration::from_secs(expires.0.saturating_sub(now.wall.0)).min(Self::LONGEST_LIFE);
                let wait = self.refresh_after(life, random);
                // The wall clock shows whole seconds: a wait of less would be over at once.
                let wall = UnixTime(now.wall.0.saturating_add(wait.as_secs().max(1)));
                State::Held {
                    due: Clock {
                        wall,
                        mono: now.mono + wait,
                    },
                }
            }
        };
    }

    /// A credential was issued, and nothing has failed since.
    #[must_use]
    pub const fn holds(&self) -> bool {
        matches!(self.state, State::Held { .. } | State::Endless)
    }

    /// Another credential is due at once, whatever the age of the present one.
    pub const fn renew(&mut self) {
        self.state = State::Due;
    }

    /// The server took the credential: the next refusal is a first one again.
    pub const fn accepted(&mut self) {
        self.failures = 0;
    }

    /// The server refused the credential, or none could be issued. The first time another one is due at once (the clock
    /// may have stepped, the key may have been replaced), after that with growing pauses of 1 s to 60 s.
    pub fn failed(&mut self, now: Clock, random: u32) {
        self.state = match self.failures {
            0 => State::Due,
            before => {
                let doubled = Self::FIRST_BACKOFF.saturating_mul(1 << (before - 1).min(6));
                let longest = doubled.min(Self::LONGEST_BACKOFF);
                State::BackingOff {
                    until: now.mono + longest.mul_f64(0.5f64.mul_add(fraction(random), 0.5)),
                }
            }
        };
        self.failures = self.failures.saturating_add(1);
    }

    /// How long after its issue a credential that lives for `life` is replaced: at the share of its life less jitter,
    /// at the latest a margin of min(120 s, 20 %) before its end, at the earliest after a floor of min(60 s, 10 %).
    #[must_use]
    pub fn refresh_after(&self, life: Duration, random: u32) -> Duration {
        let margin = Duration::from_secs(120).min(life.mul_f64(0.2));
        let floor = Duration::from_secs(60).min(life.mul_f64(0.1));
        let share = self
            .options
            .jitter
            .mul_add(-fraction(random), self.options.share)
            .clamp(0.0, 1.0);
        life.mul_f64(share).max(floor).min(life.saturating_sub(margin))
    }
}

/// A uniform number in 0.0 to 1.0.
fn fraction(random: u32) -> f64 {
    f64::from(random) / f64::from(u32::MAX)
}
