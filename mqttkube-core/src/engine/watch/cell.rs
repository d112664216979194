//! What is remembered of one value of one object: enough to tell a change, and to publish again.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::hash::hash128;

/// The last payload of one item for one object, and whether it still has to be published.
#[derive(Debug, Default)]
pub(super) struct Cell {
    last: Last,
    /// The broker has not got it.
    owed: bool,
    /// Only for items with a minimal interval.
    pace: Option<Box<Pace>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Last {
    /// Nothing was published, and nothing is known.
    #[default]
    Unknown,
    /// The object is gone.
    Gone,
    Small(Box<[u8]>),
    /// The hash of a payload that is too large to be kept. An array, because a `u128` would be aligned to 16.
    Large([u8; 16]),
}

#[derive(Debug)]
struct Pace {
    /// No publish before this moment.
    open: Instant,
    /// The newest payload, which waits for it.
    held: Option<Bytes>,
    sent: u128,
}

/// What a publish depends on besides the value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) online: bool,
    pub(super) now: Instant,
    pub(super) min_interval: Duration,
    /// Payloads up to this size are kept, in bytes.
    pub(super) keep: usize,
}

/// What follows from a new value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Nothing,
    Publish(Bytes),
    /// Call [`Cell::open`] at this moment.
    Later(Instant),
}

/// How a value is published again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Again {
    Nothing,
    Publish(Bytes),
    /// The object is gone; the caller knows what that looks like.
    Gone,
    /// The payload was not kept: the object must be seen again.
    Relist,
}

impl Cell {
    /// The object has this payload now.
    pub(super) fn offer(&mut self, payload: Vec<u8>, terms: Terms) -> Offer {
        let last = Last::of(&payload, terms.keep);
        if last == self.last && !self.owed {
            return Offer::Nothing;
        }
        self.last = last;
        self.owed = true;
        if !terms.online {
            // What waits for the end of its interval is older than this.
            if let Some(pace) = &mut self.pace {
                pace.held = None;
            }
            return Offer::Nothing;
        }
        if terms.min_interval.is_zero() {
            self.owed = false;
            return Offer::Publish(Bytes::from(payload));
        }
        self.paced(Bytes::from(payload), terms)
    }

    fn paced(&mut self, payload: Bytes, terms: Terms) -> Offer {
        let sent = hash128(&[&payload]);
        match &mut self.pace {
            Some(pace) if terms.now < pace.open => {
                let first = pace.held.replace(payload).is_none();
                if first {
                    Offer::Later(pace.open)
                } else {
                    Offer::Nothing
                }
            }
            _ => {
                self.sent(sent, terms);
                Offer::Publish(payload)
            }
        }
    }

    fn sent(&mut self, sent: u128, terms: Terms) {
        self.owed = false;
        if !terms.min_interval.is_zero() {
            self.pace = Some(Box::new(Pace {
                open: terms.now + terms.min_interval,
                held: None,
                sent,
            }));
        }
    }

    /// The interval is over: the payload that waited for it, unless it is what was published before.
    pub(super) fn open(&mut self, terms: Terms) -> Option<Bytes> {
        let pace = self.pace.as_mut()?;
        if !terms.online || pace.open > terms.now {
            return None;
        }
        let held = pace.held.take()?;
        let hash = hash128(&[&held]);
        if hash == pace.sent {
            self.owed = false;
            return None;
        }
        self.sent(hash, terms);
        Some(held)
    }

    /// The object is gone. Returns whether to say so now.
    pub(super) fn gone(&mut self, terms: Terms) -> bool {
        self.last = Last::Gone;
        self.owed = !terms.online;
        if let Some(pace) = &mut self.pace {
            pace.held = None;
            // What was published last is no longer what is there.
            pace.sent = hash128(&[]);
        }
        terms.online
    }

    /// A connection began. `lost` means that the broker may have lost what it had.
    pub(super) fn again(&mut self, lost: bool, terms: Terms) -> Again {
        if self.last == Last::Unknown || !(self.owed || lost) {
            return Again::Nothing;
        }
        let held = self.pace.as_mut().and_then(|pace| pace.held.take());
        let payload = match (&self.last, held) {
            (Last::Small(payload), _) => Bytes::copy_from_slice(payload),
            (Last::Large(_), Some(held)) => held,
            (Last::Large(_), None) => {
                self.owed = true;
                return Again::Relist;
            }
            (Last::Gone | Last::Unknown, _) => {
                self.owed = false;
                return Again::Gone;
            }
        };
        self.sent(hash128(&[&payload]), terms);
        Again::Publish(payload)
    }
}

