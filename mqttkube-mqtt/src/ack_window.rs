//! Acknowledgements in the order of arrival. Pure: no clock, no wire.
//!
//! Work on messages ends in any order, but PUBACKs must leave in the order in which the messages came (MQTT 5.0,
//! section 4.6), and one that belongs to an earlier connection must not leave at all: packet identifiers are used
//! again, so it could acknowledge a different message.

use std::collections::VecDeque;

use crate::event::AckToken;
use crate::message::QoS;

/// What to answer to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) packet_id: u16,
    pub(crate) qos: QoS,
}

#[derive(Debug)]
struct Slot {
    ack: Ack,
    weight: usize,
    done: bool,
}

/// The deliveries of one connection that are not acknowledged yet.
#[derive(Debug, Default)]
pub(crate) struct AckWindow {
    epoch: u64,
    /// Sequence number of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    weight: usize,
    /// Acknowledgements that came too late to be sent.
    stale: u64,
}

impl AckWindow {
    /// A new connection: everything open belongs to the past.
    pub(crate) fn start(&mut self, epoch: u64) {
        self.first += self.slots.len() as u64;
        self.slots.clear();
        self.weight = 0;
        self.epoch = epoch;
    }

    /// A message arrived that holds `weight` bytes until it is acknowledged.
    pub(crate) fn arrived(&mut self, qos: QoS, packet_id: u16, weight: usize) -> AckToken {
        if qos == QoS::AtMostOnce {
            return AckToken {
                epoch: self.epoch,
                sequence: None,
            };
        }
        let sequence = self.first + self.slots.len() as u64;
        self.slots.push_back(Slot {
            ack: Ack { packet_id, qos },
            weight,
            done: false,
        });
        self.weight += weight;
        AckToken {
            epoch: self.epoch,
            sequence: Some(sequence),
        }
    }

    /// The work on a message is done. Returns what may leave now, in order: nothing while an earlier one is open.
    pub(crate) fn done(&mut self, token: AckToken) -> Vec<Ack> {
        let Some(sequence) = token.sequence else {
            return Vec::new();
        };
        let slot = (token.epoch == self.epoch)
            .then(|| sequence.checked_sub(self.first))
            .flatten()
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| self.slots.get_mut(index))
            .filter(|slot| !slot.done);
        let Some(slot) = slot else {
            self.stale += 1;
            return Vec::new();
        };
        slot.done = true;
        self.release()
    }

    fn release(&mut self) -> Vec<Ack> {
        let mut released = Vec::new();
        while self.slots.front().is_some_and(|slot| slot.done) {
            if let Some(slot) = self.slots.pop_front() {
                self.first += 1;
                self.weight -= slot.weight;
                released.push(slot.ack);
            }
        }
        released
    }

    /// Messages not acknowledged yet.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes that they hold.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Acknowledgements that had no effect.
    pub(crate) fn stale(&self) -> u64 {
        self.stale
    }
}
