//! What happens while the broker is there: packets in, packets out.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;

use tokio::time::Instant;

use crate::ack_window::Ack;
use crate::answers::{opened, refuse, settle, settle_as};
use crate::client::Delivery as Outcome;
use crate::error::PublishError;
use crate::event::{AckToken, Event, Received, Version, Warning};
use crate::link::Link;
use crate::message::{Publish, QoS};
use crate::outbox::{Cut, FIRST_FOREIGN_ID, Send};
use crate::pulse::Beat;
use crate::session::Session;
use crate::status::State;
use crate::wire::{Complaint, DecodeError, Delivery, EncodeError, Incoming, Outgoing, Welcome};

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
    pub(crate) complaint: Option<Complaint>,
    pub(crate) hung_up: bool,
}

impl End {
    /// We end it.
    pub(crate) fn silent(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            complaint: None,
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
            complaint: None,
            hung_up,
        }
    }

    /// Another client has the session.
    pub(crate) fn taken_over(&self) -> bool {
        self.complaint == Some(Complaint::TakenOver)
    }

    /// What it says about the publishes that were on their way.
    pub(crate) const fn cut(&self) -> Cut {
        match self.complaint {
            Some(Complaint::TooLarge) => Cut::TooLarge,
            Some(Complaint::Flooded) => Cut::Flooded,
            None if self.hung_up => Cut::HungUp,
            Some(_) | None => Cut::Quiet,
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
    /// What comes before anything else, and what of it the broker has not answered.
    to_open: VecDeque<Publish>,
    opening: HashMap<u16, (String, Instant)>,
    to_subscribe: VecDeque<String>,
    subscribing: HashMap<u16, (String, Instant)>,
    /// Publishes wait until the broker has answered every subscription: an answer to one of them must not be missed.
    gated: bool,
    granted: BTreeSet<String>,
    to_unsubscribe: Vec<String>,
    last_id: u16,
    /// PINGREQs without an answer.
    pings: u32,
    /// Nothing more is sent: another connection is about to take over.
    resting: bool,
}

impl Online {
    /// The broker said welcome.
    pub(crate) fn start(session: &mut Session, link: Link, welcome: &Welcome) -> Self {
        session.epoch += 1;
        session.window.start(session.epoch);
        Self::begin(session, link, welcome)
    }

    /// Goes over to a new connection of the session. What the old one had not acknowledged yet comes again, if the broker
    /// has kept the session; what was granted there is not asked for again.
    pub(crate) fn succeed(&mut self, session: &mut Session, link: Link, welcome: &Welcome) {
        session.epoch += 1;
        if welcome.session_present {
            session.window.hand_over(session.epoch);
        } else {
            session.window.start(session.epoch);
        }
        session.status.send_modify(|status| {
            status.renewals += 1;
            status.granted = 0;
        });
        let new = Self::begin(session, link, welcome);
        let old = std::mem::replace(self, new);
        self.to_unsubscribe = old.to_unsubscribe;
        if welcome.session_present {
            self.granted = old.granted;
            self.granted
                .retain(|filter| session.subscriptions.contains_key(filter));
            self.to_subscribe.retain(|filter| !self.granted.contains(filter));
            let count = self.granted.len();
            session.status.send_modify(|status| status.granted = count);
        }
    }

    fn begin(session: &mut Session, link: Link, welcome: &Welcome) -> Self {
        let window = welcome.receive_maximum.min(session.options.in_flight);
        session.outbox.connected(welcome.session_present, window);
        let (epoch, version) = (session.epoch, session.version);
        session.status.send_modify(|status| {
            status.state = State::Online;
            status.version = version;
            status.epoch = epoch;
        });
        tracing::info!(epoch, %version, session_present = welcome.session_present, "connected to the broker");
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
            to_open: session
                .options
                .opening
                .as_ref()
                .map_or_else(VecDeque::new, |opening| opening.publishes().into()),
            opening: HashMap::new(),
            // Always, also on a resumed session: a broker that was killed may have resumed it from an old database.
            to_subscribe: session.subscriptions.keys().cloned().collect(),
            subscribing: HashMap::new(),
            gated: !welcome.session_present,
            granted: BTreeSet::new(),
            to_unsubscribe: Vec::new(),
            last_id: FIRST_FOREIGN_ID,
            pings: 0,
            resting: false,
        }
    }

    /// Sends no more but a PINGREQ, whose answer says that all before it was handled; keeps acknowledgements back.
    pub(crate) fn come_to_rest(&mut self, session: &mut Session) -> Result<(), End> {
        self.resting = true;
        session.window.hold();
        self.ping()
    }

    /// The broker has answered everything.
    pub(crate) fn is_at_rest(&self, session: &Session) -> bool {
        self.resting
            && self.pings == 0
            && self.subscribing.is_empty()
            && self.opening.is_empty()
            && session.outbox.in_flight() == 0
    }

    /// The other connection did not come about.
    pub(crate) fn go_on(&mut self, session: &mut Session) {
        if !std::mem::take(&mut self.resting) {
            return;
        }
        let released = session.window.unhold();
        if let Err(end) = self.put_acks(session, released) {
            tracing::debug!(reason = end.reason, "acknowledgements not written");
        }
    }

    /// Handles what came in and fills the output.
    pub(crate) fn work(&mut self, session: &mut Session) -> Result<(), End> {
        while let Some(packet) = self.link.receive().map_err(|error| bad_input(&error, session))? {
            self.handle(session, packet)?;
        }
        if !self.resting && self.open()? {
            self.send_unsubscriptions()?;
            self.send_subscriptions(session)?;
            self.gated &= !(self.to_subscribe.is_empty() && self.subscribing.is_empty());
            if !self.gated {
                self.send_publishes(session)?;
            }
        }
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
            Incoming::PubAck(id, answer) => match self.opening.remove(&id) {
                Some((topic, _)) => opened(session, &topic, answer),
                None => settle(session, id, answer),
            },
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
            Incoming::Pong => self.pings = self.pings.saturating_sub(1),
            Incoming::UnsubAck => {}
            Incoming::Disconnect { reason, complaint } => {
                let reason = format!("the broker ended the connection: {reason}");
                return Err(End {
                    reason,
                    complaint: Some(complaint),
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
        let content = (delivery.topic.clone(), delivery.payload.clone());
        let (token, again) = session
            .window
            .arrived(delivery.qos, delivery.packet_id, weight, content);
        if again {
            let released = session.window.release();
            return self.put_acks(session, released);
        }
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
        let released = session.window.done(token);
        self.put_acks(session, released)
    }

    fn put_acks(&mut self, session: &Session, released: Vec<Ack>) -> Result<(), End> {
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
        for filter in filters {
            self.granted.remove(&filter);
            self.to_subscribe.push_back(filter);
        }
    }

    pub(crate) fn unsubscribe(&mut self, filters: &[String]) {
        self.to_subscribe.retain(|waiting| !filters.contains(waiting));
        self.granted.retain(|granted| !filters.contains(granted));
        self.to_unsubscribe.extend_from_slice(filters);
    }

    /// True once the broker has answered all that comes first.
    fn open(&mut self) -> Result<bool, End> {
        while self.opening.len() < usize::from(self.welcome.receive_maximum)
            && let Some(publish) = self.to_open.pop_front()
        {
            let packet_id = self.next_id();
            let topic = publish.topic.clone();
            let publish = publish.qos(QoS::AtLeastOnce);
            self.write(&publish, packet_id, false)
                .map_err(|error| End::silent(format!("{topic} cannot be published: {error}")))?;
            self.opening.insert(packet_id, (topic, Instant::now()));
        }
        Ok(self.to_open.is_empty() && self.opening.is_empty())
    }

    fn send_unsubscriptions(&mut self) -> Result<(), End> {
        for filter in std::mem::take(&mut self.to_unsubscribe) {
            let packet_id = self.next_id();
            self.put(&Outgoing::Unsubscribe {
                filter: &filter,
                packet_id,
            })?;
        }
        Ok(())
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
            self.subscribing.insert(packet_id, (filter, Instant::now()));
        }
        Ok(())
    }

    /// Identifiers above those of publishes, so that the two never meet.
    fn next_id(&mut self) -> u16 {
        loop {
            let id = self.last_id;
            self.last_id = self.last_id.checked_add(1).unwrap_or(FIRST_FOREIGN_ID);
            if !self.subscribing.contains_key(&id) && !self.opening.contains_key(&id) {
                return id;
            }
        }
    }

    fn subscribed(&mut self, session: &Session, packet_id: u16, results: Vec<Result<QoS, String>>) {
        let Some((filter, _)) = self.subscribing.remove(&packet_id) else {
            session.status.send_modify(|status| status.unknown_answers += 1);
            return;
        };
        let result = results
            .into_iter()
            .next()
            .unwrap_or_else(|| Err("the broker's answer is empty".to_owned()));
        match &result {
            Ok(_) => {
                self.granted.insert(filter.clone());
                let count = self.granted.len();
                session.status.send_modify(|status| status.granted = count);
            }
            Err(reason) => tracing::warn!(filter, reason, "subscription refused"),
        }
        session.reports.send(Event::Subscribed { filter, result });
    }

    // === publishes ===

    fn send_publishes(&mut self, session: &mut Session) -> Result<(), End> {
        while self.link.backlog() < OUTPUT_BYTES {
            match session.outbox.next(Instant::now()) {
                None => break,
                Some(Send::Expired { ticket }) => {
                    ticket.resolve(Ok(Outcome::Expired));
                    session.status.send_modify(|status| status.expired += 1);
                }
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

    /// When something may be sent that has to wait now.
    pub(crate) fn wake(&self, session: &Session) -> Option<Instant> {
        let open = self.to_open.is_empty() && self.opening.is_empty();
        let sends = open && !self.resting && !self.gated && self.link.backlog() < OUTPUT_BYTES;
        session.outbox.wake().filter(|_| sends)
    }

    /// When to look after it again.
    pub(crate) fn next_beat(&self, session: &Session) -> Instant {
        let late = |(_, asked): &(String, Instant)| *asked + session.options.connect_timeout;
        let unanswered = self
            .subscribing
            .values()
            .chain(self.opening.values())
            .map(late)
            .min();
        unanswered.map_or_else(|| self.link.pulse.next(), |late| late.min(self.link.pulse.next()))
    }

    fn ping(&mut self) -> Result<(), End> {
        self.pings += 1;
        self.put(&Outgoing::Ping)
    }

    /// Looks after the connection's life.
    pub(crate) fn beat(&mut self, session: &Session) -> Result<(), End> {
        let (now, limit) = (Instant::now(), session.options.connect_timeout);
        let mut subscribing = self.subscribing.values();
        if let Some((filter, _)) = subscribing.find(|(_, asked)| *asked + limit <= now) {
            return Err(End::silent(format!(
                "the broker did not answer the subscription {filter} within {limit:?}"
            )));
        }
        if let Some((topic, _)) = self.opening.values().find(|(_, sent)| *sent + limit <= now) {
            return Err(End::silent(format!(
                "the broker did not answer the publish to {topic} within {limit:?}"
            )));
        }
        match self.link.pulse.beat(now) {
            Beat::Fine => Ok(()),
            Beat::Ping => self.ping(),
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
