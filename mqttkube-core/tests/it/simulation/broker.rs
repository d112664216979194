//! A broker with one persistent session of ours, as MQTT 5.0 describes it.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use mqttkube_core::event::{Message, Publish};
use mqttkube_core::ids::MessageId;

/// Deliveries that may be unacknowledged at once.
const RECEIVE_MAXIMUM: usize = 8;

/// A message that the session holds.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// Number of the command, unique in a schedule.
    pub(super) command: u64,
    pub(super) topic: &'static str,
    pub(super) payload: String,
    pub(super) retain: bool,
    pub(super) correlated: bool,
    packet_id: Option<u16>,
}

#[derive(Debug, Clone, Default)]
struct Database {
    queue: VecDeque<Stored>,
    retained: BTreeMap<String, Bytes>,
}

/// The present connection.
#[derive(Debug)]
struct Link {
    epoch: u64,
    /// Nothing gets through any more, and we have not noticed.
    broken: bool,
    /// How many of the queue were sent on this connection.
    sent: usize,
    /// Deliveries by their number, in order, with the packet id.
    deliveries: VecDeque<(MessageId, u16)>,
}

#[derive(Debug, Default)]
pub(super) struct Broker {
    now: Database,
    /// What is on the disk; a broker that is killed starts from it.
    disk: Database,
    link: Option<Link>,
    epochs: u64,
    deliveries: u64,
    next_packet_id: u16,
    /// A session exists, so messages are queued.
    pub(super) subscribed: bool,
}

impl Broker {
    pub(super) fn is_linked(&self) -> bool {
        self.link.is_some()
    }

    /// Somebody publishes a command. Returns whether the session keeps it.
    pub(super) fn accept(
        &mut self,
        command: u64,
        topic: &'static str,
        payload: String,
        correlated: bool,
    ) -> bool {
        if !self.subscribed {
            return false;
        }
        self.now.queue.push_back(Stored {
            command,
            topic,
            payload,
            retain: false,
            correlated,
            packet_id: None,
        });
        true
    }

    /// The broker sends a retained message because we subscribed.
    pub(super) fn send_retained(&mut self, command: u64, topic: &'static str, payload: &'static str) {
        self.now.queue.push_back(Stored {
            command,
            topic,
            payload: payload.to_owned(),
            retain: true,
            correlated: true,
            packet_id: None,
        });
    }

    /// We connect. Returns the epoch and whether the session was there.
    pub(super) fn connect(&mut self) -> (u64, bool) {
        self.epochs += 1;
        self.link = Some(Link {
            epoch: self.epochs,
            broken: false,
            sent: 0,
            deliveries: VecDeque::new(),
        });
        let resumed = self.subscribed;
        self.subscribed = true;
        (self.epochs, resumed)
    }

    /// We notice that the connection is gone.
    pub(super) fn cut(&mut self) {
        self.link = None;
    }

    /// From now on nothing gets through.
    pub(super) fn break_silently(&mut self) {
        if let Some(link) = &mut self.link {
            link.broken = true;
        }
    }

    /// The session is gone, with all that it held. Returns the commands that are lost to everybody.
    pub(super) fn lose_session(&mut self) -> Vec<u64> {
        self.link = None;
        self.subscribed = false;
        self.now.queue.drain(..).map(|stored| stored.command).collect()
    }

    /// What is in memory reaches the disk.
    pub(super) fn save(&mut self) {
        self.disk = self.now.clone();
    }

    /// The broker is killed and starts from its disk: old retained values, messages that were acknowledged long
    /// ago, and none of those that came since. Returns the commands that are lost to everybody.
    pub(super) fn kill(&mut self) -> Vec<u64> {
        self.link = None;
        let lost = std::mem::replace(&mut self.now, self.disk.clone());
        let kept = |command: u64| self.now.queue.iter().any(|stored| stored.command == command);
        lost.queue
            .iter()
            .map(|stored| stored.command)
            .filter(|command| !kept(*command))
            .collect()
    }

