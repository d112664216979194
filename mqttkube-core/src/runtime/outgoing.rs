//! What goes to the broker, in order, without ever making the loop wait.

use std::collections::{BTreeMap, VecDeque};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use mqttkube_mqtt::{Client, Error, Publish, PublishError, QoS, Receipt};

use super::Payloads;
use crate::event::{self, Purpose};

/// Publishes that the session did not take yet. While there are so many, the loop takes neither messages nor changes:
/// publishers and the API server feel it, and nothing is dropped.
const ROOM: usize = 1024;

/// Topics that are remembered as refused. A broker that refuses more refuses all of a kind.
const REFUSED: usize = 64;

/// The way from the loop to the outbox of the session.
pub(super) struct Outgoing {
    client: Client,
    payloads: Payloads,
    backlog: VecDeque<Publish>,
    /// The publish that waits for room in the outbox.
    waiting: Option<BoxFuture<'static, Result<Receipt, Error>>>,
    receipts: FuturesUnordered<BoxFuture<'static, (String, Result<(), PublishError>)>>,
    waiting_topic: String,
    refused: BTreeMap<String, String>,
}

impl Outgoing {
    pub(super) fn new(client: Client, payloads: Payloads) -> Self {
        Self {
            client,
            payloads,
            backlog: VecDeque::new(),
            waiting: None,
            receipts: FuturesUnordered::new(),
            waiting_topic: String::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Whether more may be caused.
    pub(super) fn has_room(&self) -> bool {
        self.backlog.len() < ROOM
    }

    /// Whether everything was handed to the session.
    pub(super) fn is_empty(&self) -> bool {
        self.backlog.is_empty() && self.waiting.is_none()
    }

    /// Topics that the broker does not let us publish to, with its reasons.
    pub(super) fn refused(&self) -> &BTreeMap<String, String> {
        &self.refused
    }

    /// Takes a publish of the engine.
    pub(super) fn push(&mut self, publish: event::Publish) {
        tracing::debug!(
            topic = publish.topic,
            payload = %self.payloads.show(&publish.payload),
            purpose = ?publish.purpose,
            "publish"
        );
        self.backlog.push_back(to_session(publish));
        self.hand_over();
    }

    /// Hands over what can be handed over without waiting.
    fn hand_over(&mut self) {
        while self.waiting.is_none() {
            let Some(publish) = self.backlog.pop_front() else {
                return;
            };
            let topic = publish.topic.clone();
            match self.client.try_publish(publish.clone()) {
                Ok(receipt) => self.watch(topic, receipt),
                Err(Error::Full) => {
                    let client = self.client.clone();
                    self.waiting_topic = topic;
                    self.waiting = Some(Box::pin(async move { client.publish(publish).await }));
                }
                Err(error) => refuse(&mut self.refused, topic, &error),
            }
        }
    }

    fn watch(&self, topic: String, receipt: Receipt) {
        self.receipts
            .push(Box::pin(async move { (topic, receipt.await.map(drop)) }));
    }

    /// Works on what waits. Returns when something has changed; cancelling it loses nothing.
    pub(super) async fn work(&mut self) {
        tokio::select! {
            taken = async { self.waiting.as_mut().expect("guarded by the condition").await }, if self.waiting.is_some() => {
                self.waiting = None;
                let topic = std::mem::take(&mut self.waiting_topic);
                match taken {
                    Ok(receipt) => self.watch(topic, receipt),
                    Err(error) => refuse(&mut self.refused, topic, &error),
                }
                self.hand_over();
            }
            Some((topic, outcome)) = self.receipts.next() => match outcome {
                Ok(()) if self.refused.is_empty() => {}
                Ok(()) => drop(self.refused.remove(&topic)),
                // The session ended before the answer; whoever ended it knows.
                Err(PublishError::Closed) => {}
                Err(error) => refuse(&mut self.refused, topic, &error),
            },
            else => std::future::pending().await,
        }
    }
}

fn refuse(refused: &mut BTreeMap<String, String>, topic: String, error: &dyn std::error::Error) {
    tracing::warn!(topic, %error, "publish refused");
    if refused.len() < REFUSED || refused.contains_key(&topic) {
        refused.insert(topic, error.to_string());
    }
}

fn to_session(publish: event::Publish) -> Publish {
    let mut to = Publish::new(publish.topic, publish.payload);
    to.qos = QoS::try_from(publish.qos).unwrap_or(QoS::AtLeastOnce);
    to.retain = publish.retain;
    // Of a state only the newest value matters, retained or not.
    to.newest_wins = matches!(publish.purpose, Purpose::State | Purpose::Clear);
    to.correlation_data = publish.correlation_data;
    to
}
