//! Messages from the broker, and their acknowledgements.

use mqttkube_mqtt::{Subscription, Version, Warning};

use super::GRACE;
use crate::support::scripted::{
    PUBACK, PUBCOMP, PUBREL, SUBSCRIBE, Scripted, WELCOME, WELCOME_311, WELCOME_BACK, packet, publish,
};
use crate::support::{Watched, quick};

#[tokio::test]
async fn trap_a_late_acknowledgement_is_not_sent_on_the_next_connection() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "epoch"));
    let (mut peer, _) = broker.welcome(WELCOME).await;
    peer.send(&publish("t", 7, b"old", false)).await;
    let old = session.message().await;
    drop(peer);

    let (mut peer, _) = broker.welcome(WELCOME).await;
    session.offline().await;
    session.online().await;
    session.client.ack(old.token).expect("open");
    peer.send(&publish("t", 7, b"new", false)).await;
    let new = session.message().await;
    peer.send(&publish("t", 8, b"next", false)).await;
    let next = session.message().await;
    session.client.ack(next.token).expect("open");
    session.client.ack(new.token).expect("open");
    assert_eq!(peer.expect(PUBACK).await.id(), 7, "in the order of arrival");
    assert_eq!(peer.expect(PUBACK).await.id(), 8);
    session.client.close(GRACE).await;
    assert_eq!(session.client.status().stale_acks, 1);
}

#[tokio::test]
async fn trap_a_message_above_the_payload_limit_is_dropped_acknowledged_and_counted_and_the_link_stays() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "large").max_payload(20_000));
    let (mut peer, connect) = broker.welcome(WELCOME).await;
    let announced = [0x27, 0x00, 0x10, 0x00, 0x00];
    assert!(
        connect.body.windows(5).any(|bytes| bytes == announced),
        "maximum packet size 1 MiB is announced"
    );
    peer.send(&publish("big", 1, &[b'x'; 20_001], false)).await;
    peer.send(&publish("fits", 2, &[b'x'; 20_000], false)).await;
    assert_eq!(
        session.warning().await,
        Warning::TooLarge {
            topic: "big".into(),
            size: 20_001
        }
    );
    assert_eq!(peer.expect(PUBACK).await.id(), 1);
    assert_eq!(session.message().await.topic, "fits");
    assert_eq!(session.client.status().dropped_large, 1);
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_packet_above_the_announced_limit_ends_the_connection_and_names_the_subscriptions() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "huge").version(Version::V311));
    session
        .client
        .subscribe(vec![Subscription::new("cam/#")])
        .expect("open");
    let (mut peer, _) = broker.welcome(WELCOME_311).await;
    peer.expect(SUBSCRIBE).await;
    peer.send(&[0x32, 0xff, 0xff, 0xff, 0x7f]).await;
    let (reason, kicked) = session.offline().await;
    assert_eq!(
        reason,
        "connection given up: a packet of 268435460 bytes arrived, the limit is 1048576; it belongs to one of the \
         subscriptions cam/#"
    );
    assert!(!kicked);
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_topic_that_is_not_text_is_dropped_and_acknowledged() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "utf8"));
    let (mut peer, _) = broker.welcome(WELCOME).await;
    peer.send(&packet(0x32, &[0, 2, 0xc3, 0x28, 0, 5, 0, b'x'])).await;
    assert_eq!(peer.expect(PUBACK).await.id(), 5);
    peer.send(&publish("é/\u{2028}", 6, b"fine", false)).await;
    assert_eq!(session.message().await.topic, "é/\u{2028}");
    assert_eq!(session.client.status().dropped_topic, 1);
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_pubrel_for_an_unknown_identifier_is_answered_and_does_not_end_the_connection() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "pubrel"));
    let (mut peer, _) = broker.welcome(WELCOME_BACK).await;
    peer.send(&[PUBREL | 0x02, 2, 0, 99]).await;
    assert_eq!(peer.expect(PUBCOMP).await.id(), 99);
    peer.send(&publish("t", 1, b"alive", false)).await;
    assert_eq!(session.message().await.payload, "alive");
    session.client.close(GRACE).await;
}
