//! Devices behind a gateway: attached with their own tokens before their topics are used (bridge.md section 3).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mqttkube_bridge::credential::{Credential, CredentialError, ScheduleOptions, Source, UnixTime};
use mqttkube_bridge::relay::Gateway;
use mqttkube_mqtt::Version;

use super::scripted::{PUBACK, PUBLISH, Peer, SUBSCRIBE, WELCOME_BACK, publish};
use super::{Bench, PATIENCE, Setup, grant, seen, take};

/// Tokens `NAME-1` and so on that live for `life` seconds; none while `life` is 0.
#[derive(Debug)]
struct Tokens {
    name: &'static str,
    issued: u64,
    life: Arc<AtomicU64>,
}

impl Source for Tokens {
    fn issue(&mut self, now: UnixTime) -> Result<Credential, CredentialError> {
        let life = self.life.load(Ordering::SeqCst);
        if life == 0 {
            return Err(CredentialError::Unavailable("no key".to_owned()));
        }
        self.issued += 1;
        Ok(Credential {
            username: None,
            secret: format!("{}-{}", self.name, self.issued).into(),
            expires: Some(UnixTime(now.0 + life)),
        })
    }
}

fn gateway(devices: &[(&'static str, u64)]) -> Gateway {
    let devices = devices.iter().map(|(name, life)| {
        let life = Arc::new(AtomicU64::new(*life));
        let source = Tokens {
            name,
            issued: 0,
            life,
        };
        ((*name).to_owned(), Box::new(source) as Box<dyn Source>)
    });
    Gateway::new("gw", devices.collect(), ScheduleOptions::default())
}

async fn start(gateway: &Gateway) -> Bench {
    let setup = Setup {
        gateway: Some(gateway.clone()),
        dead_letter: Some("dead"),
        ..Setup::default()
    };
    Bench::start(&["# out 1 l/ /devices/"], setup).await
}

/// The next publish must attach this device with this token.
async fn attaches(peer: &mut Peer, device: &str, token: &str) -> u16 {
    let seen = seen(&peer.expect(PUBLISH).await);
    let payload = String::from_utf8(seen.payload).expect("text");
    assert_eq!(seen.topic, format!("/devices/{device}/attach"));
    assert_eq!(payload, format!(r#"{{"authorization":"{token}"}}"#));
    seen.id
}

#[tokio::test]
async fn every_connection_attaches_the_devices_before_anything_else() {
    let gateway = gateway(&[("a", 3_600), ("b", 3_600)]);
    let mut bench = start(&gateway).await;
    bench.here.send(&publish("l/a/events", 1, b"x", false)).await;
    let first = seen(&bench.there.expect(PUBLISH).await);
    assert_eq!(first.topic, "/devices/a/events");
    // The link is cut; the message waits behind the attachments.
    let mut there = bench.reconnect(WELCOME_BACK).await;
    let ids = [
        attaches(&mut there, "a", "a-2").await,
        attaches(&mut there, "b", "b-2").await,
    ];
    assert!(there.is_silent().await, "neither subscriptions nor messages");
    for id in ids {
        there.puback(id).await;
    }
    let mut seen_subscribe = false;
    loop {
        let packet = there.read().await.expect("it stands");
        if packet.kind() == SUBSCRIBE {
            seen_subscribe = true;
            grant(&mut there, &packet, Version::V5).await;
        } else {
            assert_eq!(seen(&packet).topic, "/devices/a/events");
            break;
        }
    }
    assert!(seen_subscribe);
    let status = gateway.status();
    assert!(
        status
            .devices
            .iter()
            .all(|device| device.attached && device.attachments == 2),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_device_that_cannot_be_attached_holds_up_no_other() {
    let gateway = gateway(&[("keyless", 0), ("b", 3_600)]);
    let mut bench = start(&gateway).await;
    bench
        .here
        .send(&publish("l/keyless/events", 1, b"x", false))
        .await;
    bench.here.send(&publish("l/b/events", 2, b"y", false)).await;
    assert_eq!(take(&mut bench.there).await.topic, "/devices/b/events");
    bench
        .until("the other one is a dead letter", |status| {
            status.out.dropped_for("poison") == 1
        })
        .await;
    let [keyless, other] = gateway.status().devices.try_into().expect("two");
    assert!(other.attached && !keyless.attached);
    assert!(keyless.failure.is_some_and(|why| why.contains("no key")));
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_and_devices_are_detached_at_the_end() {
    let gateway = gateway(&[("a", 1)]);
    let mut bench = start(&gateway).await;
    let (running, cloud) = (gateway.clone(), bench.cloud_client.clone());
    let task = tokio::spawn(async move { running.run(&cloud).await });
    let id = attaches(&mut bench.there, "a", "a-2").await;
    bench.there.puback(id).await;
    bench
        .until("it is attached again", |_| {
            gateway.status().devices[0].attachments == 2
        })
        .await;
    task.abort();
    let detach = gateway.detach(&bench.cloud_client, PATIENCE);
    let answer = async {
        let seen = loop {
            let seen = take(&mut bench.there).await;
            if !seen.topic.ends_with("attach") {
                break seen;
            }
        };
        assert_eq!(
            (seen.topic.as_str(), seen.payload.as_slice()),
            ("/devices/a/detach", &b""[..])
        );
    };
    tokio::join!(detach, answer);
    assert!(!gateway.status().devices[0].attached);
}

#[tokio::test]
async fn what_the_cloud_reports_is_seen_and_not_counted_as_lost() {
    let gateway = gateway(&[("a", 3_600)]);
    let mut bench = start(&gateway).await;
    let report = br#"{"error_type":"GATEWAY_DEVICE_NOT_FOUND"}"#;
    bench
        .there
        .send(&publish("/devices/gw/errors", 7, report, false))
        .await;
    assert_eq!(bench.there.expect(PUBACK).await.id(), 7);
    let status = gateway.status();
    assert_eq!(status.errors, 1);
    assert!(status.last_error.is_some_and(|error| error.contains("NOT_FOUND")));
    assert_eq!(bench.handle.status().incoming.dropped, []);
}

#[tokio::test]
async fn a_refused_attachment_is_told_with_its_reason() {
    let gateway = gateway(&[("a", 3_600)]);
    let mut bench = start(&gateway).await;
    let mut there = bench.reconnect(WELCOME_BACK).await;
    let [high, low] = attaches(&mut there, "a", "a-2").await.to_be_bytes();
    there.send(&[PUBACK, 3, high, low, 0x87]).await;
    let packet = there.expect(SUBSCRIBE).await;
    grant(&mut there, &packet, Version::V5).await;
    let failure = gateway.status().devices[0].failure.clone();
    assert_eq!(failure.as_deref(), Some("not authorized"));
    tokio::time::timeout(Duration::from_secs(10), async {
        // It is tried again, with another token, while it runs.
        let (running, cloud) = (gateway.clone(), bench.cloud_client.clone());
        let task = tokio::spawn(async move { running.run(&cloud).await });
        let id = attaches(&mut there, "a", "a-3").await;
        there.puback(id).await;
        task.abort();
    })
    .await
    .expect("in time");
}