impl Last {
    fn of(payload: &[u8], keep: usize) -> Self {
        if payload.len() <= keep {
            Self::Small(payload.into())
        } else {
            Self::Large(hash128(&[payload]).to_le_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(start: Instant, ms: u64, online: bool) -> Terms {
        Terms {
            online,
            now: start + Duration::from_millis(ms),
            min_interval: Duration::ZERO,
            keep: 4,
        }
    }

    fn slow(start: Instant, ms: u64) -> Terms {
        Terms {
            min_interval: Duration::from_millis(100),
            ..terms(start, ms, true)
        }
    }

    fn publish(text: &'static str) -> Offer {
        Offer::Publish(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_cell_is_small() {
        // It exists once for each object and item; see the memory test of the engine.
        assert!(
            std::mem::size_of::<Cell>() <= 40,
            "{}",
            std::mem::size_of::<Cell>()
        );
    }

    #[test]
    fn only_a_change_is_published_and_a_deletion_is_forgotten() {
        let now = Instant::now();
        let mut cell = Cell::default();
        let on = terms(now, 0, true);
        assert_eq!(cell.offer(b"ON".to_vec(), on), publish("ON"));
        assert_eq!(cell.offer(b"ON".to_vec(), on), Offer::Nothing);
        assert_eq!(cell.offer(b"a long one".to_vec(), on), publish("a long one"));
        assert_eq!(cell.offer(b"a long one".to_vec(), on), Offer::Nothing);
        assert!(cell.gone(on));
        assert_eq!(cell.offer(b"a long one".to_vec(), on), publish("a long one"));
    }

    #[test]
    fn what_changes_while_offline_is_published_at_the_next_connection() {
        let now = Instant::now();
        let (on, off) = (terms(now, 0, true), terms(now, 0, false));
        let mut cell = Cell::default();
        assert_eq!(cell.again(true, on), Again::Nothing);
        assert_eq!(cell.offer(b"ON".to_vec(), off), Offer::Nothing);
        assert_eq!(cell.offer(b"OFF".to_vec(), off), Offer::Nothing);
        assert_eq!(cell.again(false, on), Again::Publish(Bytes::from_static(b"OFF")));
        assert_eq!(cell.again(false, on), Again::Nothing);
        assert_eq!(cell.again(true, on), Again::Publish(Bytes::from_static(b"OFF")));
        assert!(!cell.gone(off));
        assert_eq!(cell.again(false, on), Again::Gone);
    }

    #[test]
    fn a_large_payload_is_published_again_when_the_object_is_seen_again() {
        let now = Instant::now();
        let on = terms(now, 0, true);
        let mut cell = Cell::default();
        cell.offer(b"a long one".to_vec(), on);
        assert_eq!(cell.again(true, on), Again::Relist);
        assert_eq!(cell.offer(b"a long one".to_vec(), on), publish("a long one"));
        assert_eq!(cell.offer(b"a long one".to_vec(), on), Offer::Nothing);
    }

    #[test]
    fn within_the_interval_the_newest_value_waits() {
        let start = Instant::now();
        let mut cell = Cell::default();
        assert_eq!(cell.offer(b"1".to_vec(), slow(start, 0)), publish("1"));
        let open = start + Duration::from_millis(100);
        assert_eq!(cell.offer(b"2".to_vec(), slow(start, 10)), Offer::Later(open));
        assert_eq!(cell.offer(b"3".to_vec(), slow(start, 20)), Offer::Nothing);
        assert_eq!(cell.open(slow(start, 99)), None);
        assert_eq!(cell.open(slow(start, 100)), Some(Bytes::from_static(b"3")));
        assert_eq!(cell.open(slow(start, 200)), None);
        assert_eq!(cell.offer(b"4".to_vec(), slow(start, 200)), publish("4"));
    }

    #[test]
    fn a_value_that_came_back_within_the_interval_is_not_published() {
        let start = Instant::now();
        let mut cell = Cell::default();
        cell.offer(b"1".to_vec(), slow(start, 0));
        cell.offer(b"2".to_vec(), slow(start, 10));
        cell.offer(b"1".to_vec(), slow(start, 20));
        assert_eq!(cell.open(slow(start, 100)), None);
        assert_eq!(cell.offer(b"1".to_vec(), slow(start, 150)), Offer::Nothing);
    }
}
