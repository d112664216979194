//! One way across the bridge: from the events of the source to the destination, and back with the acknowledgement.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::stream::{FuturesUnordered, StreamExt as _};
use mqttkube_mqtt::{
    AckToken, Client, Delivery, Publish, PublishError, QoS, Receipt, Received, State, Subscription, Version,
};

use super::counters::{Counters, Dropped};
use super::echo::Echoes;
use super::store::{Appended, Keeping, Store, StoreError};
use super::turns::Turns;
use super::{Decision, Lane, Message, Routes};

/// Where a lane leaves its messages.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    /// At the other broker, which acknowledges them.
    Broker(Client),
    /// In the store, from which another task takes them.
    Store(Store),
}

/// What a lane works with.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) lane: Lane,
    pub(super) routes: Arc<Routes>,
    pub(super) subscriptions: Arc<Vec<Subscription>>,
    pub(super) source: Client,
    pub(super) destination: Destination,
    pub(super) dead_letters: DeadLetters,
    pub(super) counters: Arc<Counters>,
    /// What was published at the source, and may be sent back by it.
    pub(super) echoes: SharedEchoes,
    /// The same of the destination.
    pub(super) sent: SharedEchoes,
}

/// What both lanes know of one broker.
pub(super) type SharedEchoes = Arc<Mutex<Echoes>>;

/// Notes that a message is about to be published at its destination, where that may send it back.
pub(super) fn note_sent(sent: &SharedEchoes, routes: &Routes, lane: Lane, message: &Message) {
    if !routes.loop_free() && routes.takes(lane.back(), &message.topic) {
        let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.sent(&message.topic, &message.payload);
    }
}

/// Where messages go that their destination refuses for good.
#[derive(Clone, Debug)]
pub(super) struct DeadLetters {
    pub(super) local: Client,
    pub(super) topic: Option<String>,
}

impl DeadLetters {
    /// Publishes the message at the local broker, with the reason and its topic as user properties. What is on its way
    /// to the dead-letter topic is counted as dropped already: it must never hold up the rest.
    pub(super) fn bury(&self, counters: &Counters, rule: Option<usize>, message: Message, reason: &str) {
        counters.dropped(rule, Dropped::Poison);
        tracing::warn!(topic = message.topic, reason, "a message is refused for good");
        let Some(topic) = &self.topic else { return };
        let mut letter = Publish::new(topic.clone(), message.payload.clone());
        letter.user_properties = message.properties.user;
        letter
            .user_properties
            .push(("mqttkube-topic".to_owned(), message.topic));
        letter
            .user_properties
            .push(("mqttkube-reason".to_owned(), reason.to_owned()));
        if let Err(error) = self.local.try_publish(letter) {
            tracing::warn!(%error, "the dead letter could not be published");
        }
    }
}

/// A message, the rule that took it and the right to acknowledge it.
#[derive(Debug)]
struct Parcel {
    token: AckToken,
    rule: usize,
    message: Message,
    /// Position in the order of arrival, and when that was.
    arrived: (u64, u64),
}

/// A message that is on its way to safety.
struct Pending {
    parcel: Option<Parcel>,
    fate: Fate,
}

enum Fate {
    Sent(Receipt),
    Kept(Keeping),
}

/// How a message ended.
enum Ended {
    Safe,
    Expired,
    DroppedByStore,
    Refused(String),
    /// The session or the store was closed: it stays unacknowledged, and its source sends it again.
    Closed,
}

impl Future for Pending {
    type Output = (Parcel, Ended);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = match &mut self.fate {
            Fate::Sent(receipt) => match Pin::new(receipt).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(outcome) => sent(outcome),
            },
            Fate::Kept(keeping) => match Pin::new(keeping).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(outcome) => kept(&outcome),
            },
        };
        let parcel = self.parcel.take().expect("a future is not polled after its end");
        Poll::Ready((parcel, ended))
    }
}

fn sent(outcome: Result<Delivery, PublishError>) -> Ended {
    match outcome {
        Ok(Delivery::Expired) => Ended::Expired,
        Ok(_) => Ended::Safe,
        Err(PublishError::Closed) => Ended::Closed,
        Err(error) => Ended::Refused(error.to_string()),
    }
}

const fn kept(outcome: &Result<Appended, StoreError>) -> Ended {
    match outcome {
        Ok(Appended::Kept) => Ended::Safe,
        Ok(Appended::Dropped) => Ended::DroppedByStore,
        Err(_) => Ended::Closed,
    }
}

/// What is to be done with a delivery.
enum Prepared {
    /// Send it on, by this rule.
    Carry(Message, usize),
    /// Nothing more: it was counted as dropped.
    Done,
    /// The destination would refuse it, for this reason.
    Refuse(Message, usize, String),
}

