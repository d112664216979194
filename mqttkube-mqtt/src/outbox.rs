//! Publishes that are waiting or not yet answered. Pure: the time is a parameter, there is no wire.
//!
//! Order is kept by a sequence number given at the door. What the broker did not answer stays here across connections:
//! on a session that the broker kept it is sent again under its own packet identifier with DUP set, on a new one it
//! goes back to the front of the queue.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::message::{Publish, QoS};

mod blame;
mod refusal;

pub(crate) use blame::Cut;
pub(crate) use refusal::{Refused, Verdict};

/// Packet identifiers from here on belong to subscriptions, those below to publishes: one space, two users.
pub(crate) const FIRST_FOREIGN_ID: u16 = 0xc000;

/// How far the broker got with a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Sent, or to be sent again.
    Sent,
    /// QoS 2: the broker has it, the PUBREL is on its way.
    Released,
}

#[derive(Debug)]
struct Waiting<T> {
    publish: Arc<Publish>,
    ticket: T,
    /// How often the broker refused it in a way that may pass.
    refusals: u32,
    /// Not to be sent again before this.
    not_before: Option<Instant>,
    /// Since when its life runs here.
    since: Instant,
}

#[derive(Debug)]
struct Flying<T> {
    publish: Arc<Publish>,
    ticket: T,
    packet_id: u16,
    phase: Phase,
    refusals: u32,
    since: Instant,
}

/// What to send next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Send<T> {
    /// A publish that will be answered.
    Publish {
        publish: Arc<Publish>,
        packet_id: u16,
        dup: bool,
    },
    /// A publish at QoS 0: done with being sent.
    Forget { publish: Arc<Publish>, ticket: T },
    /// Its life was over before it could be sent.
    Expired { ticket: T },
    /// The second half of a QoS 2 publish.
    Release { packet_id: u16 },
}

/// `T` is what the caller gets back when the fate of a publish is known.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    next_sequence: u64,
    queue: BTreeMap<u64, Waiting<T>>,
    /// The queued publish that a newer one of the same topic replaces.
    newest: HashMap<String, u64>,
    flying: BTreeMap<u64, Flying<T>>,
    by_packet_id: HashMap<u16, u64>,
    /// Publishes of an earlier connection that are to be sent again, first of all.
    again: VecDeque<u64>,
    last_packet_id: u16,
    /// Publishes that the broker lets us have unanswered.
    granted: usize,
    /// What the broker turned out to take, whatever it grants.
    borne: usize,
    /// Connections in a row that the broker ended without answering anything.
    strikes: u32,
    /// Publishes in the queue that have to wait for their time.
    delayed: usize,
    /// Nothing new is sent before this: the broker's quota is used up.
    hold: Option<Instant>,
    /// Refusals in a row because of the quota.
    full: u32,
}

/// After so many fruitless connections publishes go out one by one, to find the one that the broker cannot bear.
const SUSPICION: u32 = 3;

impl<T> Outbox<T> {
    pub(crate) fn new() -> Self {
        Self {
            next_sequence: 0,
            queue: BTreeMap::new(),
            newest: HashMap::new(),
            flying: BTreeMap::new(),
            by_packet_id: HashMap::new(),
            again: VecDeque::new(),
            last_packet_id: 0,
            granted: 0,
            borne: usize::MAX,
            strikes: 0,
            delayed: 0,
            hold: None,
            full: 0,
        }
    }

    /// Takes a publish; returns the ticket of an older value that it replaced.
    pub(crate) fn push(&mut self, publish: impl Into<Arc<Publish>>, ticket: T, now: Instant) -> Option<T> {
        let new = Waiting {
            publish: publish.into(),
            ticket,
            refusals: 0,
            not_before: None,
            since: now,
        };
        let publish = &new.publish;
        if publish.newest_wins
            && let Some(waiting) = self
                .newest
                .get(&publish.topic)
                .and_then(|at| self.queue.get_mut(at))
        {
            let old = std::mem::replace(waiting, new);
            self.delayed -= usize::from(old.not_before.is_some());
            return Some(old.ticket);
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        if publish.newest_wins {
            self.newest.insert(publish.topic.clone(), sequence);
        }
        self.queue.insert(sequence, new);
        None
    }

    /// A connection stands. `window` is how many publishes may be unanswered at once.
    pub(crate) fn connected(&mut self, session_present: bool, window: u16) {
        self.granted = usize::from(window.max(1)).min(self.borne);
        self.again.clear();
        if session_present {
            self.again.extend(self.flying.keys());
            return;
        }
        self.by_packet_id.clear();
        self.last_packet_id = 0;
        for (sequence, flying) in std::mem::take(&mut self.flying) {
            self.queue.insert(sequence, flying.waiting(None));
        }
    }

    /// The next thing to send, as long as the window has room.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Send<T>> {
        if !self.has_room() {
            return None;
        }
        if let Some(sequence) = self.again.pop_front() {
            let flying = self
                .flying
                .get(&sequence)
                .expect("whatever is to be sent again is in flight");
            let packet_id = flying.packet_id;
            return Some(match flying.phase {
                Phase::Sent => Send::Publish {
                    publish: flying.publish.clone(),
                    packet_id,
                    dup: true,
                },
                Phase::Released => Send::Release { packet_id },
            });
        }
        self.launch(now)
    }

