//! The one task that owns the wire.
//!
//! It goes round three places: connecting, connected, waiting to connect again. In each of them it takes requests, so
//! that no caller ever waits for the network. Nothing in here is cancelled half-way: the buffers of a connection are
//! plain data, and every await is one step of input or output.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::ack_window::AckWindow;
use crate::attempt::{Attempt, Remembered};
use crate::client::{Command, Delivery, Inbox, Reports, Ticket};
use crate::error::PublishError;
use crate::event::{Event, Version, Warning};
use crate::link::{Link, LinkError};
use crate::message::{Publish, Subscription};
use crate::online::{End, Online};
use crate::options::OptionsBuilder;
use crate::outbox::Outbox;
use crate::retry::{Ending, Retry};
use crate::status::{State, Status};
use crate::wire::Welcome;

/// Time left for DISCONNECT when the grace is used up.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long the broker gets to hang up after our DISCONNECT.
const HANG_UP: Duration = Duration::from_millis(500);

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
    pub(crate) status: watch::Sender<Status>,
    pub(crate) outbox: Outbox<Ticket>,
    pub(crate) window: AckWindow,
    pub(crate) subscriptions: BTreeMap<String, Wanted>,
    pub(crate) version: Version,
    pub(crate) epoch: u64,
    /// Set when the session is to end, at the latest then.
    pub(crate) closing: Option<Instant>,
    places: Arc<Semaphore>,
    remembered: Remembered,
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
            status,
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
            self.status
                .send_modify(|status| status.hostname_not_verified = true);
            self.warn(Warning::HostnameNotVerified);
        }
        while !self.is_finished() {
            let (reason, ending) = match self.connect().await {
                Some(Ok((link, welcome))) => self.serve(link, &welcome).await,
                Some(Err(error)) => (error.to_string(), Ending::default()),
                None => break,
            };
            if self.is_finished() {
                break;
            }
            let verdict = retry.after(ending, entropy.hash_one(Instant::now()));
            self.went_offline(reason, verdict.kicked);
            self.pause(Instant::now() + verdict.pause).await;
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
            tokio::select! {
                result = &mut running => {
                    let Ok((result, remembered, warnings)) = result else {
                        return Some(Err(LinkError::Unreachable(format!("no connection within {limit:?}"))));
                    };
                    self.remembered = remembered;
                    warnings.into_iter().for_each(|warning| self.warn(warning));
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
    async fn pause(&mut self, end: Instant) {
        while !self.is_finished() {
            let end = self.closing.map_or(end, |closing| closing.min(end));
            tokio::select! {
                biased;
                () = sleep_until(end) => return,
                command = self.inbox.next(), if self.closing.is_none() => self.take(command),
            }
        }
    }

    /// Lives through one connection. Returns why it ended.
    async fn serve(&mut self, link: Link, welcome: &Welcome) -> (String, Ending) {
        let since = Instant::now();
        let mut online = Online::start(self, link, welcome);
        let end = loop {
            if let Err(end) = online.work(self) {
                break end;
            }
            if self
                .closing
                .is_some_and(|_| self.outbox.is_empty() && online.link.is_flushed())
            {
                break End::silent("closed");
            }
            let (deadline, beat) = (self.closing, online.link.pulse.next());
            tokio::select! {
                moved = online.link.transfer() => {
                    if let Err(error) = moved {
                        break End::lost(&error);
                    }
                }
                command = self.inbox.next(), if deadline.is_none() => self.take_online(&mut online, command),
                () = sleep_until(beat) => {
                    if let Err(end) = online.beat() {
                        break end;
                    }
                }
                () = until(deadline) => break End::silent("closed"),
            }
        };
        if let Some(deadline) = self.closing {
            let limit = deadline
                .max(Instant::now() + LAST_WORDS)
                .min(Instant::now() + HANG_UP);
            // Whether the broker hangs up in time does not matter any more.
            let _ = timeout_at(limit, online.link.part()).await;
            self.closing = Some(Instant::now());
        }
        self.window.start(self.epoch);
        // With publishes unanswered it may well be one of these that the broker does not like.
        let idle = self.outbox.in_flight() == 0;
        if let Some(ticket) = self.outbox.cut(end.hung_up && !end.taken_over) {
            let reason = "the broker hung up again and again while it was the only publish on its way";
            ticket.resolve(Err(PublishError::Refused {
                reason: reason.to_owned(),
            }));
            self.status.send_modify(|status| status.refused += 1);
        }
        let ending = Ending {
            stood: Some(since.elapsed()),
            taken_over: end.taken_over,
            silently_closed: end.silently_closed(self.version).filter(|_| idle),
        };
        (end.reason, ending)
    }

    fn take_online(&mut self, online: &mut Online, command: Option<Command>) {
        match command {
            Some(Command::Ack(token)) => online.acknowledge(self, token),
            Some(Command::Subscribe(subscriptions)) => {
                online.subscribe(
                    subscriptions
                        .iter()
                        .map(|subscription| subscription.filter.clone()),
                );
                self.take(Some(Command::Subscribe(subscriptions)));
            }
            Some(Command::Unsubscribe(filters)) => {
                online.unsubscribe(&filters);
                self.take(Some(Command::Unsubscribe(filters)));
            }
            other => self.take(other),
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
                self.status.send_modify(|status| status.subscriptions = count);
            }
            Some(Command::Unsubscribe(filters)) => {
                filters
                    .iter()
                    .for_each(|filter| drop(self.subscriptions.remove(filter)));
                let count = self.subscriptions.len();
                self.status.send_modify(|status| status.subscriptions = count);
            }
            Some(Command::Ack(token)) => {
                self.window.done(token);
                let stale = self.window.stale();
                self.status.send_modify(|status| status.stale_acks = stale);
            }
            Some(Command::Close { grace }) => self.close(grace),
            None => self.close(Duration::ZERO),
        }
    }

    fn enqueue(&mut self, publish: Publish, ticket: Ticket) {
        if let Some(replaced) = self.outbox.push(publish, ticket) {
            replaced.resolve(Ok(Delivery::Superseded));
            self.status.send_modify(|status| status.superseded += 1);
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
        if self.status.borrow().state == State::Online {
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
            Publish::new(availability.topic, payload).retained(),
            Ticket::unwatched(),
        );
    }

    /// The session is closing and nothing is left that could still be done.
    fn is_finished(&self) -> bool {
        self.closing
            .is_some_and(|deadline| self.outbox.is_empty() || Instant::now() >= deadline)
    }

    fn went_offline(&self, reason: String, kicked: bool) {
        let state = if kicked { State::Kicked } else { State::Offline };
        let news = self.status.send_if_modified(|status| {
            let news = status.state != state || status.last_offline.as_ref() != Some(&reason);
            status.state = state;
            status.granted = 0;
            status.takeovers += u64::from(kicked);
            status.last_offline = Some(reason.clone());
            news
        });
        if news {
            tracing::info!(reason, kicked, "offline");
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
        self.status.send_modify(|status| {
            status.state = State::Closed;
            status.given_up = count;
            (status.queued, status.in_flight, status.granted) = (0, 0, 0);
        });
    }
}

/// Waits for an instant, or for ever.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
