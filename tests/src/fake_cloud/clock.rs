//! The wall clock of a cloud.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A wall clock that goes with tokio's time, so that a test that pauses and advances that takes the calendar along. It
/// can be set wrong.
#[derive(Clone, Debug)]
pub struct CloudClock {
    started: Instant,
    /// Milliseconds since 1970 at the start, and what was added since.
    millis: Arc<AtomicI64>,
}

impl CloudClock {
    /// Shows the time of this machine.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from(since)
    }

    /// Shows `since` 1970 now.
    pub fn from(since: Duration) -> Self {
        let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Self {
            started: Instant::now(),
            millis: Arc::new(AtomicI64::new(millis)),
        }
    }

    /// Milliseconds since 1970.
    pub fn millis(&self) -> i64 {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.millis.load(Ordering::Relaxed).saturating_add(elapsed)
    }

    /// Whole seconds since 1970.
    pub fn seconds(&self) -> u64 {
        u64::try_from(self.millis() / 1_000).unwrap_or(0)
    }

    /// Sets every copy of this clock forwards or, with a number below zero, back.
    pub fn step(&self, seconds: i64) {
        self.millis.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }
}
