//! Devices behind a gateway, attached by the relay at a cloud that asks each of them for a token of its own and takes
//! nothing from those that are not attached (bridge.md section 3).

use std::time::Duration;

use mqttkube_bridge::credential::{JwtSource, ScheduleOptions, Source};
use mqttkube_bridge::endpoint::Limits;
use mqttkube_bridge::relay::{Gateway, Mode, Relay, Rollover, Routes, Store, StoreOptions};
use mqttkube_mqtt::{Options, OptionsBuilder, Reconnect, Version, connect};
use mqttkube_tests::broker::EmbeddedBroker;
use mqttkube_tests::fake_cloud::{CloudOptions, Door, FakeCloud, Takes};
use mqttkube_tests::mqtt_probe::{Message, Probe};
use mqttkube_tests::wait;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::keys::{AUDIENCE, EC_KEY, RSA_KEY, ec_public, rsa_public};
use super::scene::DEADLINE;

const GATEWAY: &str = "projects/p/locations/r/registries/g/devices/gw";

fn options(port: u16, id: &str) -> OptionsBuilder {
    let quick = Reconnect {
        min: Duration::from_millis(20),
        max: Duration::from_millis(100),
        after_takeover: Duration::from_millis(200),
    };
    Options::builder("127.0.0.1", id).port(port).reconnect(quick)
}

/// Publishes the numbers of devices, while the connection to the cloud is cut and replaced again and again.
async fn carries_over_cuts_and_new_tokens(mode: Mode) {
    let door = Door::new(AUDIENCE, Duration::ZERO)
        .client(GATEWAY, ec_public())
        .device("lamp", rsa_public())
        .device("lock", rsa_public());
    let cloud = FakeCloud::start(CloudOptions {
        door,
        takes: Takes::clearblade(&["gw"]),
        ..CloudOptions::default()
    });
    let (local, cloud) = (EmbeddedBroker::start().await.unwrap(), cloud.await.unwrap());
    let token = |pem: &[u8]| -> Box<dyn Source> { Box::new(JwtSource::new(pem, AUDIENCE, 3_600).unwrap()) };
    let devices = ["lamp", "lock"].map(|name| (name.to_owned(), token(RSA_KEY)));
    let gateway = Gateway::new("gw", devices.into(), ScheduleOptions::default());
    let rollover = Rollover::new(token(EC_KEY), ScheduleOptions::default());
    let at_cloud = options(cloud.port(), GATEWAY)
        .version(Version::V311)
        .no_fall_back()
        .credentials(rollover.credentials())
        .opening(gateway.opening());
    let rules = vec!["+/events out 1 home/ /devices/".parse().unwrap()];
    let relay = Relay {
        local: connect(options(local.port(), "relay").build().unwrap()),
        cloud: connect(at_cloud.build().unwrap()),
        routes: Routes::new(rules, Limits::default()).with_gateway(&gateway),
        mode,
        dead_letter: None,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let (mut handle, run) = relay.start(async { drop(stopped.await) });
    let running = tokio::spawn(run);
    tokio::time::timeout(DEADLINE, handle.ready()).await.unwrap();
    let publisher = Probe::connect(local.address(), mqttkube_tests::mqtt_probe::Options::default());
    let publisher = publisher.await.unwrap();
    let mut sent = 0_u64;
    for round in 0..10 {
        let before = cloud.counts().attached.len();
        if round % 2 == 0 {
            cloud.cut(GATEWAY);
        } else {
            rollover.renew();
        }
        // Both of them once more.
        let attached = async {
            while cloud.counts().attached.len() < before + 2 {
                for device in ["lamp", "lock"] {
                    let reading = Message::new(format!("home/{device}/events"), sent.to_string());
                    publisher.publish(&reading).await.unwrap();
                }
                sent += 1;
            }
        };
        let attached = tokio::time::timeout(DEADLINE, attached).await;
        assert!(attached.is_ok(), "round {round}: {:?}", cloud.counts());
        wait::until(DEADLINE, "a bridge that is ready", || handle.status().ready()).await;
    }
    for device in ["lamp", "lock"] {
        let topic = format!("/devices/{device}/events");
        cloud
            .wait(DEADLINE, "arrival of everything", |_, ledger| {
                ledger.topic(&topic).distinct == sent
            })
            .await;
        let tally = cloud.ledger().topic(&topic);
        assert_eq!((tally.gaps, tally.inversions), (0, 0), "{tally:?}");
    }
    let counts = cloud.counts();
    assert_eq!(
        counts.violations,
        [] as [&str; 0],
        "nothing goes out before its device is attached"
    );
    for name in ["lamp", "lock"] {
        let attached = counts.attached.iter().filter(|device| *device == name).count() as u64;
        assert!(
            (11..=counts.connections).contains(&attached),
            "{name} is attached on every connection, once: {counts:?}"
        );
    }
    let status = gateway.status();
    assert!(status.devices.iter().all(|device| device.attached), "{status:?}");
    assert_eq!(handle.status().out.dropped, []);
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn devices_are_attached_again_on_every_connection_in_relay_mode() {
    carries_over_cuts_and_new_tokens(Mode::Relay).await;
}

#[tokio::test]
async fn devices_are_attached_again_on_every_connection_in_store_mode() {
    let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
    let store = Store::open(&StoreOptions::new(folder.path().join("outbox"))).unwrap();
    carries_over_cuts_and_new_tokens(Mode::Store(store)).await;
}
