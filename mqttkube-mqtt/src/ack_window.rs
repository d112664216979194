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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn ids(acks: &[Ack]) -> Vec<u16> {
        acks.iter().map(|ack| ack.packet_id).collect()
    }

    #[test]
    fn acknowledgements_leave_in_the_order_of_arrival() {
        let mut window = AckWindow::default();
        window.start(1);
        let [first, second, third] = [7, 8, 9].map(|id| window.arrived(QoS::AtLeastOnce, id, 1));
        assert!(window.done(second).is_empty());
        assert!(window.done(third).is_empty());
        assert_eq!(ids(&window.done(first)), [7, 8, 9]);
        assert_eq!((window.len(), window.weight()), (0, 0));
    }

    #[test]
    fn a_stale_acknowledgement_does_not_touch_the_same_identifier_of_a_new_connection() {
        let mut window = AckWindow::default();
        window.start(1);
        let old = window.arrived(QoS::AtLeastOnce, 7, 1);
        window.start(2);
        let new = window.arrived(QoS::AtLeastOnce, 7, 1);
        assert!(window.done(old).is_empty());
        assert_eq!((window.len(), window.stale()), (1, 1));
        assert_eq!(ids(&window.done(new)), [7]);
    }

    #[test]
    fn a_message_at_qos_0_needs_no_acknowledgement() {
        let mut window = AckWindow::default();
        window.start(1);
        let token = window.arrived(QoS::AtMostOnce, 0, 1000);
        assert_eq!((window.len(), window.weight()), (0, 0));
        assert!(window.done(token).is_empty());
    }

    proptest! {
        /// The naive model keeps the whole history and computes the prefix that is done from scratch.
        #[test]
        fn what_left_is_always_the_longest_finished_prefix(steps in proptest::collection::vec((0..10_u8, any::<usize>()), 1..200)) {
            let mut window = AckWindow::default();
            let (mut epoch, mut arrived, mut finished, mut left) = (1, Vec::new(), HashSet::new(), Vec::new());
            let mut every_token = Vec::new();
            window.start(epoch);
            for (step, choice) in steps {
                match step {
                    0 => {
                        epoch += 1;
                        window.start(epoch);
                        (arrived, finished, left) = (Vec::new(), HashSet::new(), Vec::new());
                    }
                    1..5 => {
                        let id = u16::try_from(choice % 5).expect("small");
                        let token = window.arrived(QoS::AtLeastOnce, id, 3);
                        arrived.push((token, id));
                        every_token.push(token);
                    }
                    _ if !every_token.is_empty() => {
                        let token = every_token[choice % every_token.len()];
                        left.extend(ids(&window.done(token)));
                        if arrived.iter().any(|(other, _)| *other == token) {
                            finished.insert(token);
                        }
                    }
                    _ => {}
                }
                let expected: Vec<u16> =
                    arrived.iter().take_while(|(token, _)| finished.contains(token)).map(|(_, id)| *id).collect();
                prop_assert_eq!(&left, &expected);
                prop_assert_eq!(window.len(), arrived.len() - left.len());
                prop_assert_eq!(window.weight(), 3 * window.len());
            }
        }
    }
}
