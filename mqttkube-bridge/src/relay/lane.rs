//! One way across the bridge: from the events of the source to the destination, and back with the acknowledgement.

use std::sync::{Arc, Mutex, PoisonError};

use mqttkube_mqtt::{AckToken, Client, QoS, Received, State, Subscription, Version};

use super::counters::{Counters, Dropped};
use super::dead_letters::DeadLetters;
use super::echo::Echoes;
use super::in_flight::{Ended, Fate, InFlight, Parcel, Settled, now};
use super::runtime::handled;
use super::store::Store;
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

/// What is to be done with a delivery.
enum Prepared {
    /// Send it on, by this rule.
    Carry(Message, usize),
    /// Nothing more: it was counted as dropped.
    Done,
    /// The destination would refuse it, for this reason.
    Refuse(Message, usize, String),
}

impl Way {
    /// Takes one delivery as far as it goes at once. `version` is what the source speaks.
    pub(super) async fn receive(&self, received: Received, version: Version, in_flight: &mut InFlight) {
        self.counters.received();
        handled();
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

    async fn hand_over(&self, parcel: Box<Parcel>, in_flight: &mut InFlight) {
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
    async fn offer(&self, parcel: Box<Parcel>, in_flight: &mut InFlight) -> bool {
        let (message, rule) = (&parcel.message, Some(parcel.rule));
        if message.qos == 0 && !in_flight.may_forget() {
            self.counters.dropped(rule, Dropped::Overrun);
            in_flight.forget(&parcel);
            return false;
        }
        let fate = match &self.destination {
            Destination::Broker(client) => {
                note_sent(&self.sent, &self.routes, self.lane, message);
                let publish = message.clone().into_publish();
                let receipt = match client.try_publish(publish) {
                    // Nobody waits for a message that may be lost: where there is no room it is.
                    Err(mqttkube_mqtt::Error::Full) if message.qos > 0 => {
                        client.publish(message.clone().into_publish()).await
                    }
                    other => other,
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
        handled();
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
    }

    /// Shows what waits.
    pub(super) fn show(&self, in_flight: &InFlight) {
        let (bytes, oldest) = in_flight.held();
        self.counters.waiting(in_flight.len(), bytes, oldest);
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
