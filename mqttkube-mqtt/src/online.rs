//! What happens while the broker is there: packets in, packets out.

use std::collections::{HashMap, VecDeque};
use std::io;

use crate::ack_window::Ack;
use crate::client::Delivery as Outcome;
use crate::error::PublishError;
use crate::event::{AckToken, Event, Received, Version, Warning};
use crate::link::Link;
use crate::message::{Publish, QoS};
use crate::outbox::{FIRST_FOREIGN_ID, Send};
use crate::pulse::Beat;
use crate::session::Session;
use crate::status::State;
use crate::wire::{Answer, DecodeError, Delivery, EncodeError, Incoming, Outgoing, Welcome};

/// No more is put into the output buffer while this much waits there.
const OUTPUT_BYTES: usize = 64 * 1024;
/// Subscriptions that wait for their answer at once.
const UNANSWERED_SUBSCRIPTIONS: usize = 64;
/// Bytes of QoS 0 messages that may wait for a slow owner.
const QOS0_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of unacknowledged messages that may be held. MQTT 5 bounds their number already.
const UNACKNOWLEDGED_BYTES: usize = 64 * 1024 * 1024;

/// Why a connection ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) reason: String,
    pub(crate) taken_over: bool,
    pub(crate) hung_up: bool,
}

impl End {
    /// We end it.
    pub(crate) fn silent(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            taken_over: false,
            hung_up: false,
        }
    }

    /// The network or the other side ended it.
    pub(crate) fn lost(error: &io::Error) -> Self {
        let hung_up = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        );
        Self {
            reason: format!("connection lost: {error}"),
            taken_over: false,
            hung_up,
        }
    }

    /// After how many of these in quick succession another client must be behind it. MQTT 5 has a reason code for a
    /// takeover, but Mosquitto 2.0 does not send it.
    pub(crate) fn silently_closed(&self, version: Version) -> Option<u32> {
        self.hung_up.then_some(match version {
            Version::V5 => 4,
            Version::V311 => 2,
        })
    }
}

/// One connection that stands.
pub(crate) struct Online {
    pub(crate) link: Link,
    welcome: Welcome,
    to_subscribe: VecDeque<String>,
    subscribing: HashMap<u16, String>,
    last_id: u16,
}

impl Online {
    /// The broker said welcome.
    pub(crate) fn start(session: &mut Session, link: Link, welcome: &Welcome) -> Self {
        session.epoch += 1;
        session.window.start(session.epoch);
        let window = welcome.receive_maximum.min(session.options.in_flight);
        session.outbox.connected(welcome.session_present, window);
        let (epoch, version) = (session.epoch, session.version);
        session.status.send_modify(|status| {
            status.state = State::Online;
            status.version = version;
            status.epoch = epoch;
        });
        tracing::info!(epoch, %version, session_present = welcome.session_present, "online");
        session.reports.send(Event::Online {
            epoch,
            session_present: welcome.session_present,
            version,
            subscription_ids: welcome.subscription_ids,
        });
        session.announce(true);
        Self {
            link,
            welcome: *welcome,
            // Always, also on a resumed session: a broker that was killed may have resumed it from an old database.
            to_subscribe: session.subscriptions.keys().cloned().collect(),
            subscribing: HashMap::new(),
            last_id: FIRST_FOREIGN_ID,
        }
    }

    /// Handles what came in and fills the output.
    pub(crate) fn work(&mut self, session: &mut Session) -> Result<(), End> {
        while let Some(packet) = self.link.receive().map_err(|error| bad_input(&error, session))? {
            self.handle(session, packet)?;
        }
        self.send_subscriptions(session)?;
        self.send_publishes(session)?;
        let (queued, in_flight) = (session.outbox.queued(), session.outbox.in_flight());
        let unacknowledged = session.window.len();
        session.status.send_if_modified(|status| {
            let changed = (status.queued, status.in_flight, status.unacknowledged)
                != (queued, in_flight, unacknowledged);
            (status.queued, status.in_flight, status.unacknowledged) = (queued, in_flight, unacknowledged);
            changed
        });
        Ok(())
    }

    fn handle(&mut self, session: &mut Session, packet: Incoming) -> Result<(), End> {
        match packet {
            Incoming::Publish(delivery) => return self.deliver(session, *delivery),
            Incoming::PubAck(id, answer) => settle(session, id, answer),
            Incoming::PubRec(id, Ok(())) => {
                if !session.outbox.received(id) {
                    session.status.send_modify(|status| status.unknown_answers += 1);
                }
                self.put(&Outgoing::PubRel(id))?;
            }
            Incoming::PubRec(id, refused) => settle(session, id, refused),
            Incoming::PubComp(id) => settle(session, id, Ok(())),
            // Answered whether we know the identifier or not: after a restart we do not, and the broker would wait.
            Incoming::PubRel(id) => self.put(&Outgoing::PubComp(id))?,
            Incoming::SubAck(id, results) => self.subscribed(session, id, results),
            Incoming::UnsubAck | Incoming::Pong => {}
            Incoming::Disconnect { reason, taken_over } => {
                let reason = format!("the broker ended the connection: {reason}");
                return Err(End {
                    reason,
                    taken_over,
                    hung_up: false,
                });
            }
            Incoming::Welcome(_) | Incoming::Refused(_) => {
                return Err(End::silent("the broker sent a second CONNACK"));
            }
        }
        Ok(())
    }

