//! What the relay has done, as numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Why a message was not carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dropped {
    /// No rule takes it.
    Unrouted,
    /// Another copy, by an overlapping rule.
    Copy,
    /// It goes round in a circle.
    Circle,
    /// Its life was over.
    Expired,
    /// The destination refuses it for good.
    Poison,
    /// QoS 0, and the destination does not keep up.
    Overrun,
    /// The store is full, and its policy drops.
    StoreFull,
}

impl Dropped {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Unrouted, "unrouted"),
        (Self::Copy, "copy"),
        (Self::Circle, "circle"),
        (Self::Expired, "expired"),
        (Self::Poison, "poison"),
        (Self::Overrun, "overrun"),
        (Self::StoreFull, "store_full"),
    ];
}

/// Counters of one lane; they only go up.
#[derive(Debug, Default)]
pub(super) struct Counters {
    received: AtomicU64,
    forwarded: AtomicU64,
    dropped: [AtomicU64; Dropped::ALL.len()],
}

/// The counters of one lane at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LaneStatus {
    /// Messages that came from the source.
    pub received: u64,
    /// Messages that the destination has acknowledged.
    pub forwarded: u64,
    /// Messages not carried, by reason.
    pub dropped: Vec<(&'static str, u64)>,
}

impl LaneStatus {
    /// How many were dropped for one reason.
    #[must_use]
    pub fn dropped_for(&self, reason: &str) -> u64 {
        self.dropped
            .iter()
            .find(|(name, _)| *name == reason)
            .map_or(0, |(_, count)| *count)
    }
}

impl Counters {
    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn forwarded(&self) {
        self.forwarded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, reason: Dropped) {
        self.dropped[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> LaneStatus {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let named = Dropped::ALL
            .iter()
            .map(|(reason, name)| (*name, load(&self.dropped[*reason as usize])));
        LaneStatus {
            received: load(&self.received),
            forwarded: load(&self.forwarded),
            dropped: named.filter(|(_, count)| *count > 0).collect(),
        }
    }
}
