//! The one task that owns the wire.
//!
//! It goes round three places: connecting, connected, waiting to connect again. In each of them it takes requests, so
//! that no caller ever waits for the network. Nothing in here is cancelled half-way: the buffers of a connection are
//! plain data, and every await is one step of input or output.

use std::collections::BTreeMap;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::ack_window::AckWindow;
use crate::attempt::{Attempt, Remembered};
use crate::error::PublishError;
use crate::event::{Event, Version, Warning};
use crate::inbox::{Command, Inbox};
use crate::link::{Link, LinkError};
use crate::message::{Publish, Subscription};
use crate::options::OptionsBuilder;
use crate::outbox::Outbox;
use crate::receipt::{Delivery, Ticket};
use crate::reports::Reports;
use crate::retry::{Ending, Retry};
use crate::status::{Ledger, State, Status};
use crate::wire::Welcome;

mod serve;

/// A subscription that is to stand on every connection.
pub(crate) struct Wanted {
    pub(crate) subscription: Subscription,
    /// The broker was asked for it before, so retained messages were delivered already.
    pub(crate) asked: bool,
}

/// Everything that outlives a connection.
pub(crate) struct Session {
    pub(crate) options: Arc<OptionsBuilder>,
    pub(crate) inbox: Inbox,
    pub(crate) reports: Reports,
    pub(crate) status: Ledger,
    pub(crate) outbox: Outbox<Ticket>,
    pub(crate) window: AckWindow,
    pub(crate) subscriptions: BTreeMap<String, Wanted>,
    pub(crate) version: Version,
    pub(crate) epoch: u64,
    /// Set when the session is to end, at the latest then.
    pub(crate) closing: Option<Instant>,
    places: Arc<Semaphore>,
    pub(crate) remembered: Remembered,
}

impl Session {
    pub(crate) fn new(
        options: OptionsBuilder,
        inbox: Inbox,
        reports: Reports,
        status: watch::Sender<Status>,
        places: Arc<Semaphore>,
    ) -> Self {
        Self {
            version: options.version,
            options: Arc::new(options),
            inbox,
            reports,
            status: Ledger::new(status),
            outbox: Outbox::new(),
            window: AckWindow::default(),
            subscriptions: BTreeMap::new(),
            epoch: 0,
            closing: None,
            places,
            remembered: Remembered::default(),
        }
    }

    pub(crate) async fn run(mut self) {
        let mut retry = Retry::new(self.options.reconnect);
        let entropy = RandomState::new();
        if self
            .options
            .tls
            .as_ref()
            .is_some_and(|tls| tls.skip_hostname_verification)
        {
            self.status.note(|status| status.hostname_not_verified = true);
            self.warn(Warning::HostnameNotVerified);
        }
        while !self.is_finished() {
            let mut refused = false;
            let (reason, ending) = match self.connect().await {
                Some(Ok((link, welcome))) => self.serve(link, &welcome).await,
                Some(Err(error)) => {
                    refused = error.refuses_login();
                    (error.to_string(), Ending::default())
                }
                None => break,
            };
            if self.is_finished() {
                break;
            }
            let verdict = retry.after(ending, entropy.hash_one(Instant::now()));
            self.went_offline(reason, verdict.kicked);
            if refused && !self.options.credentials.lasting() {
                // Whoever issues the logins knows when another one is worth a try.
                let due = self.options.credentials.due();
                self.pause(due).await;
            } else {
                self.pause(sleep(verdict.pause)).await;
            }
        }
        self.finish();
    }

    /// Connects; none if the session was closed meanwhile. A broker that breaks off before it answers may not know
    /// MQTT 5: as long as none ever answered, 3.1.1 is tried once after each such attempt.
    async fn connect(&mut self) -> Option<Result<(Link, Welcome), LinkError>> {
        let first = self.attempt().await?;
        let may_be_old = match &first {
            Err(LinkError::NoAnswer(_)) => true,
            Err(LinkError::Refused(refusal)) => refusal.version,
            _ => false,
        };
        if !(may_be_old && self.options.fall_back && self.version == Version::V5 && self.epoch == 0) {
            return Some(first);
        }
        self.version = Version::V311;
        let second = self.attempt().await?;
        if second.is_ok() {
            self.warn(Warning::FellBackTo311);
            return Some(second);
        }
        self.version = Version::V5;
        Some(first)
    }

