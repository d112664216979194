//! From the store to the destination.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use mqttkube_mqtt::{Client, Delivery, PublishError, Receipt, State};

use super::counters::{Counters, Dropped};
use super::dead_letters::DeadLetters;
use super::in_flight::now;
use super::lane::{SharedEchoes, note_sent};
use super::run::LAST_MESSAGES;
use super::store::{Store, StoreError, Stored};
use super::turns::Turns;
use super::{Lane, Message, Routes};

/// The most messages on their way to the destination at once.
const WINDOW: usize = 256;

/// The pause before a read that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Takes the messages of one lane out of the store, in order.
pub(super) struct Drain {
    pub(super) lane: Lane,
    pub(super) routes: Arc<Routes>,
    pub(super) store: Store,
    pub(super) destination: Client,
    pub(super) dead_letters: DeadLetters,
    pub(super) counters: Arc<Counters>,
    /// What was published at the destination, and may be sent back by it.
    pub(super) sent: SharedEchoes,
}

/// A message out of the store.
struct Item {
    sequence: u64,
    arrived: u64,
    message: Message,
    rule: Option<usize>,
}

struct Sending {
    item: Option<Item>,
    receipt: Receipt,
}

impl Future for Sending {
    type Output = (Item, Result<Delivery, PublishError>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(outcome) = Pin::new(&mut self.receipt).poll(cx) else {
            return Poll::Pending;
        };
        let item = self.item.take().expect("a future is not polled after its end");
        Poll::Ready((item, outcome))
    }
}

/// What is on its way, or waits for its turn.
#[derive(Default)]
struct Busy {
    sending: FuturesUnordered<Sending>,
    turns: Turns<Item>,
}

impl Busy {
    fn len(&self) -> usize {
        self.sending.len() + self.turns.len()
    }
}

impl Drain {
    /// Runs until `stop` is ready or the store or session is closed. What is not acknowledged by then stays in the store.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut busy = Busy::default();
        let stopped = {
            let mut stop = pin!(stop);
            tokio::select! {
                () = &mut stop => true,
                _ = self.carry(&mut busy) => false,
            }
        };
        if stopped {
            // A message that arrives now and stays in the store would come twice.
            let finish = async {
                while self.destination.status().state == State::Online
                    && let Some((item, outcome)) = busy.sending.next().await
                {
                    if self.arrived(item, outcome).await.is_err() {
                        return;
                    }
                }
            };
            let _ = tokio::time::timeout(LAST_MESSAGES, finish).await;
        }
    }

    async fn carry(&mut self, busy: &mut Busy) -> Result<(), StoreError> {
        // The store may hold messages that were not read yet, or it could not be read.
        let (mut more, mut failing) = (true, false);
        let mut last = None;
        loop {
            let room = WINDOW.saturating_sub(busy.len());
            // A read waits for the disk; it is made for many messages or for none.
            if more && room >= WINDOW / 2 {
                let found = self.store.read(self.lane, last, room).await;
                failing = found.is_err();
                match found {
                    Ok(found) => {
                        more = found.len() == room;
                        for stored in found {
                            last = Some(stored.sequence);
                            self.take(stored, busy).await?;
                        }
                        if more && busy.len() <= WINDOW / 2 {
                            continue; // their lives were over, or the destination had no use for them
                        }
                    }
                    Err(StoreError::Closed) => return Err(StoreError::Closed),
                    Err(error) => {
                        more = false;
                        tracing::warn!(%error, "the outbox cannot be read; trying again");
                    }
                }
            }
            tokio::select! {
                Some((item, outcome)) = busy.sending.next() => self.settle(item, outcome, busy).await?,
                changed = self.store.changed(), if !more => { changed?; more = true; }
                () = tokio::time::sleep(AGAIN), if failing => more = true,
            }
        }
    }

    async fn take(&self, stored: Stored, busy: &mut Busy) -> Result<(), StoreError> {
        let Stored {
            sequence,
            arrived,
            message,
        } = stored;
        let rule = self.routes.rule_of(self.lane, &message.topic);
        let item = Item {
            sequence,
            arrived,
            message,
            rule,
        };
        match rule.filter(|rule| self.routes.is_strict(*rule)) {
            Some(rule) => match busy.turns.ask(rule, item) {
                Some(item) => self.send(item, busy).await,
                None => Ok(()),
            },
            None => self.send(item, busy).await,
        }
    }

    async fn send(&self, item: Item, busy: &mut Busy) -> Result<(), StoreError> {
        let mut next = Some(item);
        while let Some(item) = next {
            let rule = item.rule;
            if self.offer(item, busy).await? {
                return Ok(());
            }
            // It went nowhere, so the one behind it has its turn.
            next = rule.and_then(|rule| busy.turns.next(rule));
        }
        Ok(())
    }

    /// Hands a message over. False: that is all there is to it.
    async fn offer(&self, item: Item, busy: &Busy) -> Result<bool, StoreError> {
        let Item {
            sequence,
            arrived,
            message,
            rule,
        } = item;
        let waited = now().saturating_sub(arrived) / 1_000;
        let Some(message) = message.aged(waited) else {
            self.counters.dropped(rule, Dropped::Expired);
            self.store.remove(self.lane, sequence).await?;
            return Ok(false);
        };
        let item = Item {
            sequence,
            arrived,
            message,
            rule,
        };
        note_sent(&self.sent, &self.routes, self.lane, &item.message);
        match self
            .destination
            .publish(item.message.clone().into_publish())
            .await
        {
            Ok(receipt) => {
                busy.sending.push(Sending {
                    item: Some(item),
                    receipt,
                });
                Ok(true)
            }
            Err(mqttkube_mqtt::Error::Closed) => Err(StoreError::Closed),
            Err(error) => {
                self.dead_letters
                    .bury(&self.counters, item.rule, item.message, &error.to_string());
                self.store.remove(self.lane, item.sequence).await?;
                Ok(false)
            }
        }
    }

    async fn settle(
        &self,
        item: Item,
        outcome: Result<Delivery, PublishError>,
        busy: &mut Busy,
    ) -> Result<(), StoreError> {
        let rule = item.rule;
        self.arrived(item, outcome).await?;
        match rule.and_then(|rule| busy.turns.next(rule)) {
            Some(next) => self.send(next, busy).await,
            None => Ok(()),
        }
    }

    async fn arrived(&self, item: Item, outcome: Result<Delivery, PublishError>) -> Result<(), StoreError> {
        match outcome {
            Ok(Delivery::Expired) => self.counters.dropped(item.rule, Dropped::Expired),
            Ok(_) => self.counters.forwarded(item.rule),
            Err(PublishError::Closed) => return Err(StoreError::Closed),
            Err(error) => {
                self.dead_letters
                    .bury(&self.counters, item.rule, item.message, &error.to_string());
            }
        }
        self.store.remove(self.lane, item.sequence).await
    }
}
