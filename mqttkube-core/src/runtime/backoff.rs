//! How long to wait before the next try. Pure but for the random source of the caller.

use std::time::Duration;

/// Doubles from `first` to `cap`; each wait is spread over its upper half, so that many who failed together do not
/// come back together.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    cap: Duration,
    next: Duration,
    random: u64,
}

impl Backoff {
    /// `seed` decides the spread; two that should differ need different seeds.
    pub(super) fn new(first: Duration, cap: Duration, seed: u64) -> Self {
        Self {
            first,
            cap,
            next: first,
            random: seed,
        }
    }

    /// The next wait: between half of the present step and all of it.
    pub(super) fn wait(&mut self) -> Duration {
        let step = self.next;
        self.next = step.saturating_mul(2).min(self.cap);
        // SplitMix64 (Steele, Lea and Flood, 2014): enough to spread waits, and needs no dependency.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let thousandth = u32::try_from((mixed >> 32) % 501).unwrap_or_default();
        step / 1000 * (500 + thousandth)
    }

    /// It went well: the next wait is a short one again.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_start_again_after_a_success() {
        let (first, cap) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(first, cap, 1);
        let mut step = first;
        for _ in 0..20 {
            let wait = backoff.wait();
            assert!(step / 2 <= wait && wait <= step, "{wait:?} of {step:?}");
            step = (step * 2).min(cap);
        }
        backoff.reset();
        assert!(backoff.wait() <= first);
    }

    #[test]
    fn different_seeds_wait_differently() {
        let waits = |seed| Backoff::new(Duration::from_secs(1), Duration::from_secs(1), seed).wait();
        let distinct: std::collections::BTreeSet<_> = (0..100).map(waits).collect();
        assert!(distinct.len() > 50, "{distinct:?}");
    }
}
