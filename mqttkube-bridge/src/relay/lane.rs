//! One way across the bridge: from the events of the source to the destination, and back with the acknowledgement.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::stream::{FuturesUnordered, StreamExt as _};
use mqttkube_mqtt::{AckToken, Client, Publish, PublishError, QoS, Receipt, Received, Subscription};

use super::counters::{Counters, Dropped};
use super::store::{Appended, Keeping, Store, StoreError};
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
    pub(super) async fn bury(&self, counters: &Counters, message: Message, reason: &str) {
        counters.dropped(Dropped::Poison);
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

/// A message that is on its way to safety.
struct Pending {
    token: AckToken,
    message: Message,
    fate: Fate,
}

enum Fate {
    Sent(Receipt),
    Kept(Keeping),
}

/// How a message ended.
enum Ended {
    Safe,
    DroppedByStore,
    Refused(String),
    /// The session or the store was closed: it stays unacknowledged, and its source sends it again.
    Closed,
}

impl Future for Pending {
    type Output = (AckToken, Message, Ended);

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
        let message = std::mem::replace(&mut self.message, Message::new(String::new(), Vec::new()));
        Poll::Ready((self.token, message, ended))
    }
}

fn sent(outcome: Result<mqttkube_mqtt::Delivery, PublishError>) -> Ended {
    match outcome {
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
    /// Send it on.
    Carry(Message),
    /// Nothing more: it was counted as dropped.
    Done,
    /// The destination would refuse it, for this reason.
    Refuse(Message, String),
}

/// The messages of one lane that are not safe yet.
#[derive(Default)]
pub(super) struct InFlight(FuturesUnordered<Pending>);

impl InFlight {
    /// The next message whose fate is known; none while there are none.
    async fn next(&mut self) -> Option<(AckToken, Message, Ended)> {
        self.0.next().await
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Way {
    /// Takes one delivery as far as it goes at once.
    pub(super) async fn receive(&self, received: Received, in_flight: &InFlight) {
        self.counters.received();
        let token = received.token;
        match self.prepare(received) {
            Prepared::Carry(message) => self.hand_over(token, message, in_flight).await,
            Prepared::Done => self.acknowledge(token),
            Prepared::Refuse(message, reason) => {
                self.dead_letters.bury(&self.counters, message, &reason).await;
                self.acknowledge(token);
            }
        }
    }

    /// The message under its new name, if it is to go on.
    fn prepare(&self, received: Received) -> Prepared {
        let drop_for = |reason| {
            self.counters.dropped(reason);
            Prepared::Done
        };
        let decision = self.routes.decide(
            self.lane,
            &received.topic,
            &received.subscription_ids,
            &self.subscriptions,
        );
        let (topic, qos, refused) = match decision {
            Decision::Forward { topic, qos } => (topic, qos, None),
            Decision::Copy => return drop_for(Dropped::Copy),
            Decision::Unrouted => return drop_for(Dropped::Unrouted),
            Decision::Refused(reason) => (received.topic.clone(), 1, Some(reason)),
        };
        let qos = if received.qos == QoS::AtMostOnce { 0 } else { qos };
        let retain = received.retain && self.routes.retains(self.lane);
        let answer = received
            .response_topic
            .as_deref()
            .and_then(|topic| self.routes.answer_topic(self.lane, topic));
        let message = Message::carry(received, topic, qos, retain, answer);
        let too_large = self
            .routes
            .check_size(self.lane, &message)
            .err()
            .map(|violation| violation.to_string());
        match refused.or(too_large) {
            Some(reason) => Prepared::Refuse(message, reason),
            None => message
                .hop()
                .map_or_else(|| drop_for(Dropped::Circle), Prepared::Carry),
        }
    }

    async fn hand_over(&self, token: AckToken, message: Message, in_flight: &InFlight) {
        let fate = match &self.destination {
            Destination::Broker(client) if message.qos == 0 => {
                // Nobody waits for a message that may be lost: where there is no room it is.
                match client.try_publish(message.clone().into_publish()) {
                    Ok(receipt) => Fate::Sent(receipt),
                    Err(_) => return self.counters.dropped(Dropped::Overrun),
                }
            }
            Destination::Broker(client) => match client.publish(message.clone().into_publish()).await {
                Ok(receipt) => Fate::Sent(receipt),
                Err(mqttkube_mqtt::Error::Closed) => return,
                Err(error) => {
                    self.dead_letters
                        .bury(&self.counters, message, &error.to_string())
                        .await;
                    return self.acknowledge(token);
                }
            },
            Destination::Store(store) => match store.append(self.lane, now(), message.clone()).await {
                Ok(keeping) => Fate::Kept(keeping),
                Err(_) => return,
            },
        };
        in_flight.0.push(Pending { token, message, fate });
    }

    /// Waits for the next message whose fate is known, and acts on it.
    pub(super) async fn settle(&self, in_flight: &mut InFlight) {
        let Some((token, message, ended)) = in_flight.next().await else {
            return;
        };
        match ended {
            Ended::Safe => {
                // What is in the store is forwarded when it leaves it.
                if matches!(self.destination, Destination::Broker(_)) {
                    self.counters.forwarded();
                }
                self.acknowledge(token);
            }
            Ended::DroppedByStore => {
                self.counters.dropped(Dropped::StoreFull);
                self.acknowledge(token);
            }
            Ended::Refused(reason) => {
                self.dead_letters.bury(&self.counters, message, &reason).await;
                self.acknowledge(token);
            }
            Ended::Closed => {}
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
