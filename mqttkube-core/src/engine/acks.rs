//! Which deliveries may be acknowledged, and which are deliveries of a message that is already known.
//!
//! A message is *executed* once and may be *delivered* several times: a duplicated packet, or a redelivery after
//! the connection was lost. Deliveries are acknowledged in the order in which they arrived on the present
//! connection (MQTT 5.0 section 4.6), each one when its execution has ended. Acknowledgements of an earlier
//! connection are never sent: the packet id may belong to another message by now.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::event::{Effect, Message};
use crate::hash::hash64;
use crate::ids::MessageId;

/// One execution of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ExecId(u64);

/// What a delivery turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// To be executed.
    New(ExecId),
    /// Of a message that is being executed, or was executed and could not be acknowledged.
    Known,
}

#[derive(Debug)]
struct Delivery {
    id: MessageId,
    packet_id: u16,
    exec: ExecId,
}

/// A message whose acknowledgement the broker cannot have seen.
#[derive(Debug)]
struct Unacked {
    exec: ExecId,
    hash: u64,
    /// Its deliveries in the window. None when they came on connections that are lost.
    waiting: usize,
}

#[derive(Debug, Default)]
pub(super) struct Acks {
    /// The present connection; `None` while there is none.
    epoch: Option<u64>,
    window: VecDeque<Delivery>,
    /// By packet id. Those of lost connections stay as long as the session may be resumed.
    unacked: BTreeMap<u16, Unacked>,
    /// Parts of an execution that have no final outcome yet. An execution that is not here has ended.
    running: HashMap<ExecId, usize>,
    next: u64,
}

impl Acks {
    /// A connection begins.
    pub(super) fn online(&mut self, epoch: u64, resumed: bool) {
        self.offline();
        self.epoch = Some(epoch);
        if !resumed {
            // The broker forgot what it had sent; packet ids start anew.
            self.unacked.clear();
        }
    }

    /// The connection is gone, and with it every acknowledgement that was not sent.
    pub(super) fn offline(&mut self) {
        self.epoch = None;
        self.window.clear();
        self.unacked.values_mut().for_each(|unacked| unacked.waiting = 0);
    }

    /// A message arrived. A new execution begins with one part; see [`Acks::part`] and [`Acks::end_part`].
    pub(super) fn arrive(&mut self, message: &Message) -> Arrival {
        let Some(packet_id) = message.packet_id else {
            return Arrival::New(self.begin());
        };
        let hash = hash64(&[message.topic.as_bytes(), &message.payload]);
        let known = self.known(packet_id, hash, message.dup);
        let exec = known.unwrap_or_else(|| self.begin());
        let unacked = self.unacked.entry(packet_id).or_insert(Unacked {
            exec,
            hash,
            waiting: 0,
        });
        if unacked.exec != exec {
            *unacked = Unacked {
                exec,
                hash,
                waiting: 0,
            };
        }
        if self.epoch == Some(message.epoch) {
            unacked.waiting += 1;
            self.window.push_back(Delivery {
                id: message.id,
                packet_id,
                exec,
            });
        }
        known.map_or(Arrival::New(exec), |_| Arrival::Known)
    }

    /// The broker may reuse a packet id only after our acknowledgement. So within one connection the same id is
    /// the same message, and after a resumption it is so if the broker says that it sent it before.
    fn known(&self, packet_id: u16, hash: u64, dup: bool) -> Option<ExecId> {
        let unacked = self.unacked.get(&packet_id)?;
        (unacked.hash == hash && (dup || unacked.waiting > 0)).then_some(unacked.exec)
    }

    fn begin(&mut self) -> ExecId {
        let exec = ExecId(self.next);
        self.next += 1;
        self.running.insert(exec, 1);
        exec
    }

    /// One more part of an execution needs a final outcome.
    pub(super) fn part(&mut self, exec: ExecId) {
        *self.running.entry(exec).or_default() += 1;
    }

    /// One part of an execution has its final outcome.
    pub(super) fn end_part(&mut self, exec: ExecId) {
        if let Some(parts) = self.running.get_mut(&exec) {
            *parts -= 1;
            if *parts == 0 {
                self.running.remove(&exec);
            }
        }
    }

    /// Acknowledges from the front of the window what has ended.
    pub(super) fn release(&mut self, effects: &mut Vec<Effect>) {
        while let Some(front) = self.window.front() {
            if self.running.contains_key(&front.exec) {
                return;
            }
            let (id, packet_id, exec) = (front.id, front.packet_id, front.exec);
            self.window.pop_front();
            self.forget(packet_id, exec);
            effects.push(Effect::Ack(id));
        }
    }

