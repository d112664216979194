//! From the store to the destination.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{FuturesUnordered, StreamExt as _};
use mqttkube_mqtt::{Client, PublishError, Receipt};

use super::counters::{Counters, Dropped};
use super::lane::{DeadLetters, now};
use super::store::{Store, StoreError, Stored};
use super::{Lane, Message};

/// The most messages on their way to the destination at once.
const WINDOW: usize = 256;

/// Takes the messages of one lane out of the store, in order.
pub(super) struct Drain {
    pub(super) lane: Lane,
    pub(super) store: Store,
    pub(super) destination: Client,
    pub(super) dead_letters: DeadLetters,
    pub(super) counters: Arc<Counters>,
}

struct Sending {
    sequence: u64,
    message: Message,
    receipt: Receipt,
}

impl Future for Sending {
    type Output = (u64, Message, Result<(), PublishError>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(outcome) = Pin::new(&mut self.receipt).poll(cx) else {
            return Poll::Pending;
        };
        let message = std::mem::replace(&mut self.message, Message::new(String::new(), Vec::new()));
        Poll::Ready((self.sequence, message, outcome.map(|_| ())))
    }
}

impl Drain {
    /// Runs until `stop` is ready or the store or session is closed. What is not acknowledged by then stays in the store.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut sending: FuturesUnordered<Sending> = FuturesUnordered::new();
        let mut last = None;
        loop {
            let room = WINDOW - sending.len();
            if room > 0 {
                match self.store.read(self.lane, last, room).await {
                    Ok(found) => {
                        for stored in found {
                            last = Some(stored.sequence);
                            if self.send(stored, &sending).await.is_err() {
                                return;
                            }
                        }
                    }
                    Err(StoreError::Closed) => return,
                    Err(error) => tracing::warn!(%error, "the outbox cannot be read; trying again"),
                }
            }
            tokio::select! {
                () = &mut stop => return,
                Some((sequence, message, outcome)) = sending.next() => {
                    if self.arrived(sequence, message, outcome).await.is_err() {
                        return;
                    }
                }
                changed = self.store.changed(), if sending.len() < WINDOW => if changed.is_err() { return },
            }
        }
    }

    async fn send(&self, stored: Stored, sending: &FuturesUnordered<Sending>) -> Result<(), StoreError> {
        let Stored {
            sequence,
            arrived,
            message,
        } = stored;
        let waited = now().saturating_sub(arrived) / 1_000;
        let Some(message) = message.aged(waited) else {
            self.counters.dropped(Dropped::Expired);
            return self.store.remove(self.lane, sequence).await;
        };
        match self.destination.publish(message.clone().into_publish()).await {
            Ok(receipt) => {
                sending.push(Sending {
                    sequence,
                    message,
                    receipt,
                });
                Ok(())
            }
            Err(mqttkube_mqtt::Error::Closed) => Err(StoreError::Closed),
            Err(error) => {
                self.dead_letters
                    .bury(&self.counters, message, &error.to_string())
                    .await;
                self.store.remove(self.lane, sequence).await
            }
        }
    }

    async fn arrived(
        &self,
        sequence: u64,
        message: Message,
        outcome: Result<(), PublishError>,
    ) -> Result<(), StoreError> {
        match outcome {
            Ok(()) => self.counters.forwarded(),
            Err(PublishError::Closed) => return Err(StoreError::Closed),
            Err(error) => {
                self.dead_letters
                    .bury(&self.counters, message, &error.to_string())
                    .await;
            }
        }
        self.store.remove(self.lane, sequence).await
    }
}
