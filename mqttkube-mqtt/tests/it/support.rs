//! Brokers and a fault proxy, and waiting without sleeping.

pub(crate) mod embedded;
pub(crate) mod mosquitto;
pub(crate) mod proxy;
pub(crate) mod scripted;

use std::time::Duration;

use mqttkube_mqtt::{
    Client, Event, Events, Options, OptionsBuilder, Publish, Receipt, Received, Reconnect, Warning, connect,
};
use tokio::time::timeout;

/// Nothing in these tests takes longer, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Options that reconnect quickly.
pub(crate) fn quick(port: u16, client_id: &str) -> OptionsBuilder {
    let reconnect = Reconnect {
        min: Duration::from_millis(10),
        max: Duration::from_millis(50),
        after_takeover: Duration::from_secs(60),
    };
    Options::builder("127.0.0.1", client_id)
        .port(port)
        .reconnect(reconnect)
}

/// A session and what it reported so far.
pub(crate) struct Watched {
    pub(crate) client: Client,
    events: Events,
}

impl Watched {
    pub(crate) fn start(options: OptionsBuilder) -> Self {
        let (client, events) = connect(options.build().expect("the options are sound"));
        Self { client, events }
    }

    /// Publishes; the session must not be closed yet.
    pub(crate) async fn publish(&self, publish: Publish) -> Receipt {
        self.client.publish(publish).await.expect("the session is open")
    }

    /// The next event that `pick` accepts; others are dropped.
    pub(crate) async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.next().await.expect("the session runs");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"))
    }

    /// Epoch and whether the session was kept.
    pub(crate) async fn online(&mut self) -> (u64, bool) {
        self.until("connection", |event| match event {
            Event::Online {
                epoch,
                session_present,
                ..
            } => Some((epoch, session_present)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn offline(&mut self) -> (String, bool) {
        self.until("loss", |event| match event {
            Event::Offline { reason, kicked } => Some((reason, kicked)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn subscribed(&mut self) -> (String, Result<mqttkube_mqtt::QoS, String>) {
        self.until("answer to a subscription", |event| match event {
            Event::Subscribed { filter, result } => Some((filter, result)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn message(&mut self) -> Received {
        self.until("message", |event| match event {
            Event::Message(message) => Some(message),
            _ => None,
        })
        .await
    }

    pub(crate) async fn warning(&mut self) -> Warning {
        self.until("warning", |event| match event {
            Event::Warning(warning) => Some(warning),
            _ => None,
        })
        .await
    }
}
