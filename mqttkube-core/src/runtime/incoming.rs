//! What comes from the broker, as events of the engine.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use mqttkube_mqtt::{AckToken, Client, Received, RetainHandling, Subscription, Warning};

use super::Payloads;
use super::readback::ReadBack;
use crate::event::{Event, Message};
use crate::ids::MessageId;
use crate::plan::Plan;

/// The state of the link as health needs it, and the deliveries that are not acknowledged.
pub(super) struct Incoming {
    client: Client,
    payloads: Payloads,
    readback: ReadBack,
    tokens: HashMap<MessageId, AckToken>,
    last_id: u64,
    link: Link,
}

/// What the broker says of the connection and of the subscriptions.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    /// Why there is no connection; `None` while there is one.
    pub(super) offline: Option<String>,
    /// Filters that the broker did not answer yet on this connection.
    pub(super) asked: BTreeMap<String, ()>,
    /// Filters that the broker refused, with its reasons.
    pub(super) refused: BTreeMap<String, String>,
}

impl Incoming {
    pub(super) fn new(client: Client, plan: &Plan, payloads: Payloads) -> Self {
        let link = Link {
            offline: Some("not connected yet".to_owned()),
            ..Link::default()
        };
        Self {
            readback: ReadBack::new(plan),
            client,
            payloads,
            tokens: HashMap::new(),
            last_id: 0,
            link,
        }
    }

    /// Asks for all messages that concern the plan. The session keeps that up through every connection.
    pub(super) fn subscribe(&mut self, plan: &Plan) -> Result<(), mqttkube_mqtt::Error> {
        let mut subscriptions: Vec<Subscription> = plan.filters().iter().map(subscription).collect();
        subscriptions.extend(self.readback.subscriptions());
        self.link.asked = subscriptions.iter().map(|one| (one.filter.clone(), ())).collect();
        if subscriptions.is_empty() {
            Ok(())
        } else {
            self.client.subscribe(subscriptions)
        }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn readback(&mut self) -> &mut ReadBack {
        &mut self.readback
    }

    /// Everything that an event of the session means to the engine.
    pub(super) fn translate(&mut self, event: mqttkube_mqtt::Event, plan: &Plan) -> Vec<Event> {
        match event {
            mqttkube_mqtt::Event::Online {
                epoch,
                session_present,
                version,
                ..
            } => {
                tracing::debug!(epoch, session_present, %version, "online");
                self.tokens.clear();
                self.link.offline = None;
                self.link.refused.clear();
                self.link.asked = plan
                    .filters()
                    .iter()
                    .map(|one| (one.filter().to_string(), ()))
                    .collect();
                vec![Event::Online {
                    epoch,
                    resumed: session_present,
                }]
            }
            mqttkube_mqtt::Event::Offline { reason, kicked } => {
                if kicked {
                    tracing::error!(
                        reason,
                        "another client with our client id has taken the session over"
                    );
                }
                self.link.offline = Some(reason);
                vec![Event::Offline]
            }
            mqttkube_mqtt::Event::Message(received) => self.message(received),
            mqttkube_mqtt::Event::Subscribed { filter, result } => {
                self.answered(filter, result.map(drop));
                Vec::new()
            }
            mqttkube_mqtt::Event::Warning(warning) => {
                warn(&warning);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn answered(&mut self, filter: String, result: Result<(), String>) {
        self.link.asked.remove(&filter);
        self.readback.subscribed(&filter);
        match result {
            Ok(()) => drop(self.link.refused.remove(&filter)),
            Err(reason) => {
                tracing::error!(filter, reason, "the broker refused a subscription");
                self.link.refused.insert(filter, reason);
            }
        }
    }

    fn message(&mut self, received: Received) -> Vec<Event> {
        tracing::debug!(
            topic = received.topic,
            payload = %self.payloads.show(&received.payload),
            retain = received.retain,
            dup = received.dup,
            "message"
        );
        let mut events = Vec::new();
        if self.readback.concerns(&received) {
            events.extend(
                self.readback
                    .seen(&received)
                    .map(|topic| Event::RetainedSeen { topic }),
            );
            if self.readback.owns(&received) {
                self.send_ack(received.token);
                return events;
            }
        }
        self.last_id += 1;
        let id = MessageId(self.last_id);
        let packet_id = Some(received.packet_id).filter(|id| *id != 0);
        if packet_id.is_some() {
            self.tokens.insert(id, received.token);
        }
        events.push(Event::Message(Message {
            id,
            epoch: received.token.epoch(),
            topic: received.topic,
            payload: received.payload,
            retain: received.retain,
            dup: received.dup,
            packet_id,
            subscription_ids: received.subscription_ids,
            response_topic: received.response_topic,
            correlation_data: received.correlation_data,
            at: unix_millis(),
        }));
        events
    }

    /// The engine is done with a delivery.
    pub(super) fn ack(&mut self, id: MessageId) {
        if let Some(token) = self.tokens.remove(&id) {
            self.send_ack(token);
        }
    }

    fn send_ack(&self, token: AckToken) {
        // A session that is closed takes no acknowledgement; the broker sends the message to the next one.
        let _ = self.client.ack(token);
    }

    /// Listens to retained states no longer, once the broker has sent all of them.
    pub(super) fn finish_readback(&mut self) {
        // An error means that the session is closed.
        let _ = self.client.unsubscribe(self.readback.finish());
    }
}

fn subscription(filter: &crate::plan::Filter) -> Subscription {
    let rule = if filter.retained() {
        RetainHandling::AtSubscribe
    } else {
        RetainHandling::Never
    };
    let qos = mqttkube_mqtt::QoS::try_from(filter.qos()).unwrap_or(mqttkube_mqtt::QoS::AtLeastOnce);
    let mut subscription = Subscription::new(filter.filter().to_string())
        .qos(qos)
        .retain_handling(rule);
    subscription.id = filter.id();
    subscription
}

fn warn(warning: &Warning) {
    tracing::warn!("{warning}");
}

fn unix_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