    fn deliver(&mut self, session: &mut Session, delivery: Delivery) -> Result<(), End> {
        let size = delivery.payload.len();
        let weight = delivery.topic.len() + size;
        let token = session.window.arrived(delivery.qos, delivery.packet_id, weight);
        let Ok(topic) = String::from_utf8(delivery.topic.to_vec()) else {
            session.status.send_modify(|status| status.dropped_topic += 1);
            session.warn(Warning::BadTopic);
            return self.send_acks(session, token);
        };
        if size > session.options.max_payload {
            session.status.send_modify(|status| status.dropped_large += 1);
            session.warn(Warning::TooLarge { topic, size });
            return self.send_acks(session, token);
        }
        if delivery.qos == QoS::AtMostOnce && session.reports.backlog() > QOS0_BYTES {
            session.status.send_modify(|status| status.dropped_overrun += 1);
            session.warn(Warning::Overrun { topic });
            return Ok(());
        }
        if session.window.weight() > UNACKNOWLEDGED_BYTES {
            return Err(End::silent(
                "the broker sends more than can be held without acknowledgement; limit its in-flight messages",
            ));
        }
        session.status.send_modify(|status| status.received += 1);
        session
            .reports
            .send(Event::Message(received(delivery, topic, token)));
        Ok(())
    }

    /// A message is done with. An output buffer error ends the connection at the next step.
    pub(crate) fn acknowledge(&mut self, session: &mut Session, token: AckToken) {
        if let Err(end) = self.send_acks(session, token) {
            tracing::debug!(reason = end.reason, "acknowledgement not written");
        }
    }

    fn send_acks(&mut self, session: &mut Session, token: AckToken) -> Result<(), End> {
        let released: Vec<Ack> = session.window.done(token);
        let (count, stale) = (released.len() as u64, session.window.stale());
        session.status.send_modify(|status| {
            status.acknowledged += count;
            status.stale_acks = stale;
        });
        released
            .into_iter()
            .try_for_each(|ack| self.put(&Outgoing::Ack(ack)))
    }

    fn put(&mut self, packet: &Outgoing<'_>) -> Result<(), End> {
        self.link
            .send(packet)
            .map_err(|error| End::silent(format!("a packet cannot be written: {error:?}")))
    }

    // === subscriptions ===

    pub(crate) fn subscribe(&mut self, filters: impl Iterator<Item = String>) {
        self.to_subscribe.extend(filters);
    }

    pub(crate) fn unsubscribe(&mut self, filters: &[String]) {
        self.to_subscribe.retain(|waiting| !filters.contains(waiting));
        for filter in filters {
            let packet_id = self.next_id();
            if let Err(end) = self.put(&Outgoing::Unsubscribe { filter, packet_id }) {
                tracing::debug!(reason = end.reason, filter, "UNSUBSCRIBE not written");
            }
        }
    }

    fn send_subscriptions(&mut self, session: &mut Session) -> Result<(), End> {
        while self.subscribing.len() < UNANSWERED_SUBSCRIPTIONS && self.link.backlog() < OUTPUT_BYTES {
            let Some(filter) = self.to_subscribe.pop_front() else {
                break;
            };
            let Some(wanted) = session.subscriptions.get_mut(&filter) else {
                continue;
            };
            let packet_id = self.next_id();
            self.put(&Outgoing::Subscribe {
                subscription: &wanted.subscription,
                packet_id,
                with_id: self.welcome.subscription_ids,
                again: wanted.asked,
            })?;
            wanted.asked = true;
            self.subscribing.insert(packet_id, filter);
        }
        Ok(())
    }

    /// Identifiers above those of publishes, so that the two never meet.
    fn next_id(&mut self) -> u16 {
        loop {
            let id = self.last_id;
            self.last_id = self.last_id.checked_add(1).unwrap_or(FIRST_FOREIGN_ID);
            if !self.subscribing.contains_key(&id) {
                return id;
            }
        }
    }

