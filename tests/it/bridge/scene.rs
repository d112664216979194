//! A bridge between a broker and a cloud in this process, with a proxy on either side, and traffic both ways.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mqttkube_bridge::credential::{Clock, JwtSource, ScheduleOptions, UnixTime};
use mqttkube_bridge::endpoint::Limits;
use mqttkube_bridge::relay::{
    Handle, Mode, Opened, Relay, Rollover, Routes, Store, StoreError, StoreOptions, Sync, Table,
};
use mqttkube_mqtt::{Event, Options, OptionsBuilder, Reconnect, Subscription, Version, connect};
use mqttkube_tests::broker::EmbeddedBroker;
use mqttkube_tests::fake_cloud::{CloudClock, CloudOptions, Door, FakeCloud, Ledger, Takes, Tally};
use mqttkube_tests::mqtt_probe::{Message, Probe};
use mqttkube_tests::process::tls::Identity;
use mqttkube_tests::proxy::TcpProxy;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::keys::{AUDIENCE, EC_KEY, ec_public};

/// By the real clock.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// The client id at the cloud.
pub(super) const BRIDGE: &str = "bridge";

/// What a scene may choose.
pub(super) struct Setup {
    pub(super) store: bool,
    pub(super) version: Version,
    /// Of tokens, in seconds.
    pub(super) lifetime: u64,
    pub(super) skew: Duration,
    pub(super) takes: Takes,
    /// The cloud speaks TLS with this.
    pub(super) tls: Option<Identity>,
    /// Added to the options of both sessions.
    pub(super) more: fn(OptionsBuilder) -> OptionsBuilder,
    /// Added to the options of the session at the cloud.
    pub(super) at_cloud: fn(OptionsBuilder) -> OptionsBuilder,
    /// Opens the store.
    pub(super) disk: fn(&Path) -> Result<Opened, StoreError>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            store: false,
            version: Version::V5,
            lifetime: 3_600,
            skew: Duration::ZERO,
            takes: Takes::default(),
            tls: None,
            more: |options| options,
            at_cloud: |options| options,
            disk: |path| Table::open(path, Sync::Group),
        }
    }
}

/// Both modes with the protocol that differs most, and the other way round.
pub(super) fn variants() -> [Setup; 2] {
    let relay = Setup {
        version: Version::V311,
        ..Setup::default()
    };
    let store = Setup {
        store: true,
        ..Setup::default()
    };
    [relay, store]
}

pub(super) struct Scene {
    _local: EmbeddedBroker,
    pub(super) cloud: FakeCloud,
    pub(super) to_local: TcpProxy,
    pub(super) to_cloud: TcpProxy,
    pub(super) handle: Handle,
    pub(super) rollover: Rollover,
    /// The bridge's own wall clock.
    pub(super) clock: CloudClock,
    publisher: Probe,
    home: Arc<Mutex<Ledger>>,
    listening: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    sent: u64,
    _folder: TempDir,
}

pub(super) const RULES: [&str; 2] = ["# out 1 home/up/ cloud/up/", "# in 1 home/down/ cloud/down/"];

/// Topics each way.
const TOPICS: u64 = 3;

impl Scene {
    /// Starts everything and waits until the bridge is ready.
    pub(super) async fn start(setup: Setup) -> Self {
        let scene = Self::start_unready(setup).await;
        scene.ready().await;
        scene
    }

