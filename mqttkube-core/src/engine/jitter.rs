//! Spread without a random source: the same engine that is told the same things waits the same times.

use std::time::Duration;

/// A splitmix64 sequence.
#[derive(Debug, Clone)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Anything from zero up to `limit`, which must be shorter than 584 years.
    pub(super) fn up_to(&mut self, limit: Duration) -> Duration {
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.next() % nanos.saturating_add(1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_times_within_the_limit() {
        let limit = Duration::from_millis(300);
        let (mut a, mut b) = (Jitter::new(7), Jitter::new(7));
        let times: Vec<_> = (0..1000).map(|_| a.up_to(limit)).collect();
        assert!(times.iter().all(|time| *time == b.up_to(limit) && *time <= limit));
        let mean = times.iter().sum::<Duration>() / 1000;
        assert!(mean > limit / 3 && mean < limit * 2 / 3, "mean of {mean:?}");
        assert_eq!(a.up_to(Duration::ZERO), Duration::ZERO);
    }
}
