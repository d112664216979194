//! The messages of a lane from their arrival until they are safe.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::stream::{FuturesUnordered, StreamExt as _};
use mqttkube_mqtt::{AckToken, Delivery, PublishError, Receipt};

use super::Message;
use super::store::{Appended, Keeping, StoreError};
use super::turns::Turns;

/// A message, the rule that took it and the right to acknowledge it.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) token: AckToken,
    pub(super) rule: usize,
    pub(super) message: Message,
    /// Position in the order of arrival, and when that was.
    arrived: (u64, u64),
}

/// A message that is on its way to safety.
struct Pending {
    parcel: Option<Box<Parcel>>,
    fate: Fate,
}

pub(super) enum Fate {
    Sent(Receipt),
    Kept(Keeping),
}

/// How a message ended.
pub(super) enum Ended {
    Safe,
    Expired,
    DroppedByStore,
    Refused(String),
    /// The session or the store was closed: it stays unacknowledged, and its source sends it again.
    Closed,
}

impl Future for Pending {
    type Output = (Box<Parcel>, Ended);

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
        let parcel = self.parcel.take().expect("a future is not polled after its end");
        Poll::Ready((parcel, ended))
    }
}

fn sent(outcome: Result<Delivery, PublishError>) -> Ended {
    match outcome {
        Ok(Delivery::Expired) => Ended::Expired,
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

/// The messages of one lane that are not safe yet.
#[derive(Default)]
pub(super) struct InFlight {
    pending: FuturesUnordered<Pending>,
    pub(super) turns: Turns<Box<Parcel>>,
    /// Those at QoS 0 among the pending ones.
    forgettable: usize,
    bytes: u64,
    /// When each arrived, the oldest first.
    arrivals: BTreeMap<u64, u64>,
    next: u64,
}

/// A message whose fate is known.
pub(super) struct Settled(pub(super) Box<Parcel>, pub(super) Ended);

impl InFlight {
    /// The most messages at QoS 0 that wait at once; more are dropped. Nobody waits for them, and they must not take the
    /// room of those that somebody waits for.
    const FORGETTABLE: usize = 256;

    /// The next message whose fate is known; none while there are none.
    pub(super) async fn next(&mut self) -> Option<Settled> {
        let (parcel, ended) = self.pending.next().await?;
        self.forgettable -= usize::from(parcel.message.qos == 0);
        self.bytes -= parcel.message.weight();
        self.arrivals.remove(&parcel.arrived.0);
        Some(Settled(parcel, ended))
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.turns.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// There is room for one more at QoS 0.
    pub(super) const fn may_forget(&self) -> bool {
        self.forgettable < Self::FORGETTABLE
    }

    /// Bytes of all of them, and when the oldest arrived.
    pub(super) fn held(&self) -> (u64, Option<u64>) {
        let oldest = self.arrivals.first_key_value().map(|(_, arrived)| *arrived);
        (self.bytes, oldest)
    }

    pub(super) fn arrive(&mut self, token: AckToken, rule: usize, message: Message) -> Box<Parcel> {
        let arrived = (self.next, now());
        self.next += 1;
        self.arrivals.insert(arrived.0, arrived.1);
        self.bytes += message.weight();
        Box::new(Parcel {
            token,
            rule,
            message,
            arrived,
        })
    }

    pub(super) fn forget(&mut self, parcel: &Parcel) {
        self.bytes -= parcel.message.weight();
        self.arrivals.remove(&parcel.arrived.0);
    }

    pub(super) fn push(&mut self, parcel: Box<Parcel>, fate: Fate) {
        self.forgettable += usize::from(parcel.message.qos == 0);
        self.pending.push(Pending {
            parcel: Some(parcel),
            fate,
        });
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
