//! Publishes that are waiting or not yet answered. Pure: no clock, no wire.
//!
//! Order is kept by a sequence number given at the door. What the broker did not answer stays here across connections:
//! on a session that the broker kept it is sent again under its own packet identifier with DUP set, on a new one it
//! goes back to the front of the queue.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::message::{Publish, QoS};

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
    publish: Publish,
    ticket: T,
}

#[derive(Debug)]
struct Flying<T> {
    publish: Publish,
    ticket: T,
    packet_id: u16,
    phase: Phase,
}

/// What to send next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Send<T> {
    /// A publish that will be answered.
    Publish {
        publish: Publish,
        packet_id: u16,
        dup: bool,
    },
    /// A publish at QoS 0: done with being sent.
    Forget { publish: Publish, ticket: T },
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
    /// Connections in a row that the broker ended without answering anything.
    strikes: u32,
}

/// After so many fruitless connections publishes go out one by one, to find the one that the broker cannot bear.
const SUSPICION: u32 = 3;
/// After so many it is given up, or nothing behind it would ever be sent.
const CONVICTION: u32 = 10;

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
            strikes: 0,
        }
    }

    /// Takes a publish; returns the ticket of an older value that it replaced.
    pub(crate) fn push(&mut self, publish: Publish, ticket: T) -> Option<T> {
        if publish.newest_wins
            && let Some(waiting) = self
                .newest
                .get(&publish.topic)
                .and_then(|at| self.queue.get_mut(at))
        {
            let old = std::mem::replace(waiting, Waiting { publish, ticket });
            return Some(old.ticket);
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        if publish.newest_wins {
            self.newest.insert(publish.topic.clone(), sequence);
        }
        self.queue.insert(sequence, Waiting { publish, ticket });
        None
    }

    /// A connection stands. `window` is how many publishes may be unanswered at once.
    pub(crate) fn connected(&mut self, session_present: bool, window: u16) {
        self.granted = usize::from(window.max(1));
        self.again.clear();
        if session_present {
            self.again.extend(self.flying.keys());
            return;
        }
        self.by_packet_id.clear();
        self.last_packet_id = 0;
        for (sequence, flying) in std::mem::take(&mut self.flying) {
            self.queue.insert(
                sequence,
                Waiting {
                    publish: flying.publish,
                    ticket: flying.ticket,
                },
            );
        }
    }

    /// The connection ended; `hung_up` if the broker closed it without a reason. A broker of MQTT 3.1.1 does so to a
    /// packet that is too large for it, and would for ever. Returns a publish that was alone on its way too often.
    pub(crate) fn cut(&mut self, hung_up: bool) -> Option<T> {
        if !hung_up || self.flying.is_empty() {
            return None;
        }
        self.strikes += 1;
        if self.strikes < CONVICTION {
            return None;
        }
        self.strikes = 0;
        let packet_id = self
            .flying
            .first_key_value()
            .map(|(_, flying)| flying.packet_id)?;
        self.answered(packet_id)
    }

    /// The next thing to send, as long as the window has room.
    pub(crate) fn next(&mut self) -> Option<Send<T>> {
        let unanswered = self.flying.len() - self.again.len();
        if unanswered
            >= if self.strikes >= SUSPICION {
                1
            } else {
                self.granted
            }
        {
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
        self.launch()
    }

    fn launch(&mut self) -> Option<Send<T>> {
        let (sequence, Waiting { publish, ticket }) = self.queue.pop_first()?;
        if self.newest.get(&publish.topic) == Some(&sequence) {
            self.newest.remove(&publish.topic);
        }
        if publish.qos == QoS::AtMostOnce {
            return Some(Send::Forget { publish, ticket });
        }
        let packet_id = self.free_packet_id();
        self.by_packet_id.insert(packet_id, sequence);
        let copy = publish.clone();
        self.flying.insert(
            sequence,
            Flying {
                publish,
                ticket,
                packet_id,
                phase: Phase::Sent,
            },
        );
        Some(Send::Publish {
            publish: copy,
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

#[cfg(test)]
mod tests;
