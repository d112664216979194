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

/// Numbers that only go up.
#[derive(Debug, Default)]
struct Tally {
    forwarded: AtomicU64,
    dropped: [AtomicU64; Dropped::ALL.len()],
}

/// Counters of one lane.
#[derive(Debug, Default)]
pub(super) struct Counters {
    received: AtomicU64,
    lane: Tally,
    rules: Vec<(Option<String>, Tally)>,
    answers_lost: AtomicU64,
    letters_lost: AtomicU64,
    waiting: AtomicU64,
    waiting_bytes: AtomicU64,
    /// Milliseconds since 1970; 0: nothing waits.
    oldest: AtomicU64,
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
    /// The same for each rule of the lane.
    pub rules: Vec<RuleStatus>,
    /// Topics for answers that were left out because no rule of the way back would bring the answer.
    pub answers_lost: u64,
    /// Dead letters that could not be handed to the local broker, which was away or slow. They are in `dropped` as well.
    pub letters_lost: u64,
    /// Messages that are held here and are not safe yet.
    pub waiting: u64,
    /// Bytes of their topics and payloads.
    pub waiting_bytes: u64,
    /// When the oldest of them arrived, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
}

/// The counters of one rule at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleStatus {
    /// The rule as in a `mosquitto.conf`.
    pub rule: String,
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

impl Tally {
    fn status(&self) -> (u64, Vec<(&'static str, u64)>) {
        let named = Dropped::ALL
            .iter()
            .map(|(reason, name)| (*name, self.dropped[*reason as usize].load(Ordering::Relaxed)));
        (
            self.forwarded.load(Ordering::Relaxed),
            named.filter(|(_, count)| *count > 0).collect(),
        )
    }
}

impl Counters {
    /// `rules` are the names of all rules, in order; none for those of the other lane.
    pub(super) fn new(rules: Vec<Option<String>>) -> Self {
        Self {
            rules: rules.into_iter().map(|name| (name, Tally::default())).collect(),
            ..Self::default()
        }
    }

    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answer_lost(&self) {
        self.answers_lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn letter_lost(&self) {
        self.letters_lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn forwarded(&self, rule: Option<usize>) {
        self.count(rule, |tally| &tally.forwarded);
    }

    pub(super) fn dropped(&self, rule: Option<usize>, reason: Dropped) {
        self.count(rule, |tally| &tally.dropped[reason as usize]);
    }

    fn count(&self, rule: Option<usize>, which: impl Fn(&Tally) -> &AtomicU64) {
        let own = rule.and_then(|rule| self.rules.get(rule)).map(|(_, tally)| tally);
        for tally in own.into_iter().chain([&self.lane]) {
            which(tally).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What waits now.
    pub(super) fn waiting(&self, messages: usize, bytes: u64, oldest: Option<u64>) {
        self.waiting.store(messages as u64, Ordering::Relaxed);
        self.waiting_bytes.store(bytes, Ordering::Relaxed);
        self.oldest.store(oldest.unwrap_or(0), Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> LaneStatus {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (forwarded, dropped) = self.lane.status();
        let rules = self.rules.iter().filter_map(|(name, tally)| {
            let (forwarded, dropped) = tally.status();
            Some(RuleStatus {
                rule: name.clone()?,
                forwarded,
                dropped,
            })
        });
        LaneStatus {
            received: load(&self.received),
            forwarded,
            dropped,
            rules: rules.collect(),
            answers_lost: load(&self.answers_lost),
            letters_lost: load(&self.letters_lost),
            waiting: load(&self.waiting),
            waiting_bytes: load(&self.waiting_bytes),
            oldest: Some(load(&self.oldest)).filter(|oldest| *oldest > 0),
        }
    }
}
