//! Requests on their way from clients to the session.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::event::AckToken;
use crate::message::{Publish, Subscription};
use crate::receipt::Ticket;

/// A request to the session.
#[derive(Debug)]
pub(crate) enum Command {
    Publish(Arc<Publish>, Ticket),
    Subscribe(Vec<Subscription>),
    Unsubscribe(Vec<String>),
    Ack(AckToken),
    Close { grace: Duration },
}

/// The session's end of the channels. Requests other than publishes come first; there are never many: acknowledgements
/// are bounded by what the broker may send, the rest by the program's configuration.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) requests: mpsc::UnboundedReceiver<Command>,
    pub(crate) publishes: mpsc::Receiver<Command>,
}

impl Inbox {
    /// The next request; none when every client is gone.
    pub(crate) async fn next(&mut self) -> Option<Command> {
        poll_fn(|cx| {
            let request = self.requests.poll_recv(cx);
            if let Poll::Ready(Some(_)) = request {
                return request;
            }
            // Both ends are with the client: when one is gone, so is the other once it is empty.
            self.publishes.poll_recv(cx)
        })
        .await
    }

    /// The next request, if one waits.
    pub(crate) fn try_next(&mut self) -> Option<Command> {
        self.requests
            .try_recv()
            .ok()
            .or_else(|| self.publishes.try_recv().ok())
    }

    /// Takes no more, and returns what was on its way.
    pub(crate) fn close(&mut self) -> Vec<Command> {
        self.requests.close();
        self.publishes.close();
        let mut rest = Vec::new();
        while let Ok(command) = self.publishes.try_recv() {
            rest.push(command);
        }
        while let Ok(command) = self.requests.try_recv() {
            rest.push(command);
        }
        rest
    }
}
