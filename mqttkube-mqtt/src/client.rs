//! The caller's side of a session.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::event::AckToken;
use crate::inbox::{Command, Inbox};
use crate::message::{Publish, Subscription, check_topic};
use crate::options::Options;
use crate::receipt::{Receipt, Ticket};
use crate::reports::{Events, reports};
use crate::session::Session;
use crate::status::{State, Status};

#[derive(Debug)]
struct Shared {
    requests: mpsc::UnboundedSender<Command>,
    publishes: mpsc::Sender<Command>,
    places: Arc<Semaphore>,
    status: watch::Receiver<Status>,
    max_publish: usize,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// A handle to the session. Clones talk to the same one; when all are gone the session says goodbye and ends.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

impl Client {
    /// Publishes a message; returns when it has its place in the outbox, which waits while that is full. The receipt
    /// then tells how it ended. A publish where the newest wins never waits for room.
    ///
    /// # Errors
    /// [`Error::Topic`] and [`Error::TooLarge`] for what no broker could take, [`Error::Closed`] after [`Client::close`].
    pub async fn publish(&self, publish: Publish) -> Result<Receipt, Error> {
        self.check(&publish)?;
        let place = if publish.newest_wins {
            None
        } else {
            Some(
                self.0
                    .places
                    .clone()
                    .acquire_owned()
                    .await
                    .map_err(|_| Error::Closed)?,
            )
        };
        let (ticket, receipt) = Ticket::new(place);
        let command = Command::Publish(Arc::new(publish), ticket);
        self.0.publishes.send(command).await.map_err(|_| Error::Closed)?;
        Ok(receipt)
    }

    /// Publishes a message without waiting.
    ///
    /// # Errors
    /// As [`Client::publish`], and [`Error::Full`] where that would wait.
    pub fn try_publish(&self, publish: Publish) -> Result<Receipt, Error> {
        self.check(&publish)?;
        let place = if publish.newest_wins {
            None
        } else {
            Some(
                self.0
                    .places
                    .clone()
                    .try_acquire_owned()
                    .map_err(|_| self.full_or_closed())?,
            )
        };
        let (ticket, receipt) = Ticket::new(place);
        let command = Command::Publish(Arc::new(publish), ticket);
        self.0
            .publishes
            .try_send(command)
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => Error::Full,
                mpsc::error::TrySendError::Closed(_) => Error::Closed,
            })?;
        Ok(receipt)
    }

    fn check(&self, publish: &Publish) -> Result<(), Error> {
        check_topic(&publish.topic)?;
        let (size, limit) = (publish.payload.len(), self.0.max_publish);
        if size > limit {
            return Err(Error::TooLarge {
                topic: publish.topic.clone(),
                size,
                limit,
            });
        }
        Ok(())
    }

    fn full_or_closed(&self) -> Error {
        if self.0.places.is_closed() {
            Error::Closed
        } else {
            Error::Full
        }
    }

    /// Listens to these filters, now and after every reconnect; a filter that is already there gets the new settings.
    /// The broker's answers come as [`Event::Subscribed`](crate::Event::Subscribed).
    ///
    /// # Errors
    /// [`Error::SharedId`] if two filters of the list share an identifier, [`Error::Closed`] after [`Client::close`].
    pub fn subscribe(&self, subscriptions: Vec<Subscription>) -> Result<(), Error> {
        let mut owners = std::collections::HashMap::new();
        for subscription in &subscriptions {
            let owner = owners.insert(subscription.id, &subscription.filter);
            if let Some(first) = owner.filter(|first| **first != subscription.filter) {
                let (first, second) = (first.clone(), subscription.filter.clone());
                return Err(Error::SharedId {
                    first,
                    second,
                    id: subscription.id,
                });
            }
        }
        self.request(Command::Subscribe(subscriptions))
    }

    /// Listens to these filters no longer.
    ///
    /// # Errors
    /// [`Error::Closed`] after [`Client::close`].
    pub fn unsubscribe(&self, filters: Vec<String>) -> Result<(), Error> {
        self.request(Command::Unsubscribe(filters))
    }

    /// The work on a message is done: the broker may forget it. Acknowledgements leave in the order in which the
    /// messages came; one from an earlier connection is dropped, because the broker sends that message again.
    ///
    /// # Errors
    /// [`Error::Closed`] after [`Client::close`].
    pub fn ack(&self, token: AckToken) -> Result<(), Error> {
        if token.sequence.is_none() {
            return Ok(());
        }
        self.request(Command::Ack(token))
    }

    fn request(&self, command: Command) -> Result<(), Error> {
        self.0.requests.send(command).map_err(|_| Error::Closed)
    }

    /// Says goodbye: publishes `offline` where availability is set, waits up to `grace` for what is in the outbox,
    /// sends DISCONNECT and ends the session's task. The broker keeps the subscriptions and the unacknowledged messages.
    /// Returns how many publishes were given up.
    pub async fn close(&self, grace: Duration) -> usize {
        // An error means that it is closing already.
        let _ = self.request(Command::Close { grace });
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the MQTT session ended unexpectedly");
        }
        let mut status = self.0.status.clone();
        match status.wait_for(|status| status.state == State::Closed).await {
            Ok(status) => status.given_up,
            Err(_) => self.0.status.borrow().given_up,
        }
    }

    /// A snapshot of state and counters.
    pub fn status(&self) -> Status {
        self.0.status.borrow().clone()
    }
}

/// Starts a session: one task that connects, and stays connected until [`Client::close`]. Must be called within a
/// tokio runtime. Returns at once; [`Event::Online`](crate::Event::Online) tells when the broker is there.
///
/// ```
/// # use std::time::Duration;
/// # use mqttkube_mqtt::{connect, Event, Options};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mqttkube_mqtt::OptionsError> {
/// let (client, mut events) = connect(Options::builder("127.0.0.1", "doc").port(1).build()?);
/// let Some(Event::Offline { reason, .. }) = events.next().await else { panic!("nobody listens on port 1") };
/// assert!(reason.starts_with("cannot connect to 127.0.0.1 port 1"), "{reason}");
/// client.close(Duration::ZERO).await;
/// # Ok(())
/// # }
/// ```
pub fn connect(options: Options) -> (Client, Events) {
    let (requests, requests_end) = mpsc::unbounded_channel();
    // As many as there are places, so that a burst finds room wherever the outbox has it; and some where the newest wins.
    let (publishes, publishes_end) = mpsc::channel(options.inner.outbox + 64);
    let (reports, events) = reports();
    let (status_end, status) = watch::channel(Status::default());
    let places = Arc::new(Semaphore::new(options.inner.outbox));
    let max_publish = options.inner.max_publish;
    let inbox = Inbox {
        requests: requests_end,
        publishes: publishes_end,
    };
    let session = Session::new(options.inner, inbox, reports, status_end, places.clone());
    let task = Mutex::new(Some(tokio::spawn(session.run())));
    let client = Client(Arc::new(Shared {
        requests,
        publishes,
        places,
        status,
        max_publish,
        task,
    }));
    (client, events)
}
