//! The house: a client of the local broker like any other.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use mqttkube_mqtt::{Client, Event, Events, Options, Publish, Subscription};
use mqttkube_tests::fake_cloud::{Ledger, Tally};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::PATIENCE;

const READINGS: &str = "home/readings/cellar";
const COMMANDS: &str = "home/commands/heating";

/// A client that sends readings and counts commands.
pub(super) struct House {
    client: Client,
    seen: Arc<Seen>,
    listening: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    commands: Mutex<Ledger>,
    /// How often the local broker was away.
    disconnections: Mutex<u64>,
}

impl House {
    /// Connects and asks for commands.
    pub(super) async fn connect(broker: SocketAddr) -> Result<Self> {
        let options = Options::builder("127.0.0.1", "house").port(broker.port());
        let (client, events) = mqttkube_mqtt::connect(options.build()?);
        client.subscribe(vec![Subscription::new(COMMANDS)])?;
        let seen = Arc::new(Seen::default());
        let (subscribed, ready) = oneshot::channel();
        let listening = tokio::spawn(listen(client.clone(), events, seen.clone(), subscribed));
        let granted = timeout(PATIENCE, ready)
            .await
            .context("the local broker does not answer")??;
        ensure!(granted, "the local broker refuses the house");
        Ok(Self {
            client,
            seen,
            listening,
        })
    }

    /// Publishes a numbered reading and waits until the local broker has it.
    pub(super) async fn report(&self, number: u64) -> Result<()> {
        let reading = Publish::new(READINGS, number.to_string());
        let receipt = self.client.publish(reading).await?;
        let taken = timeout(PATIENCE, receipt)
            .await
            .context("the local broker does not answer")?;
        ensure!(taken.is_ok(), "the local broker refused a reading: {taken:?}");
        Ok(())
    }

    /// The commands that have come.
    pub(super) fn arrived(&self) -> Tally {
        lock(&self.seen.commands).total()
    }

    /// How often the local broker was away.
    pub(super) fn disconnections(&self) -> u64 {
        *lock(&self.seen.disconnections)
    }

    pub(super) async fn close(self) -> Result<()> {
        self.client.close(Duration::from_secs(1)).await;
        Ok(self.listening.await?)
    }
}

/// Takes in what comes until the session ends.
async fn listen(client: Client, mut events: Events, seen: Arc<Seen>, subscribed: oneshot::Sender<bool>) {
    let mut subscribed = Some(subscribed);
    while let Some(event) = events.next().await {
        match event {
            Event::Message(message) => {
                lock(&seen.commands).note(COMMANDS, &message.payload);
                // A closed session has no use for it.
                let _ = client.ack(message.token);
            }
            Event::Subscribed { result, .. } => {
                if let Some(subscribed) = subscribed.take() {
                    let _ = subscribed.send(result.is_ok());
                }
            }
            Event::Offline { .. } => *lock(&seen.disconnections) += 1,
            _ => {}
        }
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
