//! What a cloud keeps for one client id. Pure.

use std::collections::VecDeque;

use mqttkube_mapping::TopicFilter;

use crate::mqtt_probe::Message;

/// One subscription.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) filter: TopicFilter,
    pub(super) qos: u8,
    pub(super) id: Option<u32>,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
}

/// Subscriptions, and messages that were not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Outlives the connection.
    pub(super) keep: bool,
    pub(super) subscriptions: Vec<Subscription>,
    queue: VecDeque<Message>,
    /// By packet identifier, in the order of sending.
    in_flight: Vec<(u16, Message)>,
    last_id: u16,
}

impl Session {
    /// Puts a subscription in the place of an older one; whether it is new.
    pub(super) fn subscribe(&mut self, new: Subscription) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|old| old.filter != new.filter);
        self.subscriptions.push(new);
        self.subscriptions.len() > before
    }

    pub(super) fn unsubscribe(&mut self, filter: &str) {
        self.subscriptions.retain(|old| old.filter.as_str() != filter);
    }

    /// The copies of a message that this client gets: one for each matching subscription where copies can be told apart,
    /// as Mosquitto does it, else one.
    pub(super) fn copies(&self, message: &Message, own: bool, one: bool) -> Vec<Message> {
        let matching = self
            .subscriptions
            .iter()
            .filter(|known| known.filter.matches(&message.topic) && !(own && known.no_local));
        let copies = matching.map(|known| Message {
            qos: message.qos.min(known.qos),
            retain: message.retain && known.retain_as_published,
            subscription_ids: known.id.into_iter().collect(),
            ..message.clone()
        });
        if one {
            copies.max_by_key(|copy| copy.qos).into_iter().collect()
        } else {
            copies.collect()
        }
    }

    pub(super) fn push(&mut self, message: Message) {
        self.queue.push_back(message);
    }

    /// What is sent again on a new connection, as it was.
    pub(super) fn unacknowledged(&self) -> impl Iterator<Item = (u16, &Message)> {
        self.in_flight.iter().map(|(id, message)| (*id, message))
    }

    /// The next message that may be sent while no more than `window` are unacknowledged; its id is 0 at QoS 0.
    pub(super) fn next(&mut self, window: usize) -> Option<(u16, Message)> {
        if self.queue.front()?.qos == 0 {
            return Some((0, self.queue.pop_front()?));
        }
        if self.in_flight.len() >= window {
            return None;
        }
        let message = self.queue.pop_front()?;
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.in_flight.iter().all(|(id, _)| *id != self.last_id) {
                break;
            }
        }
        self.in_flight.push((self.last_id, message.clone()));
        Some((self.last_id, message))
    }

    /// Whether the id was one of ours.
    pub(super) fn acknowledged(&mut self, id: u16) -> bool {
        let before = self.in_flight.len();
        self.in_flight.retain(|(known, _)| *known != id);
        self.in_flight.len() < before
    }

    /// Messages that the client has not acknowledged.
    pub(super) fn held(&self) -> usize {
        self.queue.len() + self.in_flight.len()
    }
}