    async fn attempt(&mut self) -> Option<Result<(Link, Welcome), LinkError>> {
        let limit = self.options.connect_timeout;
        let attempt = Attempt {
            options: self.options.clone(),
            version: self.version,
            last: self.remembered.clone(),
        };
        let mut running = Box::pin(timeout(limit, attempt.run()));
        loop {
            let deadline = self.closing;
            self.status.show();
            tokio::select! {
                result = &mut running => {
                    let Ok((result, remembered, warnings)) = result else {
                        return Some(Err(LinkError::Unreachable(format!("no connection within {limit:?}"))));
                    };
                    self.remembered = remembered;
                    warnings.into_iter().for_each(|warning| self.warn(warning));
                    self.answered(&result);
                    return Some(result);
                }
                command = self.inbox.next(), if deadline.is_none() => self.take(command),
                () = until(deadline) => return None,
            }
            if self.is_finished() {
                return None;
            }
        }
    }

    /// Waits, taking requests.
    async fn pause(&mut self, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        while !self.is_finished() {
            let closing = self.closing;
            self.status.show();
            tokio::select! {
                biased;
                () = &mut end => return,
                () = until(closing) => return,
                command = self.inbox.next(), if closing.is_none() => self.take(command),
            }
        }
    }

    /// Tells whoever issued the login what the broker said to it.
    pub(crate) fn answered<T>(&self, result: &Result<T, LinkError>) {
        match result {
            Ok(_) => self.options.credentials.answered(true),
            Err(error) if error.refuses_login() => self.options.credentials.answered(false),
            Err(_) => {}
        }
    }

    /// A request while there is no connection, or one that does not need it.
    fn take(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Publish(publish, ticket)) => self.enqueue(publish, ticket),
            Some(Command::Subscribe(subscriptions)) => {
                for subscription in subscriptions {
                    let filter = subscription.filter.clone();
                    self.subscriptions.insert(
                        filter,
                        Wanted {
                            subscription,
                            asked: false,
                        },
                    );
                }
                let count = self.subscriptions.len();
                self.status.note(|status| status.subscriptions = count);
            }
            Some(Command::Unsubscribe(filters)) => {
                filters
                    .iter()
                    .for_each(|filter| drop(self.subscriptions.remove(filter)));
                let count = self.subscriptions.len();
                self.status.note(|status| status.subscriptions = count);
            }
            Some(Command::Ack(token)) => {
                self.window.done(token);
                let stale = self.window.stale();
                self.status.note(|status| status.stale_acks = stale);
            }
            Some(Command::Close { grace }) => self.close(grace),
            None => self.close(Duration::ZERO),
        }
    }

    fn enqueue(&mut self, publish: Arc<Publish>, ticket: Ticket) {
        if let Some(replaced) = self.outbox.push(publish, ticket, Instant::now()) {
            replaced.resolve(Ok(Delivery::Superseded));
            self.status.note(|status| status.superseded += 1);
        }
    }

    fn close(&mut self, grace: Duration) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(Instant::now() + grace);
        self.places.close();
        for command in self.inbox.close() {
            self.take(Some(command));
        }
        if self.status.now().state == State::Online {
            self.announce(false);
        }
    }

    /// Publishes whether the session is up.
    pub(crate) fn announce(&mut self, online: bool) {
        let Some(availability) = self.options.availability.clone() else {
            return;
        };
        let payload = if online {
            availability.online
        } else {
            availability.offline
        };
        self.enqueue(
            Arc::new(Publish::new(availability.topic, payload).retained()),
            Ticket::unwatched(),
        );
    }

    /// The session is closing and nothing is left that could still be done.
    fn is_finished(&self) -> bool {
        self.closing
            .is_some_and(|deadline| self.outbox.is_empty() || Instant::now() >= deadline)
    }

    fn went_offline(&mut self, reason: String, kicked: bool) {
        let state = if kicked { State::Kicked } else { State::Offline };
        let before = self.status.now();
        let news = before.state != state || before.last_offline.as_ref() != Some(&reason);
        self.status.note(|status| {
            status.state = state;
            status.granted = 0;
            status.takeovers += u64::from(kicked);
            status.last_offline = Some(reason.clone());
        });
        self.status.show();
        if news {
            tracing::info!(reason, kicked, "no connection to the broker");
            self.reports.send(Event::Offline { reason, kicked });
        }
    }

    pub(crate) fn warn(&self, warning: Warning) {
        tracing::warn!("{warning}");
        self.reports.send(Event::Warning(warning));
    }

    fn finish(mut self) {
        let mut given_up = self.outbox.drain();
        for command in self.inbox.close() {
            if let Command::Publish(_, ticket) = command {
                given_up.push(ticket);
            }
        }
        let count = given_up.len();
        given_up
            .into_iter()
            .for_each(|ticket| ticket.resolve(Err(PublishError::Closed)));
        self.status.note(|status| {
            status.state = State::Closed;
            status.given_up = count;
            (status.queued, status.in_flight, status.granted) = (0, 0, 0);
        });
        self.status.show();
    }
}

/// Waits for an instant, or for ever.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