/// The messages of one lane that are not safe yet.
#[derive(Default)]
pub(super) struct InFlight {
    pending: FuturesUnordered<Pending>,
    turns: Turns<Parcel>,
    /// Those at QoS 0 among the pending ones.
    forgettable: usize,
    bytes: u64,
    /// When each arrived, the oldest first.
    arrivals: BTreeMap<u64, u64>,
    next: u64,
}

/// A message whose fate is known.
pub(super) struct Settled(Parcel, Ended);

impl InFlight {
    /// The most messages at QoS 0 that wait at once; more are dropped. Nobody waits for them, and they must not take the
    /// room of those that somebody waits for.
    const FORGETTABLE: usize = 256;

    /// The next message whose fate is known; none while there are none.
    pub(super) async fn next(&mut self) -> Option<Settled> {
        let (parcel, ended) = self.pending.next().await?;
        self.forgettable -= usize::from(parcel.message.qos == 0);
        self.bytes -= parcel.message.weight();
        self.arrivals.remove(&parcel.arrived.0);
        Some(Settled(parcel, ended))
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.turns.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    fn arrive(&mut self, token: AckToken, rule: usize, message: Message) -> Parcel {
        let arrived = (self.next, now());
        self.next += 1;
        self.arrivals.insert(arrived.0, arrived.1);
        self.bytes += message.weight();
        Parcel {
            token,
            rule,
            message,
            arrived,
        }
    }

    fn forget(&mut self, parcel: &Parcel) {
        self.bytes -= parcel.message.weight();
        self.arrivals.remove(&parcel.arrived.0);
    }

    fn push(&mut self, parcel: Parcel, fate: Fate) {
        self.forgettable += usize::from(parcel.message.qos == 0);
        self.pending.push(Pending {
            parcel: Some(parcel),
            fate,
        });
    }
}

impl Way {
    /// Takes one delivery as far as it goes at once. `version` is what the source speaks.
    pub(super) async fn receive(&self, received: Received, version: Version, in_flight: &mut InFlight) {
        self.counters.received();
        let token = received.token;
        match self.prepare(received, version) {
            Prepared::Carry(message, rule) => {
                let parcel = in_flight.arrive(token, rule, message);
                let turn = if self.routes.is_strict(rule) {
                    in_flight.turns.ask(rule, parcel)
                } else {
                    Some(parcel)
                };
                if let Some(parcel) = turn {
                    self.hand_over(parcel, in_flight).await;
                }
            }
            Prepared::Done => self.acknowledge(token),
            Prepared::Refuse(message, rule, reason) => {
                self.dead_letters
                    .bury(&self.counters, Some(rule), message, &reason);
                self.acknowledge(token);
            }
        }
        self.show(in_flight);
    }

    /// The message under its new name, if it is to go on.
    fn prepare(&self, received: Received, version: Version) -> Prepared {
        let drop_for = |rule, reason| {
            self.counters.dropped(rule, reason);
            Prepared::Done
        };
        if version == Version::V311 && self.is_echo(&received) {
            return drop_for(None, Dropped::Circle);
        }
        if self.routes.observe(self.lane, &received.topic, &received.payload) {
            return Prepared::Done;
        }
        let decision = self.routes.decide(
            self.lane,
            &received.topic,
            &received.subscription_ids,
            &self.subscriptions,
        );
        let (topic, qos, rule, refused) = match decision {
            Decision::Forward { topic, qos, rule } => (topic, qos, rule, None),
            Decision::Copy => return drop_for(None, Dropped::Copy),
            Decision::Unrouted => return drop_for(None, Dropped::Unrouted),
            Decision::Refused { reason, rule } => (received.topic.clone(), 1, rule, Some(reason)),
        };
        let qos = if received.qos == QoS::AtMostOnce { 0 } else { qos };
        let retain = received.retain && self.routes.retains(self.lane, rule);
        let answer = self.answer_topic(received.response_topic.as_deref());
        let message = Message::carry(received, topic, qos, retain, answer);
        let too_large = || self.routes.check_size(self.lane, &message).err();
        let refused = refused.or_else(|| too_large().map(|violation| violation.to_string()));
        if let Some(reason) = refused {
            return Prepared::Refuse(message, rule, reason);
        }
        // Rules that cannot bring a message back need no mark, and where properties get lost a mark would not help.
        if self.routes.loop_free() || !self.routes.carries_properties(self.lane) {
            return Prepared::Carry(message, rule);
        }
        match message.hop() {
            Some(message) => Prepared::Carry(message, rule),
            None => drop_for(Some(rule), Dropped::Circle),
        }
    }

