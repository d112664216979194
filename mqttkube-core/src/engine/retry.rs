//! When a failed command is tried again, and when it is given up.
//!
//! A failure of one object has a deadline. While the API server as a whole is away, commands are kept without
//! one. The two are told apart by what else is heard: the time between two failures of a command counts towards
//! its deadline only if the API server was at work in it for somebody.

use std::time::{Duration, Instant};

use super::answer::Failure;
use super::jitter::Jitter;

/// The first pause is drawn from zero to this; each further one from twice as much, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// No pause is shorter, so that nothing spins.
const SHORTEST: Duration = Duration::from_millis(5);

/// A `Retry-After` beyond this is not believed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The failures of one command so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Retry {
    failures: u32,
    last: Option<Instant>,
    /// Time that counts towards the deadline.
    charged: Duration,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Try again at this moment. A firm moment was named by the API server.
    Again { at: Instant, firm: bool },
    /// It failed for long enough.
    GiveUp,
}

impl Retry {
    /// A failure at `now`. `alive` is when the API server was last known to be at work.
    pub(super) fn fail(
        &mut self,
        failure: &Failure,
        now: Instant,
        alive: Option<Instant>,
        deadline: Duration,
        jitter: &mut Jitter,
    ) -> After {
        if let Some(last) = self.last
            && (failure.reachable || alive.is_some_and(|alive| alive > last))
        {
            self.charged += now.saturating_duration_since(last);
        }
        self.last = Some(now);
        self.failures = self.failures.saturating_add(1);
        if self.charged >= deadline {
            return After::GiveUp;
        }
        // Zero would be a repetition at once, again and again.
        match failure.retry_after.filter(|asked| !asked.is_zero()) {
            Some(asked) => {
                let asked = asked.min(LONGEST_RETRY_AFTER);
                After::Again {
                    at: now + asked + jitter.up_to(asked / 10),
                    firm: true,
                }
            }
            None => After::Again {
                at: now + SHORTEST + jitter.up_to(self.limit()),
                firm: false,
            },
        }
    }

    fn limit(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        (FIRST * 2u32.pow(doublings)).min(LONGEST)
    }

    /// Whether it failed before.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);

    fn failure(reachable: bool, retry_after: Option<u64>) -> Failure {
        Failure {
            error: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
            reachable,
            ambiguous: false,
        }
    }

    /// Fails every second and returns the seconds until it is given up, at most 1000.
    fn seconds_until_given_up(reachable: bool, alive: impl Fn(u64) -> bool) -> Option<u64> {
        let start = Instant::now();
        let (mut retry, mut jitter) = (Retry::default(), Jitter::new(1));
        let mut heard = None;
        (0..1000).find(|second| {
            let now = start + Duration::from_secs(*second);
            if alive(*second) {
                heard = Some(now - Duration::from_millis(500));
            }
            let after = retry.fail(&failure(reachable, None), now, heard, DEADLINE, &mut jitter);
            after == After::GiveUp
        })
    }

    #[test]
    fn the_deadline_counts_only_while_the_api_server_is_at_work() {
        assert_eq!(seconds_until_given_up(true, |_| false), Some(60));
        assert_eq!(seconds_until_given_up(false, |_| true), Some(60));
        assert_eq!(seconds_until_given_up(false, |_| false), None);
        assert_eq!(seconds_until_given_up(false, |second| second > 500), Some(560));
    }

    #[test]
    fn retry_after_is_kept_within_ten_percent_and_is_firm() {
        let now = Instant::now();
        let (mut retry, mut jitter) = (Retry::default(), Jitter::new(1));
        for _ in 0..100 {
            let mut fail = |asked| retry.fail(&failure(true, Some(asked)), now, None, DEADLINE, &mut jitter);
            let After::Again { at, firm: true } = fail(2) else {
                panic!("not firm")
            };
            assert!((2.0..=2.2).contains(&(at - now).as_secs_f64()));
        }
    }

    #[test]
    fn pauses_grow_to_their_limit_with_full_jitter() {
        let now = Instant::now();
        let mut jitter = Jitter::new(1);
        let mut longest = [Duration::ZERO; 8];
        for _ in 0..200 {
            let mut retry = Retry::default();
            for longest in &mut longest {
                match retry.fail(&failure(true, None), now, None, DEADLINE, &mut jitter) {
                    After::Again { at, firm: false } => *longest = (*longest).max(at - now),
                    other => panic!("{other:?}"),
                }
            }
        }
        let limits = [200, 400, 800, 1600, 3200, 5000, 5000, 5000].map(Duration::from_millis);
        for (longest, limit) in longest.into_iter().zip(limits) {
            assert!(
                longest <= limit + SHORTEST && longest > limit * 9 / 10,
                "{longest:?} of {limit:?}"
            );
        }
    }
}
