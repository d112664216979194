//! The native relay between two brokers in this process, with faults between it and them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use mqttkube_bridge::endpoint::Limits;
use mqttkube_bridge::relay::{Handle, Mode, Relay, Routes, Store, StoreOptions};
use mqttkube_mqtt::{
    Client, Event, Events, Options, Publish, Reconnect, RetainHandling, Subscription, connect,
};
use mqttkube_tests::broker::EmbeddedBroker;
use mqttkube_tests::proxy::{Fault, TcpProxy};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const DEADLINE: Duration = Duration::from_secs(60);

fn session(address: SocketAddr, id: &str) -> (Client, Events) {
    let quick = Reconnect {
        min: Duration::from_millis(20),
        max: Duration::from_millis(100),
        after_takeover: Duration::from_millis(200),
    };
    let options = Options::builder(address.ip().to_string(), id)
        .port(address.port())
        .reconnect(quick);
    connect(options.build().expect("the options are right"))
}

/// A relay between two brokers, each reached through a proxy.
struct Bridge {
    local: EmbeddedBroker,
    cloud: EmbeddedBroker,
    to_local: TcpProxy,
    to_cloud: TcpProxy,
    handle: Handle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Bridge {
    async fn start(rules: &[&str], mode: Mode) -> Self {
        Self::with(rules, Limits::default(), mode).await
    }

    async fn with(rules: &[&str], limits: Limits, mode: Mode) -> Self {
        let (local, cloud) = (
            EmbeddedBroker::start().await.unwrap(),
            EmbeddedBroker::start().await.unwrap(),
        );
        let to_local = TcpProxy::start(local.address()).await.unwrap();
        let to_cloud = TcpProxy::start(cloud.address()).await.unwrap();
        let rules = rules.iter().map(|rule| rule.parse().expect("a rule")).collect();
        let (stop, stopped) = oneshot::channel::<()>();
        let relay = Relay {
            local: session(to_local.address(), "relay-local"),
            cloud: session(to_cloud.address(), "relay-cloud"),
            routes: Routes::new(rules, limits),
            mode,
            dead_letter: Some("dead".to_owned()),
        };
        let (mut handle, run) = relay.start(async { stopped.await.unwrap_or_default() });
        let task = tokio::spawn(run);
        tokio::time::timeout(DEADLINE, handle.ready())
            .await
            .expect("both sides come up");
        Self {
            local,
            cloud,
            to_local,
            to_cloud,
            handle,
            stop,
            task,
        }
    }

    async fn end(self) {
        self.stop.send(()).expect("it runs");
        tokio::time::timeout(DEADLINE, self.task)
            .await
            .expect("in time")
            .expect("no panic");
    }
}

/// A client that has subscribed and collects what arrives.
struct Listener {
    client: Client,
    events: Events,
    seen: Vec<(String, String)>,
}

impl Listener {
    async fn new(address: SocketAddr, filter: &str) -> Self {
        let (client, mut events) = session(address, &format!("listener{}", filter.len()));
        let subscription = Subscription::new(filter).retain_handling(RetainHandling::AtSubscribe);
        client.subscribe(vec![subscription]).unwrap();
        while !matches!(events.next().await.expect("it runs"), Event::Subscribed { .. }) {}
        Self {
            client,
            events,
            seen: Vec::new(),
        }
    }

    /// Reads until `count` different payloads have arrived.
    async fn until(&mut self, count: usize) -> &[(String, String)] {
        let reading = async {
            while self.distinct() < count {
                if let Some(Event::Message(message)) = self.events.next().await {
                    let payload = String::from_utf8(message.payload.to_vec()).unwrap();
                    self.client.ack(message.token).unwrap();
                    self.seen.push((message.topic, payload));
                }
            }
        };
        let read = tokio::time::timeout(DEADLINE, reading).await;
        assert!(read.is_ok(), "{} of {count} have arrived", self.distinct());
        &self.seen
    }

