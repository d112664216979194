//! Messages from the broker, and what it is told about them.

use std::time::Duration;

use tokio::time::Instant;

use super::Online;
use crate::ack_window::Ack;
use crate::end::End;
use crate::event::{AckToken, Event, Received, Warning};
use crate::message::QoS;
use crate::session::Session;
use crate::wire::{Delivery, Outgoing};

/// Bytes of QoS 0 messages that may wait for a slow owner.
const QOS0_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of unacknowledged messages that may be held. MQTT 5 bounds their number already.
const UNACKNOWLEDGED_BYTES: usize = 64 * 1024 * 1024;

/// A broker that sends more than it may, while nothing of that is acknowledged, is read from once in this time.
const BREATH: Duration = Duration::from_millis(10);

impl Online {
    /// Until when nothing is read. A broker may have the receive maximum of messages unacknowledged; Mosquitto 2.0 sends
    /// all that it has queued, and what is not read stays there. It is never left unread for good, because the answers to
    /// our publishes come the same way, and the acknowledgements that it waits for may depend on them; and not at all
    /// while it owes an answer that has a deadline.
    pub(crate) fn deaf(&self, session: &Session) -> Option<Instant> {
        let owes = self.resting || !self.subscribing.is_empty() || !self.opening.is_empty();
        let too_much = session.window.len() > usize::from(session.options.receive_maximum);
        (too_much && !owes).then(|| self.link.pulse.last_heard() + BREATH)
    }

    pub(super) fn deliver(&mut self, session: &mut Session, delivery: Delivery) -> Result<(), End> {
        let size = delivery.payload.len();
        let weight = delivery.topic.len() + size;
        let content = (delivery.topic.clone(), delivery.payload.clone());
        let (token, again) = session
            .window
            .arrived(delivery.qos, delivery.packet_id, weight, content);
        if again {
            let released = session.window.release();
            return self.put_acks(session, released);
        }
        let Ok(topic) = String::from_utf8(delivery.topic.to_vec()) else {
            session.status.note(|status| status.dropped_topic += 1);
            session.warn(Warning::BadTopic);
            return self.send_acks(session, token);
        };
        if size > session.options.max_payload {
            session.status.note(|status| status.dropped_large += 1);
            session.warn(Warning::TooLarge { topic, size });
            return self.send_acks(session, token);
        }
        if delivery.qos == QoS::AtMostOnce && session.reports.backlog() > QOS0_BYTES {
            session.status.note(|status| status.dropped_overrun += 1);
            session.warn(Warning::Overrun { topic });
            return Ok(());
        }
        if session.window.weight() > UNACKNOWLEDGED_BYTES {
            return Err(End::silent(
                "the broker sends more than can be held without acknowledgement; limit its in-flight messages",
            ));
        }
        session.status.note(|status| status.received += 1);
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
        let released = session.window.done(token);
        self.put_acks(session, released)
    }

    pub(super) fn put_acks(&mut self, session: &mut Session, released: Vec<Ack>) -> Result<(), End> {
        let (count, stale) = (released.len() as u64, session.window.stale());
        session.status.note(|status| {
            status.acknowledged += count;
            status.stale_acks = stale;
        });
        released
            .into_iter()
            .try_for_each(|ack| self.put(&Outgoing::Ack(ack)))
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