    fn subscribed(&mut self, session: &Session, packet_id: u16, results: Vec<Result<QoS, String>>) {
        let Some(filter) = self.subscribing.remove(&packet_id) else {
            session.status.send_modify(|status| status.unknown_answers += 1);
            return;
        };
        let result = results
            .into_iter()
            .next()
            .unwrap_or_else(|| Err("the broker's answer is empty".to_owned()));
        match &result {
            Ok(_) => session.status.send_modify(|status| status.granted += 1),
            Err(reason) => tracing::warn!(filter, reason, "subscription refused"),
        }
        session.reports.send(Event::Subscribed { filter, result });
    }

    // === publishes ===

    fn send_publishes(&mut self, session: &mut Session) -> Result<(), End> {
        while self.link.backlog() < OUTPUT_BYTES {
            match session.outbox.next() {
                None => break,
                Some(Send::Release { packet_id }) => self.put(&Outgoing::PubRel(packet_id))?,
                Some(Send::Forget { publish, ticket }) => {
                    let written = self.write(&publish, 0, false);
                    ticket.resolve(written.map(|()| Outcome::Sent));
                }
                Some(Send::Publish {
                    publish,
                    packet_id,
                    dup,
                }) => {
                    let written = self.write(&publish, packet_id, dup);
                    if let Err(error) = written {
                        refuse(session, packet_id, error);
                    } else if self.welcome.max_qos == QoS::AtMostOnce {
                        settle_as(session, packet_id, Outcome::Sent);
                    }
                }
            }
        }
        Ok(())
    }

    /// Within what the broker offers: a lower level, and no retain, where it has no more.
    fn write(&mut self, publish: &Publish, packet_id: u16, dup: bool) -> Result<(), PublishError> {
        let adapted;
        let publish = if publish.qos > self.welcome.max_qos || (publish.retain && !self.welcome.retain) {
            let mut copy = publish.clone();
            copy.qos = copy.qos.min(self.welcome.max_qos);
            copy.retain &= self.welcome.retain;
            adapted = copy;
            &adapted
        } else {
            publish
        };
        self.link
            .send(&Outgoing::Publish {
                publish,
                packet_id,
                dup,
            })
            .map_err(|error| match error {
                EncodeError::TooLarge { size } => PublishError::TooLarge {
                    size,
                    limit: self.welcome.max_packet,
                },
                EncodeError::Refused(reason) => PublishError::Refused { reason },
            })
    }

    /// Looks after the connection's life.
    pub(crate) fn beat(&mut self) -> Result<(), End> {
        match self.link.pulse.beat(tokio::time::Instant::now()) {
            Beat::Fine => Ok(()),
            Beat::Ping => self.put(&Outgoing::Ping),
            Beat::Dead => Err(End::silent(
                "connection lost: the broker is silent for twice the keep-alive",
            )),
        }
    }
}

fn received(delivery: Delivery, topic: String, token: AckToken) -> Received {
    Received {
        topic,
        payload: delivery.payload,
        qos: delivery.qos,
        retain: delivery.retain,
        dup: delivery.dup,
        packet_id: delivery.packet_id,
        subscription_ids: delivery.subscription_ids,
        response_topic: delivery.response_topic,
        correlation_data: delivery.correlation_data,
        user_properties: delivery.user_properties,
        message_expiry: delivery.message_expiry,
        content_type: delivery.content_type,
        payload_is_text: delivery.payload_is_text,
        token,
    }
}

/// The broker's word on a publish.
fn settle(session: &mut Session, packet_id: u16, answer: Answer) {
    match answer {
        Ok(()) => settle_as(session, packet_id, Outcome::Acknowledged),
        Err(reason) => refuse(session, packet_id, PublishError::Refused { reason }),
    }
}

fn settle_as(session: &mut Session, packet_id: u16, outcome: Outcome) {
    match session.outbox.answered(packet_id) {
        Some(ticket) => {
            ticket.resolve(Ok(outcome));
            session.status.send_modify(|status| status.published += 1);
        }
        None => session.status.send_modify(|status| status.unknown_answers += 1),
    }
}

fn refuse(session: &mut Session, packet_id: u16, error: PublishError) {
    match session.outbox.answered(packet_id) {
        Some(ticket) => {
            ticket.resolve(Err(error));
            session.status.send_modify(|status| status.refused += 1);
        }
        None => session.status.send_modify(|status| status.unknown_answers += 1),
    }
}

/// Names the subscriptions when a packet was too large: only its sender knows which of them it belongs to.
fn bad_input(error: &DecodeError, session: &Session) -> End {
    let mut reason = format!("connection given up: {error}");
    if matches!(error, DecodeError::TooLarge { .. }) && !session.subscriptions.is_empty() {
        let filters: Vec<&str> = session.subscriptions.keys().map(String::as_str).take(8).collect();
        reason = format!(
            "{reason}; it belongs to one of the subscriptions {}",
            filters.join(", ")
        );
    }
    End::silent(reason)
}
