//! What happens while the broker is there: packets in, packets out.

use std::collections::{BTreeSet, HashMap, VecDeque};

use tokio::time::Instant;

use crate::answers::{opened, settle};
use crate::end::End;
use crate::event::Event;
use crate::link::Link;
use crate::message::Publish;
use crate::outbox::FIRST_FOREIGN_ID;
use crate::pulse::Beat;
use crate::session::Session;
use crate::status::State;
use crate::wire::{DecodeError, Incoming, Outgoing, Welcome};

mod deliveries;
mod publishes;
mod subscriptions;

/// No more is put into the output buffer while this much waits there.
const OUTPUT_BYTES: usize = 64 * 1024;

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
        session.status.note(|status| {
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
            session.status.note(|status| status.granted = count);
        }
    }

    fn begin(session: &mut Session, link: Link, welcome: &Welcome) -> Self {
        let window = welcome.receive_maximum.min(session.options.in_flight);
        session.outbox.connected(welcome.session_present, window);
        let (epoch, version) = (session.epoch, session.version);
        session.status.note(|status| {
            status.state = State::Online;
            status.version = version;
            status.epoch = epoch;
        });
        session.status.show();
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
        let now = session.status.now();
        if (now.queued, now.in_flight, now.unacknowledged) != (queued, in_flight, unacknowledged) {
            session.status.note(|status| {
                (status.queued, status.in_flight, status.unacknowledged) =
                    (queued, in_flight, unacknowledged);
            });
        }
        Ok(())
    }

    fn handle(&mut self, session: &mut Session, packet: Incoming) -> Result<(), End> {
        match packet {
            Incoming::Publish(delivery) => return self.deliver(session, *delivery),
            Incoming::PubAck(id, answer) if id >= FIRST_FOREIGN_ID => match self.opening.remove(&id) {
                Some((topic, _)) => opened(session, &topic, answer),
                None => settle(session, id, answer),
            },
            Incoming::PubAck(id, answer) => settle(session, id, answer),
            Incoming::PubRec(id, Ok(())) => {
                if !session.outbox.received(id) {
                    session.status.note(|status| status.unknown_answers += 1);
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

    fn put(&mut self, packet: &Outgoing<'_>) -> Result<(), End> {
        self.link
            .send(packet)
            .map_err(|error| End::silent(format!("a packet cannot be written: {error:?}")))
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
