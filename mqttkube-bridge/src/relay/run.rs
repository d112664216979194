//! The relay as a whole: a task for each lane, and one more for each lane of the store.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mqttkube_mqtt::{Client, Event, Events, Version, Warning};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::counters::Counters;
use super::dead_letters::DeadLetters;
use super::drain::Drain;
use super::in_flight::InFlight;
use super::lane::{Destination, SharedEchoes, Way};
use super::{Lane, LaneStatus, Routes, Store};

/// How long the relay waits for what is on its way, once it is to stop.
pub(super) const LAST_MESSAGES: Duration = Duration::from_secs(3);

/// Where a message is safe, so that its source may forget it.
#[derive(Clone, Debug)]
pub enum Mode {
    /// At its destination. The sources' persistent sessions hold what is on its way.
    Relay,
    /// In the durable store.
    Store(Store),
}

/// What the relay needs.
#[derive(Debug)]
pub struct Relay {
    /// The session at the local broker; nothing has subscribed with it yet.
    pub local: (Client, Events),
    /// The session at the cloud.
    pub cloud: (Client, Events),
    /// The rules and the cloud's limits.
    pub routes: Routes,
    /// Where messages are safe.
    pub mode: Mode,
    /// A topic at the local broker for messages that are refused for good.
    pub dead_letter: Option<String>,
}

/// One side's session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Side {
    /// The broker has accepted the connection.
    pub online: bool,
    /// Filters that the broker has not granted yet, or has refused with a reason.
    pub missing: Vec<(String, Option<String>)>,
    /// Connections so far.
    pub connections: u64,
    /// Connections that took up the session after it had been away. MQTT does not tell how much its broker queued
    /// meanwhile, nor whether its queue was full and the rest was dropped; the broker's own numbers do.
    pub resumed: u64,
    /// Connections that found no session after there had been one: what the broker had queued for it is gone.
    pub sessions_lost: u64,
    /// Another client with our id took the session over, and we do not fight: there is one attempt a minute.
    pub taken_over: bool,
    /// How often that has happened.
    pub takeovers: u64,
    /// Connections that were replaced because their credentials were due, without being offline.
    pub rollovers: u64,
    /// Why a connection could not be replaced last; absent when the last attempt did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_renewed: Option<String>,
    /// Connections for which TLS files or a password could not be read again; those of before were used.
    pub stale_files: u64,
    /// Why it was offline last.
    pub last_offline: Option<String>,
}

impl Side {
    /// Connected, and every filter granted.
    #[must_use]
    pub const fn ready(&self) -> bool {
        self.online && self.missing.is_empty()
    }
}

/// The relay as numbers, at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The local side.
    pub local: Side,
    /// The cloud's side.
    pub cloud: Side,
    /// From local to cloud.
    pub out: LaneStatus,
    /// From cloud to local.
    #[serde(rename = "in")]
    pub incoming: LaneStatus,
}

impl Status {
    /// Both sides are connected and subscribed.
    #[must_use]
    pub const fn ready(&self) -> bool {
        self.local.ready() && self.cloud.ready()
    }
}

/// A look at a relay that runs.
#[derive(Clone, Debug)]
pub struct Handle {
    sides: [watch::Receiver<Side>; 2],
    counters: [Arc<Counters>; 2],
}

impl Handle {
    /// The numbers now.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            local: self.sides[0].borrow().clone(),
            cloud: self.sides[1].borrow().clone(),
            out: self.counters[0].status(),
            incoming: self.counters[1].status(),
        }
    }

    /// Waits until both sides are connected and subscribed.
    pub async fn ready(&mut self) {
        for side in &mut self.sides {
            // An error means that the relay has ended.
            let _ = side.wait_for(Side::ready).await;
        }
    }
}

impl Relay {
    /// How long a session may take to say goodbye.
    const GRACE: Duration = Duration::from_secs(3);

    /// Subscribes on both sides and carries messages until `stop` is ready; then takes no more, waits up to 3 s for what is
    /// on its way, and closes both sessions within another 3 s. What was not safe by then stays unacknowledged at its
    /// source. The handle shows how it goes.
    pub fn start<S>(self, stop: S) -> (Handle, impl Future<Output = ()> + use<S>)
    where
        S: Future<Output = ()>,
    {
        let routes = Arc::new(self.routes);
        let counters = Lane::ALL.map(|lane| Arc::new(Counters::new(routes.names(lane))));
        let echoes = Lane::ALL.map(|_| SharedEchoes::default());
        let (local, local_events) = self.local;
        let (cloud, cloud_events) = self.cloud;
        let dead_letters = DeadLetters {
            local: local.clone(),
            topic: self.dead_letter,
        };
        let way = |lane, source: &Client, destination: &Client| Way {
            lane,
            routes: routes.clone(),
            subscriptions: Arc::new(routes.subscriptions(lane)),
            source: source.clone(),
            destination: match &self.mode {
                Mode::Relay => Destination::Broker(destination.clone()),
                Mode::Store(store) => Destination::Store(store.clone()),
            },
            dead_letters: dead_letters.clone(),
            counters: counters[lane as usize].clone(),
            echoes: echoes[lane as usize].clone(),
            sent: echoes[lane.back() as usize].clone(),
        };
        let out = Pump::new(way(Lane::Out, &local, &cloud), local_events);
        let incoming = Pump::new(way(Lane::In, &cloud, &local), cloud_events);
        let handle = Handle {
            sides: [out.side.subscribe(), incoming.side.subscribe()],
            counters: counters.clone(),
        };
        let drains = Lane::ALL.map(|lane| match &self.mode {
            Mode::Relay => None,
            Mode::Store(store) => Some(Drain {
                lane,
                routes: routes.clone(),
                sent: echoes[lane.back() as usize].clone(),
                store: store.clone(),
                destination: if lane == Lane::Out {
                    cloud.clone()
                } else {
                    local.clone()
                },
                dead_letters: dead_letters.clone(),
                counters: counters[lane as usize].clone(),
            }),
        });
        drop((dead_letters, self.mode));
        let run = async move {
            let (ended, end) = watch::channel(false);
            let wait = |mut end: watch::Receiver<bool>| async move {
                // An error means that the sender is gone, which is an end as well.
                let _ = end.wait_for(|ended| *ended).await;
            };
            // A task for each, so that a message wakes one of them and not all. They end with this future.
            let mut tasks = JoinSet::new();
            for pump in [out, incoming] {
                tasks.spawn(pump.run(wait(end.clone())));
            }
            for drain in drains.into_iter().flatten() {
                tasks.spawn(drain.run(wait(end.clone())));
            }
            let stopped = async {
                stop.await;
                ended.send_replace(true);
            };
            tokio::join!(stopped, tasks.join_all());
            tokio::join!(local.close(Self::GRACE), cloud.close(Self::GRACE));
        };
        (handle, run)
    }
}