    /// When there will be something to send that has to wait now; none when time alone changes nothing.
    pub(crate) fn wake(&self) -> Option<Instant> {
        if !self.has_room() {
            return None;
        }
        if self.hold.is_some() || self.delayed == 0 {
            return self.hold;
        }
        // Those behind one of their own topic wait for that one.
        let (mut topics, mut first): (HashSet<&str>, Option<Instant>) = (HashSet::new(), None);
        for waiting in self.queue.values() {
            if topics.insert(&waiting.publish.topic)
                && let Some(time) = waiting.not_before
            {
                first = Some(first.map_or(time, |other| other.min(time)));
            }
        }
        first
    }

    /// The window allows one more.
    fn has_room(&self) -> bool {
        let unanswered = self.flying.len() - self.again.len();
        let most = if self.strikes >= SUSPICION {
            1
        } else {
            self.granted
        };
        unanswered < most
    }

    /// The first that may go. Those of one topic keep their order: they wait behind one that has to wait.
    fn ready(&mut self, now: Instant) -> Option<u64> {
        if self.hold.is_some_and(|end| end > now) {
            return None;
        }
        self.hold = None;
        if self.delayed == 0 {
            return self.queue.first_key_value().map(|(sequence, _)| *sequence);
        }
        let mut held = HashSet::new();
        for (sequence, waiting) in &self.queue {
            let topic = waiting.publish.topic.as_str();
            if held.contains(topic) || waiting.not_before.is_some_and(|end| end > now) {
                held.insert(topic);
            } else {
                return Some(*sequence);
            }
        }
        None
    }

    fn launch(&mut self, now: Instant) -> Option<Send<T>> {
        let sequence = self.ready(now)?;
        let Waiting {
            mut publish,
            ticket,
            refusals,
            not_before,
            since,
        } = self.queue.remove(&sequence)?;
        self.delayed -= usize::from(not_before.is_some());
        if publish.newest_wins && self.newest.get(&publish.topic) == Some(&sequence) {
            self.newest.remove(&publish.topic);
        }
        if let Some(left) = publish.message_expiry {
            let waited = now.saturating_duration_since(since).as_secs();
            match u64::from(left).checked_sub(waited).filter(|left| *left > 0) {
                Some(rest) => {
                    Arc::make_mut(&mut publish).message_expiry =
                        Some(u32::try_from(rest).unwrap_or(u32::MAX));
                }
                None => return Some(Send::Expired { ticket }),
            }
        }
        if publish.qos == QoS::AtMostOnce {
            return Some(Send::Forget { publish, ticket });
        }
        let packet_id = self.free_packet_id();
        self.by_packet_id.insert(packet_id, sequence);
        self.flying.insert(
            sequence,
            Flying {
                publish: publish.clone(),
                ticket,
                packet_id,
                phase: Phase::Sent,
                refusals,
                since: now,
            },
        );
        Some(Send::Publish {
            publish,
            packet_id,
            dup: false,
        })
    }

    /// The identifier after the last one that no publish in flight has. The window is far smaller than the range, so there is one.
    fn free_packet_id(&mut self) -> u16 {
        loop {
            self.last_packet_id = self.last_packet_id % (FIRST_FOREIGN_ID - 1) + 1;
            if !self.by_packet_id.contains_key(&self.last_packet_id) {
                return self.last_packet_id;
            }
        }
    }

    /// The broker is done with a publish, for good or bad. None: it is none of ours.
    pub(crate) fn answered(&mut self, packet_id: u16) -> Option<T> {
        let sequence = self.by_packet_id.remove(&packet_id)?;
        let flying = self.flying.remove(&sequence)?;
        self.strikes = 0;
        self.full = 0;
        self.again.retain(|again| *again != sequence);
        Some(flying.ticket)
    }

    /// PUBREC: the broker has a QoS 2 publish. False: it is none of ours.
    pub(crate) fn received(&mut self, packet_id: u16) -> bool {
        let flying = self
            .by_packet_id
            .get(&packet_id)
            .and_then(|at| self.flying.get_mut(at));
        match flying {
            Some(flying) if flying.publish.qos == QoS::ExactlyOnce => {
                flying.phase = Phase::Released;
                true
            }
            _ => false,
        }
    }

    /// Gives everything back; the outbox is empty afterwards.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        self.delayed = 0;
        self.newest.clear();
        self.by_packet_id.clear();
        self.again.clear();
        let flying = std::mem::take(&mut self.flying)
            .into_values()
            .map(|flying| flying.ticket);
        flying
            .chain(
                std::mem::take(&mut self.queue)
                    .into_values()
                    .map(|waiting| waiting.ticket),
            )
            .collect()
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.flying.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.flying.is_empty()
    }
}

impl<T> Flying<T> {
    fn waiting(self, not_before: Option<Instant>) -> Waiting<T> {
        Waiting {
            publish: self.publish,
            ticket: self.ticket,
            refusals: self.refusals,
            not_before,
            since: self.since,
        }
    }
}

#[cfg(test)]
mod tests;
