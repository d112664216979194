//! The relay with a durable store between two real brokers, killed at any time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mqttkube_tests::mqtt_probe::{Consumer, Message, Options};
use mqttkube_tests::process::{MosquittoOptions, free_port};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::{program, wait};

use super::scene::{Folder, Publisher, SOON, until_ready};

/// Time between two messages of one lane.
const PACE: Duration = Duration::from_millis(2);

/// A consumer's session, which the broker keeps.
fn listener(id: &str) -> Options {
    Options {
        client_id: id.to_owned(),
        session_expiry: 3_600,
        ..Options::default()
    }
}

/// Publishes numbers until it is told to end; returns how many.
async fn publish(broker: SocketAddr, topic: &str, ends: &AtomicBool) -> u64 {
    let mut publisher = Publisher::new(broker);
    let mut pace = tokio::time::interval(PACE);
    let mut number = 0;
    while !ends.load(Ordering::Relaxed) {
        pace.tick().await;
        publisher.publish(topic, &number.to_string()).await;
        number += 1;
    }
    number
}

/// What arrived of one lane.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arrived {
    distinct: u64,
    again: u64,
    /// First arrivals of a number after that of a larger one.
    overtaken: u64,
}

fn arrived(messages: &[Message]) -> Arrived {
    let (mut seen, mut largest) = (BTreeMap::<u64, u64>::new(), 0);
    let mut arrived = Arrived::default();
    for message in messages {
        let number = message.text().parse().unwrap();
        let times = seen.entry(number).or_default();
        *times += 1;
        if *times > 1 {
            arrived.again += 1;
            continue;
        }
        arrived.distinct += 1;
        arrived.overtaken += u64::from(number < largest);
        largest = largest.max(number);
    }
    arrived
}

/// bridge.md 2.4 and reliability.md row 31: whenever the relay dies, what it has acknowledged is in its store or at the
/// other broker, and leaves in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_of_the_relay_with_a_store_at_any_time_loses_nothing_both_ways() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let broker = || MosquittoOptions::default().persistent(1);
    let (local, mut remote) = (broker().start().await.unwrap(), broker().start().await.unwrap());
    let consumers = [
        Consumer::start(remote.address(), listener("there"), &["up/#"]).await,
        Consumer::start(local.address(), listener("here"), &["home/down/#"]).await,
    ];
    let (folder, http) = (Folder::new(), free_port());
    let config = folder.write(
        "bridge.yaml",
        format!(
            "local: {{port: {}, client-id: bridge-local}}\n\
             cloud: {{profile: plain, host: 127.0.0.1, port: {}, client-id: bridge-remote, tls: false}}\n\
             rules: [\"# out 1 home/up/ up/\", \"# in 1 home/down/ down/\"]\n\
             relay: {{mode: store, store: {{path: {}}}}}\n\
             http: {{bind: 127.0.0.1, port: {http}}}\n",
            local.port(),
            remote.port(),
            folder.path("outbox").display(),
        ),
    );
    let spec = program::spec("cloud-bridge", folder.path("relay.log"))
        .arg("run")
        .arg(config);
    let mut relay = Some(spec.start().unwrap());
    until_ready(relay.as_ref().expect("it was started"), http).await;
    let (ends, rounds) = (AtomicBool::new(false), 10 * wait::scale());
    let (here, there) = (local.address(), remote.address());
    let kills = async {
        let mut random = u64::from(std::process::id());
        for round in 0..rounds {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let moment = Duration::from_micros((random >> 33) % 150_000);
            // Every second time the store has to hold what comes, over the death.
            let away = round % 2 == 1;
            if away {
                remote.terminate().await.unwrap();
            }
            tokio::time::sleep(moment).await; // the random moment itself
            drop(relay.take());
            let started = relay.insert(spec.start().unwrap());
            if away {
                remote.start().await.unwrap();
            }
            until_ready(started, http).await;
        }
        ends.store(true, Ordering::Relaxed);
    };
    let up = publish(here, "home/up/t", &ends);
    let down = publish(there, "down/t", &ends);
    let (up, down, ()) = tokio::join!(up, down, kills);
    for (sent, consumer) in [up, down].into_iter().zip(&consumers) {
        let all = || arrived(&consumer.messages()).distinct == sent;
        wait::until(SOON, "the arrival of everything", all).await;
        let arrived = arrived(&consumer.messages());
        println!("{rounds} deaths, {sent} messages: {arrived:?}");
        assert_eq!(arrived.overtaken, 0);
    }
}