    /// After an acknowledgement the packet id may name another message.
    fn forget(&mut self, packet_id: u16, exec: ExecId) {
        if let Some(unacked) = self.unacked.get_mut(&packet_id)
            && unacked.exec == exec
        {
            unacked.waiting -= 1;
            if unacked.waiting == 0 {
                self.unacked.remove(&packet_id);
            }
        }
    }

    /// Executions that have not ended.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Deliveries that wait for their acknowledgement.
    pub(super) fn held(&self) -> usize {
        self.window.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn message(id: u64, epoch: u64, packet_id: u16, payload: &'static str, dup: bool) -> Message {
        Message {
            id: MessageId(id),
            epoch,
            topic: "t".to_owned(),
            payload: Bytes::from_static(payload.as_bytes()),
            retain: false,
            dup,
            packet_id: Some(packet_id),
            subscription_ids: Vec::new(),
            response_topic: None,
            correlation_data: None,
            at: 0,
        }
    }

    fn begin(acks: &mut Acks, message: &Message) -> ExecId {
        match acks.arrive(message) {
            Arrival::New(exec) => exec,
            Arrival::Known => panic!("{message:?} should be new"),
        }
    }

    #[track_caller]
    fn check(acks: &mut Acks, expected: &[u64]) {
        let mut effects = Vec::new();
        acks.release(&mut effects);
        let expected: Vec<_> = expected.iter().map(|id| Effect::Ack(MessageId(*id))).collect();
        assert_eq!(effects, expected);
    }

    #[test]
    fn acknowledgements_leave_in_the_order_of_arrival_when_the_work_is_done() {
        let mut acks = Acks::default();
        acks.online(1, false);
        let first = begin(&mut acks, &message(1, 1, 10, "a", false));
        let second = begin(&mut acks, &message(2, 1, 11, "b", false));
        acks.part(first);
        acks.end_part(second);
        check(&mut acks, &[]);
        acks.end_part(first);
        check(&mut acks, &[]);
        acks.end_part(first);
        check(&mut acks, &[1, 2]);
        assert_eq!((acks.held(), acks.running()), (0, 0));
    }

    #[test]
    fn a_redelivery_on_a_resumed_session_is_not_executed_again() {
        let mut acks = Acks::default();
        acks.online(1, false);
        let done = begin(&mut acks, &message(1, 1, 10, "a", false));
        let slow = begin(&mut acks, &message(2, 1, 11, "b", false));
        acks.offline();
        acks.end_part(done);
        check(&mut acks, &[]);
        acks.online(2, true);
        assert_eq!(acks.arrive(&message(3, 2, 10, "a", true)), Arrival::Known);
        assert_eq!(acks.arrive(&message(4, 2, 11, "b", true)), Arrival::Known);
        check(&mut acks, &[3]);
        acks.end_part(slow);
        check(&mut acks, &[4]);
    }

    #[test]
    fn a_packet_id_means_another_message_after_its_acknowledgement_or_in_a_new_session() {
        let mut acks = Acks::default();
        acks.online(1, false);
        let first = begin(&mut acks, &message(1, 1, 10, "a", false));
        acks.end_part(first);
        check(&mut acks, &[1]);
        let again = begin(&mut acks, &message(2, 1, 10, "a", true));
        assert_ne!(first, again);
        acks.online(2, false);
        let fresh = begin(&mut acks, &message(3, 2, 10, "a", true));
        acks.end_part(again);
        check(&mut acks, &[]);
        acks.end_part(fresh);
        check(&mut acks, &[3]);
    }

    #[test]
    fn a_duplicated_packet_is_executed_once_and_acknowledged_twice() {
        let mut acks = Acks::default();
        acks.online(1, false);
        let exec = begin(&mut acks, &message(1, 1, 10, "a", false));
        assert_eq!(acks.arrive(&message(2, 1, 10, "a", false)), Arrival::Known);
        acks.end_part(exec);
        check(&mut acks, &[1, 2]);
        begin(&mut acks, &message(3, 1, 10, "a", false));
    }

    #[test]
    fn a_message_of_a_lost_connection_is_executed_but_not_acknowledged() {
        let mut acks = Acks::default();
        acks.online(2, true);
        let exec = begin(&mut acks, &message(1, 1, 10, "a", false));
        acks.end_part(exec);
        check(&mut acks, &[]);
        assert_eq!(acks.arrive(&message(2, 2, 10, "a", true)), Arrival::Known);
        check(&mut acks, &[2]);
    }

    #[test]
    fn without_a_packet_id_there_is_nothing_to_acknowledge() {
        let mut acks = Acks::default();
        acks.online(1, false);
        let mut message = message(1, 1, 0, "a", false);
        message.packet_id = None;
        let exec = begin(&mut acks, &message);
        acks.end_part(exec);
        check(&mut acks, &[]);
    }
}
