//! The control consumer: one persistent session over many connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Message, Options, Probe};

/// A consumer that keeps its session over every fault of the broker: what it received, anybody with the same
/// options could have received. It ends when it is dropped; its session stays.
#[derive(Debug)]
pub struct Consumer {
    received: Arc<Mutex<Vec<Message>>>,
    connections: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Consumer {
    /// Starts consuming; `options` must name a client id and a session expiry. Returns when the
    /// subscriptions stand.
    ///
    /// # Panics
    /// When the broker does not accept them within two minutes: a broker may be busy with a storm.
    pub async fn start(address: SocketAddr, options: Options, filters: &[&str]) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let (connected, mut connections) = watch::channel(0);
        let filters: Vec<_> = filters.iter().map(|filter| (*filter).to_owned()).collect();
        let task = tokio::spawn(consume(address, options, filters, received.clone(), connected));
        let ready = connections.wait_for(|count| *count > 0);
        let ready = tokio::time::timeout(Duration::from_secs(120), ready)
            .await
            .is_ok_and(|ready| ready.is_ok());
        assert!(ready, "the control consumer does not get connected");
        Self {
            received,
            connections,
            task,
        }
    }

    /// Everything that was received, with repetitions, in the order of arrival.
    pub fn messages(&self) -> Vec<Message> {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was received after the first `count` messages.
    pub fn messages_after(&self, count: usize) -> Vec<Message> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.get(count..).unwrap_or_default().to_vec()
    }

    /// How many messages were received, with repetitions.
    pub fn count(&self) -> usize {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How often it has connected.
    pub fn connections(&self) -> usize {
        *self.connections.borrow()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn consume(
    address: SocketAddr,
    options: Options,
    filters: Vec<String>,
    received: Arc<Mutex<Vec<Message>>>,
    connected: watch::Sender<usize>,
) {
    loop {
        if let Ok(probe) = Probe::connect(address, options.clone()).await {
            let subscribed = async {
                for filter in filters.iter().filter(|_| !probe.session_present()) {
                    probe.subscribe(filter, 1).await?;
                }
                anyhow::Ok(())
            };
            if subscribed.await.is_ok() {
                connected.send_modify(|count| *count += 1);
                drain(&probe, &received).await;
            }
            // What came before a failed subscription is acknowledged, so it counts.
            take(&probe, &received);
        }
        // A broker that is down refuses at once.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Takes over what the probe receives until its connection ends.
async fn drain(probe: &Probe, received: &Mutex<Vec<Message>>) {
    let mut changed = probe.shared.changed.subscribe();
    while !take(probe, received) && changed.changed().await.is_ok() {}
}

/// Takes over what the probe has received, and says whether its connection has ended.
fn take(probe: &Probe, received: &Mutex<Vec<Message>>) -> bool {
    let mut state = probe.shared.state();
    received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .append(&mut state.messages);
    state.end.is_some()
}
