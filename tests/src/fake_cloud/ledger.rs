//! Who counts what arrives. Pure.

use std::collections::{BTreeMap, HashMap};

/// Numbers that arrived on topics, with what that says about loss, repetition and order.
///
/// Publishers number the messages of each topic 0, 1, 2 and so on, as decimal digits at the start of the payload.
/// Payloads that do not start with a digit are not counted.
///
/// ```
/// let mut ledger = mqttkube_tests::fake_cloud::Ledger::default();
/// for number in ["0", "2", "1", "1", "4"] {
///     ledger.note("t", number.as_bytes());
/// }
/// let tally = ledger.total();
/// assert_eq!((tally.received, tally.distinct, tally.duplicates), (5, 4, 1));
/// assert_eq!((tally.gaps, tally.inversions), (1, 1)); // 3 is missing, 1 came first after 2
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    topics: BTreeMap<String, Numbers>,
}

#[derive(Clone, Debug, Default)]
struct Numbers {
    /// How often each number arrived.
    seen: HashMap<u64, u32>,
    highest: u64,
    received: u64,
    inversions: u64,
}

/// What was counted for one topic, or for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Arrivals.
    pub received: u64,
    /// Different messages.
    pub distinct: u64,
    /// Arrivals of a message that had arrived before.
    pub duplicates: u64,
    /// Messages below the highest number that have not arrived.
    pub gaps: u64,
    /// First arrivals of a message after a later one of its topic.
    pub inversions: u64,
}

impl Ledger {
    /// Counts an arrival.
    pub fn note(&mut self, topic: &str, payload: &[u8]) {
        let digits = payload.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&payload[..digits])
            .ok()
            .and_then(|text| text.parse().ok());
        let Some(number) = number else { return };
        if !self.topics.contains_key(topic) {
            self.topics.insert(topic.to_owned(), Numbers::default());
        }
        if let Some(numbers) = self.topics.get_mut(topic) {
            numbers.note(number);
        }
    }

    /// The tally of one topic.
    pub fn topic(&self, topic: &str) -> Tally {
        self.topics.get(topic).map_or_else(Tally::default, Numbers::tally)
    }

    /// The tallies of all topics together.
    pub fn total(&self) -> Tally {
        let tallies = self.topics.values().map(Numbers::tally);
        tallies.fold(Tally::default(), |sum, one| Tally {
            received: sum.received + one.received,
            distinct: sum.distinct + one.distinct,
            duplicates: sum.duplicates + one.duplicates,
            gaps: sum.gaps + one.gaps,
            inversions: sum.inversions + one.inversions,
        })
    }

    /// The topics on which something was counted.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    /// The numbers below `count` that have not arrived on a topic.
    pub fn missing(&self, topic: &str, count: u64) -> Vec<u64> {
        let seen = self.topics.get(topic).map(|numbers| &numbers.seen);
        (0..count)
            .filter(|number| seen.is_none_or(|seen| !seen.contains_key(number)))
            .collect()
    }
}

impl Numbers {
    fn note(&mut self, number: u64) {
        self.received += 1;
        let times = self.seen.entry(number).or_default();
        *times += 1;
        if *times == 1 && number < self.highest {
            self.inversions += 1;
        }
        self.highest = self.highest.max(number);
    }

    fn tally(&self) -> Tally {
        let distinct = self.seen.len() as u64;
        Tally {
            received: self.received,
            distinct,
            duplicates: self.received - distinct,
            gaps: self.highest + 1 - distinct,
            inversions: self.inversions,
        }
    }
}
