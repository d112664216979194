//! Connections: how they are kept alive, in which version, and how they end.

use std::time::Duration;

use mqttkube_mqtt::{Delivery, Publish, Version, Warning};
use tokio::time::Instant;

use super::GRACE;
use crate::support::scripted::{
    DISCONNECT, PINGREQ, PUBLISH, Scripted, WELCOME, WELCOME_311, packet, publish,
};
use crate::support::{Watched, quick};

#[tokio::test]
async fn trap_a_broker_that_demands_no_keep_alive_is_not_pinged_without_pause() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "zero"));
    // Server keep alive 0.
    let (mut peer, _) = broker.welcome(&[0x20, 6, 0, 0, 3, 0x13, 0, 0]).await;
    session.online().await;
    let receipt = session.publish(Publish::new("t", "x")).await;
    let id = peer.expect(PUBLISH).await.publish().1;
    peer.puback(id).await;
    assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
    session.client.close(GRACE).await;
    assert_eq!(
        peer.read().await.map(|packet| packet.kind()),
        Some(DISCONNECT),
        "and no ping before"
    );
}

#[tokio::test]
async fn trap_a_half_open_connection_is_given_up_within_twice_the_keep_alive() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "silent"));
    // Server keep alive 1 s.
    let (mut peer, _) = broker.welcome(&[0x20, 6, 0, 0, 3, 0x13, 0, 1]).await;
    session.online().await;
    let since = Instant::now();
    peer.expect(PINGREQ).await;
    let (reason, _) = session.offline().await;
    assert_eq!(
        reason,
        "connection lost: the broker is silent for twice the keep-alive"
    );
    assert!(
        (1500..4000).contains(&since.elapsed().as_millis()),
        "{:?}",
        since.elapsed()
    );
    assert!(peer.hung_up().await);
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_session_that_was_taken_over_is_not_fought_for() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "twice"));
    let (mut peer, _) = broker.welcome(WELCOME).await;
    session.online().await;
    peer.send(&[DISCONNECT, 1, 0x8e]).await;
    let (reason, kicked) = session.offline().await;
    assert!(kicked, "{reason}");
    assert_eq!(session.client.status().takeovers, 1);
    let quiet = tokio::time::timeout(Duration::from_millis(300), broker.accept()).await;
    assert!(quiet.is_err(), "the next attempt waits for a minute");
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_answers_to_unknown_identifiers_are_ignored_and_counted() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "unknown"));
    let (mut peer, _) = broker.welcome(WELCOME).await;
    peer.puback(0).await;
    peer.puback(4242).await;
    peer.send(&[0x90, 4, 0xff, 0xff, 0, 0x01]).await;
    peer.send(&publish("t", 1, b"alive", false)).await;
    assert_eq!(session.message().await.payload, "alive");
    assert_eq!(session.client.status().unknown_answers, 3);
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_bytes_that_make_no_sense_end_the_connection_not_the_session() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "noise"));
    let noise: [&[u8]; 6] = [
        &[0x30, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &packet(0x36, &[0, 1, b't', 0, 1, 0]),
        &packet(0x32, &[0, 200, b't']),
        &packet(0x32, &[0, 1, b't', 0, 0, 0]),
        &packet(0x30, &[0, 1, b't', 2, 0xfe, 0]),
        &packet(0xf0, &[0x18]),
    ];
    for bytes in noise {
        let (mut peer, _) = broker.welcome(WELCOME).await;
        session.online().await;
        peer.send(bytes).await;
        let (reason, _) = session.offline().await;
        assert!(
            reason.starts_with("connection given up: a malformed packet arrived"),
            "{bytes:02x?}: {reason}"
        );
    }
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_broker_of_311_that_answers_in_its_own_form_is_spoken_to_in_311() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "old"));
    let (peer, connect) = broker.welcome(&[0x20, 2, 0, 1]).await;
    assert_eq!(connect.body[6], 5, "protocol level");
    drop(peer);
    let (_peer, connect) = broker.welcome(WELCOME_311).await;
    assert_eq!(connect.body[6], 4);
    assert_eq!(session.warning().await, Warning::FellBackTo311);
    session.online().await;
    assert_eq!(session.client.status().version, Version::V311);
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_broker_that_knew_mqtt_5_once_is_never_spoken_to_in_311() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "new"));
    let (peer, _) = broker.welcome(WELCOME).await;
    drop(peer);
    for _ in 0..3 {
        let (peer, connect) = broker.welcome(&[]).await;
        assert_eq!(connect.body[6], 5);
        drop(peer);
    }
    session.client.close(Duration::ZERO).await;
}

#[tokio::test]
async fn trap_after_disconnect_there_is_no_further_connection() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "bye"));
    let (mut peer, _) = broker.welcome(WELCOME).await;
    session.online().await;
    let client = session.client.clone();
    let closing = tokio::spawn(async move { client.close(Duration::from_secs(5)).await });
    peer.expect(DISCONNECT).await;
    assert!(peer.hung_up().await);
    drop(peer);
    assert_eq!(closing.await.expect("close returns"), 0);
    assert!(session.client.publish(Publish::new("t", "x")).await.is_err());
}
