//! Acknowledgements in the order of arrival. Pure: no clock, no wire.
//!
//! Work on messages ends in any order, but PUBACKs must leave in the order in which the messages came (MQTT 5.0,
//! section 4.6), and one that belongs to an earlier connection must not leave at all: packet identifiers are used
//! again, so it could acknowledge a different message.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::event::AckToken;
use crate::message::QoS;

/// What to answer to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) packet_id: u16,
    pub(crate) qos: QoS,
}

/// Topic and payload.
pub(crate) type Content = (Bytes, Bytes);

#[derive(Debug)]
struct Slot {
    ack: Ack,
    weight: usize,
    content: Content,
    done: bool,
    /// The token that the owner has, if it was given on an earlier connection.
    known_as: AckToken,
}

/// The deliveries of one connection that are not acknowledged yet.
#[derive(Debug, Default)]
pub(crate) struct AckWindow {
    epoch: u64,
    /// Sequence number of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    weight: usize,
    /// Nothing is released.
    held: bool,
    /// Deliveries of a connection that was replaced, by packet identifier. The broker cannot use an identifier for
    /// another message before it has the acknowledgement, which it never got, so these come again.
    carried: HashMap<u16, Slot>,
    /// The slots of those that have come again, by the token that their owner has.
    aliases: HashMap<AckToken, u64>,
    /// Acknowledgements that came too late to be sent.
    stale: u64,
}

impl AckWindow {
    /// A new connection: everything open belongs to the past.
    pub(crate) fn start(&mut self, epoch: u64) {
        self.first += self.slots.len() as u64;
        self.slots.clear();
        self.carried.clear();
        self.aliases.clear();
        self.weight = 0;
        self.epoch = epoch;
        self.held = false;
    }

    /// Keeps everything back: the connection is about to be replaced.
    pub(crate) fn hold(&mut self) {
        self.held = true;
    }

    /// It was not replaced. Returns what may leave now.
    pub(crate) fn unhold(&mut self) -> Vec<Ack> {
        self.held = false;
        self.release()
    }

    /// A new connection in place of the old one, on the same session: tokens stay good for what comes again.
    pub(crate) fn hand_over(&mut self, epoch: u64) {
        self.first += self.slots.len() as u64;
        self.carried
            .extend(self.slots.drain(..).map(|slot| (slot.ack.packet_id, slot)));
        self.aliases.clear();
        self.weight = 0;
        self.epoch = epoch;
        self.held = false;
    }

    /// A message arrived that holds `weight` bytes until it is acknowledged. True: its owner has it already, from the
    /// connection before.
    pub(crate) fn arrived(
        &mut self,
        qos: QoS,
        packet_id: u16,
        weight: usize,
        content: Content,
    ) -> (AckToken, bool) {
        let epoch = self.epoch;
        if qos == QoS::AtMostOnce {
            let sequence = None;
            return (AckToken { epoch, sequence }, false);
        }
        let sequence = self.first + self.slots.len() as u64;
        let token = AckToken {
            epoch,
            sequence: Some(sequence),
        };
        self.weight += weight;
        // Empty but after a hand-over, and then not worth a hash.
        let carried = if self.carried.is_empty() {
            None
        } else {
            self.carried.remove(&packet_id)
        };
        if let Some(slot) = carried.filter(|slot| slot.content == content) {
            self.aliases.insert(slot.known_as, sequence);
            self.slots.push_back(slot);
            return (token, true);
        }
        self.slots.push_back(Slot {
            ack: Ack { packet_id, qos },
            weight,
            content,
            done: false,
            known_as: token,
        });
        (token, false)
    }

    /// The work on a message is done. Returns what may leave now, in order: nothing while an earlier one is open.
    pub(crate) fn done(&mut self, token: AckToken) -> Vec<Ack> {
        let Some(sequence) = token.sequence else {
            return Vec::new();
        };
        let slot = if let Some(slot) = self.carried.values_mut().find(|slot| slot.known_as == token) {
            Some(slot)
        } else {
            let own = (token.epoch == self.epoch).then_some(sequence);
            own.or_else(|| self.aliases.get(&token).copied())
                .and_then(|sequence| sequence.checked_sub(self.first))
                .and_then(|index| usize::try_from(index).ok())
                .and_then(|index| self.slots.get_mut(index))
        };
        let slot = slot.filter(|slot| !slot.done);
        let Some(slot) = slot else {
            self.stale += 1;
            return Vec::new();
        };
        slot.done = true;
        self.release()
    }