/// All filters of a lane, none of them answered for yet.
fn missing(way: &Way) -> Vec<(String, Option<String>)> {
    way.subscriptions
        .iter()
        .map(|subscription| (subscription.filter.clone(), None))
        .collect()
}

/// Reads the events of one session.
struct Pump {
    way: Way,
    events: Events,
    side: watch::Sender<Side>,
    version: Version,
}

impl Pump {
    /// Messages that are not safe yet and are held here at once. Beyond that the source waits: it sends no more than its
    /// receive maximum without an acknowledgement.
    const MOST: usize = 1_024;

    fn new(way: Way, events: Events) -> Self {
        let side = watch::Sender::new(Side {
            missing: missing(&way),
            ..Side::default()
        });
        Self {
            way,
            events,
            side,
            version: Version::default(),
        }
    }

    async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut in_flight = InFlight::default();
        // An error means that the session is closed; then there are no events either.
        let _ = self.way.source.subscribe(self.way.subscriptions.to_vec());
        loop {
            self.way.show(&in_flight);
            // Settling one message may hand the next one over, and that may wait for room; stopping must not.
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(settled) = in_flight.next(), if !in_flight.is_empty() => tokio::select! {
                    () = self.way.settle(settled, &mut in_flight) => {}
                    () = &mut stop => break,
                },
                event = self.events.next(), if in_flight.len() < Self::MOST => match event {
                    None => return,
                    Some(event) => tokio::select! {
                        biased;
                        () = self.take(event, &mut in_flight) => {}
                        () = &mut stop => break,
                    },
                },
            }
        }
        // A message that arrives now and is not acknowledged would come twice.
        let finish = async {
            while self.way.can_settle()
                && let Some(settled) = in_flight.next().await
            {
                self.way.settle(settled, &mut in_flight).await;
            }
        };
        let _ = tokio::time::timeout(LAST_MESSAGES, finish).await;
    }

    /// Takes an event, and with it all that wait and have room.
    async fn take(&mut self, event: Event, in_flight: &mut InFlight) {
        let mut next = Some(event);
        while let Some(event) = next {
            match event {
                Event::Message(received) => self.way.receive(received, self.version, in_flight).await,
                event => self.note(event),
            }
            next = if in_flight.len() < Self::MOST {
                self.events.try_next()
            } else {
                None
            };
        }
    }

    fn note(&mut self, event: Event) {
        let lane = self.way.lane.name();
        if let Event::Online { version, .. } = event {
            self.version = version;
        }
        self.side.send_modify(|side| match event {
            Event::Online { session_present, .. } => {
                if !session_present && side.connections > 0 {
                    tracing::error!(
                        lane,
                        "the broker has not kept the session; what it had queued is lost"
                    );
                    side.sessions_lost += 1;
                }
                if side.online {
                    side.rollovers += 1;
                    side.not_renewed = None;
                } else if session_present {
                    tracing::info!(
                        lane,
                        "the session is taken up again; how much the broker queued meanwhile is not known"
                    );
                    side.resumed += 1;
                }
                side.online = true;
                side.taken_over = false;
                side.connections += 1;
            }
            Event::Offline { reason, kicked } => {
                if kicked {
                    tracing::error!(
                        lane,
                        reason,
                        "another client with the same id took the session over"
                    );
                    side.takeovers += 1;
                } else {
                    tracing::info!(lane, reason, "the source of a lane is offline");
                }
                side.online = false;
                // They are asked for again at the next connection.
                side.missing = missing(&self.way);
                side.taken_over = kicked;
                side.last_offline = Some(reason);
            }
            Event::Subscribed { filter, result } => {
                side.missing.retain(|(known, _)| *known != filter);
                if let Err(reason) = result {
                    tracing::warn!(lane, filter, reason, "a subscription is refused");
                    side.missing.push((filter, Some(reason)));
                }
            }
            Event::Warning(Warning::NotRenewed { reason }) => {
                tracing::warn!(lane, reason, "the connection goes on with its old credentials");
                side.not_renewed = Some(reason);
            }
            Event::Warning(warning) => {
                let stale = matches!(
                    warning,
                    Warning::StaleTls { .. } | Warning::StaleCredentials { .. }
                );
                side.stale_files += u64::from(stale);
                tracing::warn!(lane, ?warning, "the session of a lane");
            }
            _ => {}
        });
    }
}
