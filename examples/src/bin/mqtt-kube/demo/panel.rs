//! The switch and the lamp on the wall: an MQTT client like any other.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use mqttkube_mqtt::{Client, Event, Events, Options, Publish, Subscription};
use tokio::time::timeout;

use super::PATIENCE;

/// A client of the demo's broker that knows the last message of every topic.
pub(super) struct Panel {
    client: Client,
    events: Events,
    last: BTreeMap<String, String>,
}

impl Panel {
    /// Connects and asks for everything.
    pub(super) async fn connect(port: u16) -> Result<Self> {
        let options = Options::builder("127.0.0.1", "panel")
            .port(port)
            .session_expiry(Duration::ZERO)
            .build()?;
        let (client, events) = mqttkube_mqtt::connect(options);
        client.subscribe(vec![Subscription::new("#")])?;
        Ok(Self {
            client,
            events,
            last: BTreeMap::new(),
        })
    }

    /// Waits until the last message of a topic is `payload`.
    pub(super) async fn expect(&mut self, topic: &str, payload: &str) -> Result<()> {
        let wait = async {
            while self.last.get(topic).is_none_or(|last| last != payload) {
                let event = self
                    .events
                    .next()
                    .await
                    .context("the session of the panel ended")?;
                if let Event::Message(message) = event {
                    self.client.ack(message.token)?;
                    let text = String::from_utf8_lossy(&message.payload).into_owned();
                    self.last.insert(message.topic, text);
                }
            }
            anyhow::Ok(())
        };
        let waited = timeout(PATIENCE, wait).await;
        let last = self.last.get(topic);
        waited.with_context(|| format!("{topic} should be {payload:?}, and is {last:?}"))?
    }

    /// Publishes and waits until the broker has the message.
    pub(super) async fn publish(&self, topic: &str, payload: &str) -> Result<()> {
        let receipt = self
            .client
            .publish(Publish::new(topic, payload.to_owned()))
            .await?;
        let taken = timeout(PATIENCE, receipt)
            .await
            .context("the broker does not answer")?;
        ensure!(taken.is_ok(), "the broker refused the command: {taken:?}");
        Ok(())
    }

    pub(super) async fn close(self) {
        self.client.close(Duration::from_secs(1)).await;
    }
}