    /// What may leave now, in order.
    pub(crate) fn release(&mut self) -> Vec<Ack> {
        let mut released = Vec::new();
        while !self.held && self.slots.front().is_some_and(|slot| slot.done) {
            if let Some(slot) = self.slots.pop_front() {
                self.first += 1;
                self.weight -= slot.weight;
                if !self.aliases.is_empty() {
                    self.aliases.remove(&slot.known_as);
                }
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
        let [first, second, third] = [7, 8, 9].map(|id| arrived(&mut window, id, "m"));
        assert!(window.done(second).is_empty());
        assert!(window.done(third).is_empty());
        assert_eq!(ids(&window.done(first)), [7, 8, 9]);
        assert_eq!((window.len(), window.weight()), (0, 0));
    }

    #[test]
    fn a_stale_acknowledgement_does_not_touch_the_same_identifier_of_a_new_connection() {
        let mut window = AckWindow::default();
        window.start(1);
        let old = arrived(&mut window, 7, "m");
        window.start(2);
        let new = arrived(&mut window, 7, "m");
        assert!(window.done(old).is_empty());
        assert_eq!((window.len(), window.stale()), (1, 1));
        assert_eq!(ids(&window.done(new)), [7]);
    }

    #[test]
    fn a_message_at_qos_0_needs_no_acknowledgement() {
        let mut window = AckWindow::default();
        window.start(1);
        let (token, _) = window.arrived(QoS::AtMostOnce, 0, 1000, Content::default());
        assert_eq!((window.len(), window.weight()), (0, 0));
        assert!(window.done(token).is_empty());
    }

    /// A new message.
    #[track_caller]
    fn arrived(window: &mut AckWindow, id: u16, payload: &'static str) -> AckToken {
        let content = (Bytes::new(), Bytes::from_static(payload.as_bytes()));
        let (token, again) = window.arrived(QoS::AtLeastOnce, id, 1, content);
        assert!(!again, "{id} is new");
        token
    }

    #[track_caller]
    fn comes_again(window: &mut AckWindow, id: u16, payload: &'static str) {
        let content = (Bytes::new(), Bytes::from_static(payload.as_bytes()));
        let (_, again) = window.arrived(QoS::AtLeastOnce, id, 1, content);
        assert!(again, "{id} is known");
    }

    #[test]
    fn tokens_outlive_a_connection_that_is_replaced() {
        let mut window = AckWindow::default();
        window.start(1);
        let [before, between, after] = [7, 8, 9].map(|id| arrived(&mut window, id, "m"));
        window.hold();
        assert!(
            window.done(before).is_empty(),
            "it would be lost with the old connection"
        );
        window.hand_over(2);
        assert!(window.done(between).is_empty(), "it has not come again yet");
        comes_again(&mut window, 7, "m");
        assert_eq!(ids(&window.release()), [7]);
        comes_again(&mut window, 8, "m");
        assert_eq!(ids(&window.release()), [8]);
        comes_again(&mut window, 9, "m");
        assert!(window.release().is_empty());
        let new = arrived(&mut window, 7, "other");
        assert_eq!(ids(&window.done(after)), [9]);
        assert_eq!(ids(&window.done(new)), [7]);
        assert_eq!((window.len(), window.weight(), window.stale()), (0, 0, 0));
    }

    #[test]
    fn tokens_outlive_two_replacements_in_a_row() {
        let mut window = AckWindow::default();
        window.start(1);
        let [first, second] = [7, 8].map(|id| arrived(&mut window, id, "m"));
        window.hand_over(2);
        comes_again(&mut window, 7, "m");
        window.hand_over(3);
        comes_again(&mut window, 7, "m");
        comes_again(&mut window, 8, "m");
        assert!(window.done(second).is_empty());
        assert_eq!(ids(&window.done(first)), [7, 8]);
    }

    #[test]
    fn another_message_under_an_old_identifier_is_a_new_one() {
        let mut window = AckWindow::default();
        window.start(1);
        let old = arrived(&mut window, 7, "m");
        window.hand_over(2);
        let new = arrived(&mut window, 7, "other");
        assert!(window.done(old).is_empty());
        assert_eq!((window.len(), window.stale()), (1, 1));
        assert_eq!(ids(&window.done(new)), [7]);
    }

    #[test]
    fn what_was_held_back_leaves_when_the_connection_stays() {
        let mut window = AckWindow::default();
        window.start(1);
        let first = arrived(&mut window, 7, "m");
        window.hold();
        assert!(window.done(first).is_empty());
        assert_eq!(ids(&window.unhold()), [7]);
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
                        let (token, _) = window.arrived(QoS::AtLeastOnce, id, 3, Content::default());
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