    fn distinct(&self) -> usize {
        self.seen.iter().collect::<std::collections::BTreeSet<_>>().len()
    }
}

#[tokio::test]
async fn messages_go_both_ways_under_their_new_names_and_nothing_else_does() {
    let bridge = Bridge::start(
        &[
            "events/# out 1 gcp/ devices/d/",
            "commands/# in 1 gcp/ devices/d/",
        ],
        Mode::Relay,
    )
    .await;
    let mut cloud = Listener::new(bridge.cloud.address(), "#").await;
    let mut local = Listener::new(bridge.local.address(), "gcp/commands/#").await;
    let (here, _events) = session(bridge.local.address(), "publisher");
    let (there, _events) = session(bridge.cloud.address(), "publisher");
    for (client, topic, payload) in [
        (&here, "other", "no"),
        (&here, "gcp/events/door", "open"),
        (&there, "devices/d/commands/light", "on"),
        (&there, "devices/e/commands/light", "no"),
    ] {
        client
            .publish(Publish::new(topic, payload))
            .await
            .unwrap()
            .await
            .unwrap();
    }
    assert_eq!(
        local.until(1).await,
        [("gcp/commands/light".to_owned(), "on".to_owned())]
    );
    // Both that were published at the cloud, and the one that came over the bridge.
    let mut seen = cloud.until(3).await.to_vec();
    seen.sort_unstable();
    assert_eq!(seen[1], ("devices/d/events/door".to_owned(), "open".to_owned()));
    // A message is seen before its acknowledgement has come back.
    let counted = || {
        let status = bridge.handle.status();
        (status.out.forwarded, status.incoming.forwarded) == (1, 1)
    };
    mqttkube_tests::wait::until(DEADLINE, "one message each way is counted", counted).await;
    bridge.end().await;
}

#[tokio::test]
async fn overlapping_rules_carry_one_copy() {
    let bridge = Bridge::start(
        &["events out 1 l/ r/", "events/# out 1 l/ r/", "# out 1 l/ r/"],
        Mode::Relay,
    )
    .await;
    let mut cloud = Listener::new(bridge.cloud.address(), "r/#").await;
    let (here, _events) = session(bridge.local.address(), "publisher");
    for payload in ["1", "2", "3"] {
        here.publish(Publish::new("l/events", payload))
            .await
            .unwrap()
            .await
            .unwrap();
    }
    assert_eq!(cloud.until(3).await.len(), 3);
    let counted = || bridge.handle.status().out.forwarded == 3;
    mqttkube_tests::wait::until(DEADLINE, "three messages are counted", counted).await;
    assert_eq!(cloud.seen.len(), 3, "one copy of each");
    bridge.end().await;
}

/// Publishes numbers on several topics through a bridge whose links are cut again and again; all of them arrive, and
/// first arrivals are in order for each topic.
async fn survives_cuts(mode: Mode) {
    let store = match &mode {
        Mode::Relay => None,
        Mode::Store(store) => Some(store.clone()),
    };
    const TOPICS: usize = 4;
    const EACH: usize = 250;
    let bridge = Bridge::start(&["# out 1 out/ far/", "# in 1 in/ near/"], mode).await;
    let mut cloud = Listener::new(bridge.cloud.address(), "far/#").await;
    let mut local = Listener::new(bridge.local.address(), "in/#").await;
    let (here, _events) = session(bridge.local.address(), "publisher");
    let (there, _events) = session(bridge.cloud.address(), "publisher");
    let publish = |client: Client, prefix: &'static str| async move {
        for number in 0..EACH {
            for topic in 0..TOPICS {
                let message = Publish::new(format!("{prefix}/{topic}"), number.to_string());
                client.publish(message).await.unwrap().await.unwrap();
            }
        }
    };
    let cuts = async {
        for round in 0..20 {
            let side = if round % 2 == 0 {
                &bridge.to_cloud
            } else {
                &bridge.to_local
            };
            side.cut();
            let before = bridge.handle.status();
            let after = |handle: &Handle| {
                let now = handle.status();
                now.ready()
                    && now.out.forwarded + now.incoming.forwarded
                        > before.out.forwarded + before.incoming.forwarded
            };
            let again =
                mqttkube_tests::wait::until(DEADLINE, "the bridge carries on", || after(&bridge.handle));
            if tokio::time::timeout(Duration::from_secs(5), again).await.is_err() {
                break; // everything has been published by then
            }
        }
    };
    tokio::join!(
        publish(here, "out"),
        publish(there, "near"),
        cuts,
        async {
            cloud.until(TOPICS * EACH).await;
        },
        async {
            local.until(TOPICS * EACH).await;
        },
    );
    for seen in [&cloud.seen, &local.seen] {
        let mut next: BTreeMap<&str, usize> = BTreeMap::new();
        for (topic, number) in seen {
            let (number, next) = (number.parse::<usize>().unwrap(), next.entry(topic).or_default());
            assert!(number <= *next, "{topic}: {number} came before {next}");
            *next = (*next).max(number + 1);
        }
    }
    let status = bridge.handle.status();
    assert!(
        status.local.connections + status.cloud.connections > 4,
        "the links were cut: {status:?}"
    );
    // What has arrived is forgotten by the store a moment later.
    let empty = || {
        store
            .as_ref()
            .is_none_or(|store| store.status().messages == [0, 0])
    };
    mqttkube_tests::wait::until(DEADLINE, "nothing is left in the store", empty).await;
    bridge.end().await;
}

