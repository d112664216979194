//! The native relay between two brokers that do byte by byte what a test tells them.

mod faults;
mod gateway;
mod rollover;
mod rules;

#[path = "../../../../mqttkube-mqtt/tests/it/support/scripted.rs"]
#[allow(dead_code, reason = "the tests of the session use all of it")]
mod scripted;

use std::time::Duration;

use mqttkube_bridge::endpoint::Limits;
use mqttkube_bridge::relay::{
    Gateway, Handle, Lane, Mode, Relay, RelayRule, Routes, Status, Store, StoreOptions,
};
use mqttkube_mqtt::{Client, Options, OptionsBuilder, Reconnect, Version, connect};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use scripted::{CONNECT, PUBLISH, Packet, Peer, SUBSCRIBE, Scripted, WELCOME, WELCOME_311, packet};

/// Nothing in these tests takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a test may want otherwise.
struct Setup {
    limits: Limits,
    dead_letter: Option<&'static str>,
    cloud: Box<dyn FnOnce(OptionsBuilder) -> OptionsBuilder>,
    version: Version,
    gateway: Option<Gateway>,
    /// What is on its way is safe in a store, not at its source.
    store: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            dead_letter: None,
            cloud: Box::new(|options| options),
            version: Version::V5,
            gateway: None,
            store: false,
        }
    }
}

/// A relay that is connected and subscribed on both sides.
struct Bench {
    /// The local broker, and the relay's connection to it.
    here: Peer,
    /// The cloud, and the relay's connection to it.
    cloud: Scripted,
    cloud_client: Client,
    there: Peer,
    handle: Handle,
    store: Option<Store>,
    _folder: TempDir,
    _stop: oneshot::Sender<()>,
    _task: JoinHandle<()>,
    _local: Scripted,
}

fn options(port: u16, id: &str) -> OptionsBuilder {
    let reconnect = Reconnect {
        min: Duration::from_millis(10),
        max: Duration::from_millis(50),
        after_takeover: Duration::from_secs(60),
    };
    Options::builder("127.0.0.1", id).port(port).reconnect(reconnect)
}

/// Rules as in a mosquitto.conf; a word before `topic`-less text says more: `drop:` takes the retain flag off, `strict:`
/// carries one at a time.
fn rule(text: &str) -> RelayRule {
    let (word, rest) = text.split_once(": ").unwrap_or(("", text));
    RelayRule {
        rule: rest.parse().expect("a rule"),
        keeps_retain: word != "drop",
        strict: word == "strict",
    }
}

impl Bench {
    async fn start(rules: &[&str], setup: Setup) -> Self {
        let (local, cloud) = (Scripted::start().await, Scripted::start().await);
        let routes = Routes::with(rules.iter().map(|text| rule(text)).collect(), setup.limits);
        let mut routes = routes;
        if let Some(gateway) = &setup.gateway {
            routes = routes.with_gateway(gateway);
        }
        let filters = Lane::ALL.map(|lane| routes.subscriptions(lane).len());
        let mut to_cloud = (setup.cloud)(options(cloud.port, "cloud")).version(setup.version);
        if let Some(gateway) = &setup.gateway {
            to_cloud = to_cloud.opening(gateway.opening());
        }
        let (cloud_client, events) = connect(to_cloud.build().expect("sound"));
        let folder = TempDir::new_in("/dev/shm")
            .or_else(|_| TempDir::new())
            .expect("a folder");
        let path = folder.path().join("outbox");
        let store = setup
            .store
            .then(|| Store::open(&StoreOptions::new(path)).expect("a new store"));
        let relay = Relay {
            local: connect(options(local.port, "local").build().expect("sound")),
            cloud: (cloud_client.clone(), events),
            routes,
            mode: store.clone().map_or(Mode::Relay, Mode::Store),
            dead_letter: setup.dead_letter.map(str::to_owned),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let (handle, run) = relay.start(async { drop(stopped.await) });
        let task = tokio::spawn(run);
        let here = welcome(&local, Version::V5, filters[0]);
        let there = welcome(&cloud, setup.version, filters[1]);
        let ((here, _), (there, _)) = tokio::join!(here, there);
        let bench = Self {
            here,
            cloud,
            cloud_client,
            there,
            handle,
            store,
            _folder: folder,
            _stop: stop,
            _task: task,
            _local: local,
        };
        bench.until("both sides are ready", Status::ready).await;
        bench
    }

    /// Cuts the cloud's connection and takes the next one, as far as its CONNECT.
    async fn reconnect(&mut self, answer: &[u8]) -> Peer {
        self.there.hang_up().await;
        let (peer, _) = self.cloud.welcome(answer).await;
        peer
    }

    /// Waits until the status is as wanted.
    async fn until(&self, what: &str, reached: impl Fn(&Status) -> bool) {
        let wait = async {
            while !reached(&self.handle.status()) {
                // Counters tell nobody of a change, so they are looked at again and again.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, wait).await;
        assert!(reached.is_ok(), "{what}: {:?}", self.handle.status());
    }
}

/// Takes a connection and grants `filters` subscriptions. Returns its CONNECT, too.
async fn welcome(broker: &Scripted, version: Version, filters: usize) -> (Peer, Packet) {
    let mut peer = broker.accept().await;
    let connect = peer.expect(CONNECT).await;
    peer.send(if version == Version::V5 {
        WELCOME
    } else {
        WELCOME_311
    })
    .await;
    let mut granted = 0;
    // Devices behind a gateway are attached first.
    while granted < filters {
        let packet = peer.read().await.expect("the connection stands");
        if packet.kind() == SUBSCRIBE {
            grant(&mut peer, &packet, version).await;
            granted += 1;
        } else {
            peer.puback(packet.publish().1).await;
        }
    }
    (peer, connect)
}

/// Grants a subscription at QoS 1.
async fn grant(peer: &mut Peer, subscribe: &Packet, version: Version) {
    let [high, low] = subscribe.id().to_be_bytes();
    let granted: &[u8] = if version == Version::V5 {
        &[0x90, 4, high, low, 0, 1]
    } else {
        &[0x90, 3, high, low, 1]
    };
    peer.send(granted).await;
}

/// A PUBLISH of MQTT 5 at QoS 1 as it was on the wire.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    topic: String,
    id: u16,
    retain: bool,
    properties: Vec<u8>,
    payload: Vec<u8>,
}

fn seen(packet: &Packet) -> Seen {
    let (topic, id, rest) = packet.publish();
    let length = usize::from(rest[0]);
    Seen {
        topic,
        id,
        retain: packet.head & 1 != 0,
        properties: rest[1..=length].to_vec(),
        payload: rest[1 + length..].to_vec(),
    }
}

/// The next publish, acknowledged.
async fn take(peer: &mut Peer) -> Seen {
    let seen = seen(&peer.expect(PUBLISH).await);
    peer.puback(seen.id).await;
    seen
}

/// A PUBLISH of MQTT 5 at QoS 1 with properties.
fn publish_with(topic: &str, id: u16, retain: bool, properties: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).expect("short").to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(id.to_be_bytes());
    body.push(u8::try_from(properties.len()).expect("short"));
    body.extend(properties);
    body.extend(payload);
    packet(0x32 | u8::from(retain), &body)
}

/// A property that holds text, or two.
fn text(kind: u8, parts: &[&str]) -> Vec<u8> {
    let mut property = vec![kind];
    for part in parts {
        property.extend(u16::try_from(part.len()).expect("short").to_be_bytes());
        property.extend(part.as_bytes());
    }
    property
}
