//! What becomes of a publish, and the two ends of the news: the receipt of the caller and the ticket of the session.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::error::PublishError;

/// How a publish ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// The broker acknowledged it (PUBACK or PUBCOMP).
    Acknowledged,
    /// QoS 0: it was handed to the connection. Nobody will say whether it arrived.
    Sent,
    /// A newer publish of the same topic took its place before it was sent.
    Superseded,
    /// Its message expiry had passed before it could be sent.
    Expired,
}

pub(crate) type Outcome = Result<Delivery, PublishError>;

/// Resolves when the fate of a publish is known, however many connections that takes. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "a receipt tells whether the broker took the message; drop it if that does not matter"]
pub struct Receipt(oneshot::Receiver<Outcome>);

impl Future for Receipt {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|answer| answer.unwrap_or(Err(PublishError::Closed)))
    }
}

/// What the session keeps for the one who waits for a receipt.
#[derive(Debug)]
pub(crate) struct Ticket {
    receipt: oneshot::Sender<Outcome>,
    /// A place in the outbox, given back when the ticket is resolved.
    _place: Option<OwnedSemaphorePermit>,
}

impl Ticket {
    /// A ticket and the receipt for it. The place is none for what needs no room.
    pub(crate) fn new(place: Option<OwnedSemaphorePermit>) -> (Self, Receipt) {
        let (receipt, answer) = oneshot::channel();
        let ticket = Self {
            receipt,
            _place: place,
        };
        (ticket, Receipt(answer))
    }

    /// For the session's own publishes.
    pub(crate) fn unwatched() -> Self {
        Self::new(None).0
    }

    pub(crate) fn resolve(self, outcome: Outcome) {
        // Nobody waiting is fine.
        let _ = self.receipt.send(outcome);
    }
}