    /// The next message on the wire. `command` of the stored message comes beside it.
    pub(super) fn deliver(&mut self, at: u64) -> Option<(Message, u64)> {
        let link = self.link.as_mut()?;
        if link.broken || link.deliveries.len() >= RECEIVE_MAXIMUM {
            return None;
        }
        let stored = self.now.queue.get_mut(link.sent)?;
        link.sent += 1;
        let dup = stored.packet_id.is_some();
        let packet_id = *stored.packet_id.get_or_insert_with(|| {
            self.next_packet_id = self.next_packet_id % u16::MAX + 1;
            self.next_packet_id
        });
        self.deliveries += 1;
        let id = MessageId(self.deliveries);
        link.deliveries.push_back((id, packet_id));
        let message = message(stored, id, link.epoch, packet_id, dup, at);
        Some((message, stored.command))
    }

    /// The last delivery once more, as a wire that duplicates packets would do.
    pub(super) fn repeat(&mut self, at: u64) -> Option<(Message, u64)> {
        let link = self.link.as_mut().filter(|link| !link.broken)?;
        let packet_id = link.deliveries.back()?.1;
        let stored = self
            .now
            .queue
            .iter()
            .find(|stored| stored.packet_id == Some(packet_id))?;
        self.deliveries += 1;
        let id = MessageId(self.deliveries);
        link.deliveries.push_back((id, packet_id));
        Some((
            message(stored, id, link.epoch, packet_id, false, at),
            stored.command,
        ))
    }

    /// We acknowledge.
    ///
    /// # Errors
    /// When the acknowledgement breaks the protocol.
    pub(super) fn acknowledge(&mut self, id: MessageId) -> Result<Option<u64>, String> {
        let Some(link) = &mut self.link else {
            return Err(format!("ack of delivery {id} without a connection"));
        };
        let Some((front, packet_id)) = link.deliveries.pop_front() else {
            return Err(format!("ack of delivery {id}, which is not of this connection"));
        };
        if front != id {
            return Err(format!("ack of delivery {id} before that of delivery {front}"));
        }
        let queue = &mut self.now.queue;
        let position = queue
            .iter()
            .position(|stored| stored.packet_id == Some(packet_id));
        let command = position.map(|position| queue[position].command);
        let again = link.deliveries.iter().any(|(_, other)| *other == packet_id);
        if let Some(position) = position.filter(|_| !link.broken && !again) {
            queue.remove(position);
            link.sent -= 1;
        }
        Ok(command)
    }

    /// We publish.
    pub(super) fn publish(&mut self, publish: &Publish) {
        if self.link.as_ref().is_none_or(|link| link.broken) {
            return;
        }
        if publish.retain && publish.payload.is_empty() {
            self.now.retained.remove(&publish.topic);
        } else if publish.retain {
            self.now
                .retained
                .insert(publish.topic.clone(), publish.payload.clone());
        }
    }

    pub(super) fn retained(&self) -> &BTreeMap<String, Bytes> {
        &self.now.retained
    }

    /// The commands that the session holds.
    pub(super) fn held(&self) -> impl Iterator<Item = u64> {
        self.now.queue.iter().map(|stored| stored.command)
    }

    /// Nothing waits to be sent, and nothing waits for an acknowledgement.
    pub(super) fn is_quiet(&self) -> bool {
        self.now.queue.is_empty()
    }
}

fn message(stored: &Stored, id: MessageId, epoch: u64, packet_id: u16, dup: bool, at: u64) -> Message {
    let correlation = stored.correlated.then(|| Bytes::from(stored.command.to_string()));
    Message {
        id,
        epoch,
        topic: stored.topic.to_owned(),
        payload: Bytes::from(stored.payload.clone()),
        retain: stored.retain,
        dup,
        packet_id: Some(packet_id),
        subscription_ids: Vec::new(),
        response_topic: None,
        correlation_data: correlation,
        at,
    }
}