#[tokio::test]
async fn relay_mode_loses_nothing_and_keeps_the_order_when_links_are_cut() {
    survives_cuts(Mode::Relay).await;
}

#[tokio::test]
async fn store_mode_loses_nothing_and_keeps_the_order_when_links_are_cut() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&StoreOptions::new(folder.path().join("outbox"))).unwrap();
    survives_cuts(Mode::Store(store)).await;
}

#[tokio::test]
async fn store_mode_takes_messages_while_the_cloud_is_away() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&StoreOptions::new(folder.path().join("outbox"))).unwrap();
    let bridge = Bridge::start(&["# out 1 out/ far/"], Mode::Store(store.clone())).await;
    bridge.to_cloud.set(Fault::Refuse);
    bridge.to_cloud.cut();
    let (here, _events) = session(bridge.local.address(), "publisher");
    for number in 0..100 {
        here.publish(Publish::new("out/x", number.to_string()))
            .await
            .unwrap()
            .await
            .unwrap();
    }
    let kept = || store.status().messages[0] == 100;
    mqttkube_tests::wait::until(DEADLINE, "all are in the store", kept).await;
    let mut cloud = Listener::new(bridge.cloud.address(), "far/#").await;
    bridge.to_cloud.heal();
    cloud.until(100).await;
    bridge.end().await;
}

#[tokio::test]
async fn what_the_cloud_would_refuse_goes_to_the_dead_letters_and_holds_up_nothing() {
    let limits = Limits {
        max_packet: Some(1_000),
        ..Limits::default()
    };
    let bridge = Bridge::with(&["# out 1 out/ far/"], limits, Mode::Relay).await;
    let mut cloud = Listener::new(bridge.cloud.address(), "far/#").await;
    let mut dead = Listener::new(bridge.local.address(), "dead").await;
    let (here, _events) = session(bridge.local.address(), "publisher");
    here.publish(Publish::new("out/large", "x".repeat(2_000)))
        .await
        .unwrap()
        .await
        .unwrap();
    here.publish(Publish::new("out/small", "y"))
        .await
        .unwrap()
        .await
        .unwrap();
    assert_eq!(cloud.until(1).await, [("far/small".to_owned(), "y".to_owned())]);
    assert_eq!(dead.until(1).await[0].1.len(), 2_000);
    assert_eq!(bridge.handle.status().out.dropped_for("poison"), 1);
    bridge.end().await;
}

#[tokio::test]
async fn a_circle_of_bridges_ends_after_a_few_rounds() {
    // Two bridges that give each other everything, under one name: nothing but the hop count stops it.
    let bridge = Bridge::start(&["# both 1"], Mode::Relay).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let second = Relay {
        local: session(bridge.local.address(), "second-local"),
        cloud: session(bridge.cloud.address(), "second-cloud"),
        routes: Routes::new(vec!["# both 1".parse().unwrap()], Limits::default()),
        mode: Mode::Relay,
        dead_letter: None,
    };
    let (mut handle, run) = second.start(async { stopped.await.unwrap_or_default() });
    let task = tokio::spawn(run);
    tokio::time::timeout(DEADLINE, handle.ready())
        .await
        .expect("both sides come up");
    let (here, _events) = session(bridge.local.address(), "publisher");
    here.publish(Publish::new("x", "1")).await.unwrap().await.unwrap();
    let ended = || {
        let (a, b) = (bridge.handle.status(), handle.status());
        [a.out, a.incoming, b.out, b.incoming]
            .iter()
            .map(|lane| lane.dropped_for("circle"))
            .sum::<u64>()
            > 0
    };
    mqttkube_tests::wait::until(DEADLINE, "the circle is seen", ended).await;
    stop.send(()).unwrap();
    task.await.unwrap();
    bridge.end().await;
}