    fn is_echo(&self, received: &Received) -> bool {
        if self.routes.loop_free() {
            return false;
        }
        let mut echoes = self.echoes.lock().unwrap_or_else(PoisonError::into_inner);
        echoes.came_back(&received.topic, &received.payload)
    }

    /// The topic for answers under its name at the destination. Without a rule that brings answers back it is left out:
    /// an answer there would get lost.
    fn answer_topic(&self, topic: Option<&str>) -> Option<String> {
        let topic = topic?;
        let answer = self.routes.answer_topic(self.lane, topic);
        if answer.is_none() {
            self.counters.answer_lost();
            tracing::debug!(topic, "no rule brings answers back to this topic; it is left out");
        }
        answer
    }

    async fn hand_over(&self, parcel: Parcel, in_flight: &mut InFlight) {
        let mut parcel = parcel;
        loop {
            let rule = parcel.rule;
            if self.offer(parcel, in_flight).await {
                return;
            }
            // It went nowhere, so the one behind it has its turn.
            let Some(next) = in_flight.turns.next(rule) else {
                return;
            };
            parcel = next;
        }
    }

    /// Hands a message over. False: that is all there is to it.
    async fn offer(&self, parcel: Parcel, in_flight: &mut InFlight) -> bool {
        let (message, rule) = (&parcel.message, Some(parcel.rule));
        if message.qos == 0 && in_flight.forgettable >= InFlight::FORGETTABLE {
            self.counters.dropped(rule, Dropped::Overrun);
            in_flight.forget(&parcel);
            return false;
        }
        let fate = match &self.destination {
            Destination::Broker(client) => {
                note_sent(&self.sent, &self.routes, self.lane, message);
                let publish = message.clone().into_publish();
                let receipt = if message.qos == 0 {
                    // Nobody waits for a message that may be lost: where there is no room it is.
                    client.try_publish(publish)
                } else {
                    client.publish(publish).await
                };
                receipt.map(Fate::Sent)
            }
            Destination::Store(store) => {
                let kept = store.append(self.lane, now(), message.clone()).await;
                kept.map(Fate::Kept).map_err(|_| mqttkube_mqtt::Error::Closed)
            }
        };
        match fate {
            Ok(fate) => {
                in_flight.push(parcel, fate);
                return true;
            }
            Err(mqttkube_mqtt::Error::Closed) => in_flight.forget(&parcel),
            Err(mqttkube_mqtt::Error::Full) => {
                self.counters.dropped(rule, Dropped::Overrun);
                in_flight.forget(&parcel);
            }
            Err(error) => {
                in_flight.forget(&parcel);
                self.dead_letters
                    .bury(&self.counters, rule, parcel.message, &error.to_string());
                self.acknowledge(parcel.token);
            }
        }
        false
    }

    /// Acts on a message whose fate is known.
    pub(super) async fn settle(&self, settled: Settled, in_flight: &mut InFlight) {
        let Settled(parcel, ended) = settled;
        let rule = Some(parcel.rule);
        match ended {
            Ended::Safe => {
                // What is in the store is forwarded when it leaves it.
                if matches!(self.destination, Destination::Broker(_)) {
                    self.counters.forwarded(rule);
                }
                self.acknowledge(parcel.token);
            }
            Ended::Expired => {
                self.counters.dropped(rule, Dropped::Expired);
                self.acknowledge(parcel.token);
            }
            Ended::DroppedByStore => {
                self.counters.dropped(rule, Dropped::StoreFull);
                self.acknowledge(parcel.token);
            }
            Ended::Refused(reason) => {
                self.dead_letters
                    .bury(&self.counters, rule, parcel.message, &reason);
                self.acknowledge(parcel.token);
            }
            Ended::Closed => {}
        }
        if self.routes.is_strict(parcel.rule)
            && let Some(next) = in_flight.turns.next(parcel.rule)
        {
            self.hand_over(next, in_flight).await;
        }
        self.show(in_flight);
    }

    fn show(&self, in_flight: &InFlight) {
        let oldest = in_flight.arrivals.first_key_value().map(|(_, arrived)| *arrived);
        self.counters.waiting(in_flight.len(), in_flight.bytes, oldest);
    }

    /// What is on its way has a chance to arrive.
    pub(super) fn can_settle(&self) -> bool {
        match &self.destination {
            Destination::Broker(client) => client.status().state == State::Online,
            Destination::Store(store) => !store.status().failing,
        }
    }

    fn acknowledge(&self, token: AckToken) {
        // A closed session has no use for it; the message comes again.
        let _ = self.source.ack(token);
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