    pub(super) async fn start_unready(setup: Setup) -> Self {
        let clock = CloudClock::now();
        let cloud = FakeCloud::start(CloudOptions {
            door: Door::new(AUDIENCE, setup.skew).client(BRIDGE, ec_public()),
            takes: setup.takes,
            clock: CloudClock::now(),
            tls: setup.tls,
        });
        let (local, cloud) = (EmbeddedBroker::start().await.unwrap(), cloud.await.unwrap());
        let to_local = TcpProxy::start(local.address()).await.unwrap();
        let to_cloud = TcpProxy::start(cloud.address()).await.unwrap();
        let source = JwtSource::new(EC_KEY, AUDIENCE, setup.lifetime).unwrap();
        let own = clock.clone();
        let clocks = move || Clock {
            wall: UnixTime(own.seconds()),
            mono: tokio::time::Instant::now().into_std(),
        };
        let rollover = Rollover::with_clock(Box::new(source), ScheduleOptions::default(), Box::new(clocks));
        let at_cloud = options(&to_cloud, BRIDGE)
            .version(setup.version)
            .no_fall_back()
            .credentials(rollover.credentials());
        // In memory where the machine has a place for that: a busy disk says nothing about the bridge.
        let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let mode = if setup.store {
            let options = StoreOptions::new(folder.path().join("outbox"));
            let (path, disk) = (options.path.clone(), setup.disk);
            Mode::Store(Store::start(disk(&path).unwrap(), move || disk(&path), &options))
        } else {
            Mode::Relay
        };
        let relay = Relay {
            local: connect((setup.more)(options(&to_local, "bridge-local")).build().unwrap()),
            cloud: connect((setup.at_cloud)((setup.more)(at_cloud)).build().unwrap()),
            routes: Routes::new(
                RULES.iter().map(|rule| rule.parse().unwrap()).collect(),
                Limits::default(),
            ),
            mode,
            dead_letter: Some("dead".to_owned()),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let (handle, carry) = relay.start(async { drop(stopped.await) });
        let home = Arc::new(Mutex::new(Ledger::default()));
        let listening = listen(&local, home.clone()).await;
        let publisher = Probe::connect(local.address(), mqttkube_tests::mqtt_probe::Options::default());
        Self {
            publisher: publisher.await.unwrap(),
            _local: local,
            cloud,
            to_local,
            to_cloud,
            handle,
            rollover,
            clock,
            home,
            listening,
            stop,
            running: tokio::spawn(carry),
            sent: 0,
            _folder: folder,
        }
    }

    pub(super) async fn ready(&self) {
        self.until("a bridge that is ready", || self.handle.status().ready())
            .await;
    }

    /// Publishes one message on every topic, both ways.
    pub(super) async fn send(&mut self) {
        for topic in 0..TOPICS {
            let up = Message::new(format!("home/up/{topic}"), self.sent.to_string());
            self.publisher.publish(&up).await.unwrap();
            let down = Message::new(format!("cloud/down/{topic}"), self.sent.to_string());
            self.cloud.publish(&down);
        }
        self.sent += 1;
    }

    pub(super) async fn send_many(&mut self, rounds: u64) {
        for _ in 0..rounds {
            self.send().await;
        }
    }

    /// Publishes at the local broker only.
    pub(super) async fn send_up(&self, count: u64) {
        for number in 0..count {
            let up = Message::new("home/up/x", number.to_string());
            self.publisher.publish(&up).await.unwrap();
        }
    }

    /// A second cloud, with this identity, that lets the bridge in.
    pub(super) async fn another_cloud(&self, identity: Identity) -> FakeCloud {
        let options = CloudOptions {
            door: Door::new(AUDIENCE, Duration::ZERO).client(BRIDGE, ec_public()),
            tls: Some(identity),
            ..CloudOptions::default()
        };
        FakeCloud::start(options).await.unwrap()
    }

    /// What has arrived at the cloud, and at home.
    pub(super) fn tallies(&self) -> [Tally; 2] {
        let home = self.home.lock().unwrap_or_else(PoisonError::into_inner).total();
        [self.cloud.ledger().total(), home]
    }

    /// Waits until everything that was sent has arrived on both sides, in order.
    pub(super) async fn settle(&self) -> [Tally; 2] {
        let tallies = self.arrive().await;
        for tally in tallies {
            assert_eq!((tally.gaps, tally.inversions), (0, 0), "{tally:?}");
        }
        tallies
    }

    /// Waits until everything has arrived, in order, and everybody concerned knows it: nothing is under way.
    pub(super) async fn quiet(&self) -> [Tally; 2] {
        self.settle().await;
        let known = || {
            let status = self.handle.status();
            let done = [status.out, status.incoming]
                .iter()
                .all(|lane| lane.waiting == 0 && lane.forwarded == lane.received);
            done && self.cloud.held(BRIDGE) == 0
        };
        self.until("acknowledgement of everything", known).await;
        self.tallies()
    }

    /// Waits until everything that was sent has arrived on both sides, in any order.
    pub(super) async fn arrive(&self) -> [Tally; 2] {
        let all = self.sent * TOPICS;
        let arrived = || self.tallies().iter().all(|tally| tally.distinct >= all);
        self.until("arrival of everything", arrived).await;
        self.tallies()
    }

    /// Waits for a condition by the real clock, whatever tokio's does: the pause between two looks is on a thread.
    pub(super) async fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let end = Instant::now() + DEADLINE;
        while !condition() {
            assert!(
                Instant::now() < end,
                "no {what} within {DEADLINE:?}: {:?}\n{:?}\n{:?}\n{:?}",
                self.handle.status(),
                self.rollover.status(),
                self.tallies(),
                self.cloud.counts()
            );
            let pause = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(2)));
            pause.await.unwrap();
        }
    }

    pub(super) async fn end(self) {
        assert_eq!(self.handle.status().out.dropped, [], "nothing was dropped");
        assert_eq!(self.handle.status().incoming.dropped, [], "nothing was dropped");
        self.stop().await;
    }

    pub(super) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap();
        self.listening.abort();
    }
}

fn options(to: &TcpProxy, id: &str) -> OptionsBuilder {
    let quick = Reconnect {
        min: Duration::from_millis(20),
        max: Duration::from_millis(100),
        after_takeover: Duration::from_millis(200),
    };
    Options::builder("127.0.0.1", id).port(to.port()).reconnect(quick)
}

/// Counts what arrives at home, by a session that no fault touches.
async fn listen(local: &EmbeddedBroker, home: Arc<Mutex<Ledger>>) -> JoinHandle<()> {
    let options = Options::builder("127.0.0.1", "home").port(local.port());
    let (client, mut events) = connect(options.build().unwrap());
    client.subscribe(vec![Subscription::new("home/down/#")]).unwrap();
    while !matches!(events.next().await.unwrap(), Event::Subscribed { .. }) {}
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let Event::Message(message) = event {
                home.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .note(&message.topic, &message.payload);
                // The session may have ended.
                let _ = client.ack(message.token);
            }
        }
    })
}
