//! What the broker does not take: for now, for good, or all of it at once; byte by byte.

use std::time::Duration;

use mqttkube_mqtt::{Delivery, Event, Publish, PublishError, Subscription};

use crate::support::scripted::{PUBACK, PUBLISH, Peer, SUBSCRIBE, Scripted, WELCOME, WELCOME_BACK};
use crate::support::{Watched, quick};

/// Answers a publish with a reason of MQTT 5.
async fn answer(peer: &mut Peer, id: u16, reason: u8) {
    let [high, low] = id.to_be_bytes();
    peer.send(&[PUBACK, 3, high, low, reason]).await;
}

/// Publishes one message; the broker answers `reasons` in turn, each time that it is sent.
async fn check(reasons: &[u8], expected: Result<Delivery, &str>) {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "refusals"));
    let receipt = session.publish(Publish::new("t", "x")).await;
    let (mut peer, _) = broker.welcome(WELCOME).await;
    for reason in reasons {
        let packet = peer.expect(PUBLISH).await;
        assert!(!packet.dup(), "a refused publish is over; this is a new one");
        answer(&mut peer, packet.publish().1, *reason).await;
    }
    let expected = expected.map_err(|reason| PublishError::Refused {
        reason: reason.to_owned(),
    });
    assert_eq!(receipt.await, expected, "{reasons:x?}");
}

#[tokio::test]
async fn a_quota_is_waited_for_and_a_passing_refusal_is_tried_four_times() {
    check(&[0x97, 0x97, 0x97, 0x00], Ok(Delivery::Acknowledged)).await;
    check(&[0x80, 0x83, 0x91, 0x10], Ok(Delivery::Acknowledged)).await;
    check(&[0x83, 0x83, 0x83, 0x83], Err("implementation specific error")).await;
    check(&[0x87], Err("not authorized")).await;
    check(&[0x90], Err("topic name invalid")).await;
    check(&[0x99], Err("payload format invalid")).await;
}

#[tokio::test]
async fn a_message_that_is_tried_again_does_not_hold_up_other_topics() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "others"));
    let poison = session.publish(Publish::new("bad", "x")).await;
    let behind = session.publish(Publish::new("bad", "y")).await;
    let (mut peer, _) = broker.welcome(WELCOME).await;
    let ids = [
        peer.expect(PUBLISH).await.publish().1,
        peer.expect(PUBLISH).await.publish().1,
    ];
    for id in ids {
        answer(&mut peer, id, 0x80).await;
    }
    let fine = session.publish(Publish::new("good", "z")).await;
    let packet = peer.expect(PUBLISH).await;
    assert_eq!(packet.publish().0, "good");
    peer.puback(packet.publish().1).await;
    assert_eq!(fine.await, Ok(Delivery::Acknowledged));
    for payload in [b"x", b"y"] {
        let packet = peer.expect(PUBLISH).await;
        assert!(packet.publish().2.ends_with(payload), "in their old order");
        peer.puback(packet.publish().1).await;
    }
    assert_eq!(poison.await, Ok(Delivery::Acknowledged));
    assert_eq!(behind.await, Ok(Delivery::Acknowledged));
}

#[tokio::test]
async fn a_packet_that_is_too_large_for_the_broker_is_found_and_refused_and_the_others_live() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "large"));
    let mut receipts = Vec::new();
    for topic in ["a", "large", "b"] {
        receipts.push(session.publish(Publish::new(topic, "x")).await);
    }
    let mut left = 2;
    while left > 0 {
        let (mut peer, _) = broker.welcome(WELCOME_BACK).await;
        while let Some(packet) = peer.read().await {
            let (topic, id, _) = packet.publish();
            if topic == "large" {
                peer.send(&[0xe0, 2, 0x95, 0]).await;
                break;
            }
            peer.puback(id).await;
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }
    let [first, large, last] = receipts.try_into().expect("three");
    assert_eq!(first.await, Ok(Delivery::Acknowledged));
    let Err(PublishError::Refused { reason }) = large.await else {
        panic!("it is refused");
    };
    assert!(reason.contains("packet too large"), "{reason}");
    assert_eq!(last.await, Ok(Delivery::Acknowledged));
}

#[tokio::test]
async fn a_broker_that_gets_too_much_at_once_gets_half_of_it() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "flood").in_flight(8));
    for number in 0..8 {
        let publish = Publish::new("t", number.to_string());
        drop(session.publish(publish).await);
    }
    for expected in [8, 4] {
        let (mut peer, _) = broker.welcome(WELCOME).await;
        for _ in 0..expected {
            peer.expect(PUBLISH).await;
        }
        assert!(peer.is_silent().await, "{expected} are enough");
        peer.send(&[0xe0, 2, 0x93, 0]).await;
    }
}

#[tokio::test]
async fn a_subscription_without_an_answer_is_a_fault_and_nothing_is_published_before() {
    let broker = Scripted::start().await;
    let options = quick(broker.port, "silent").connect_timeout(Duration::from_millis(300));
    let mut session = Watched::start(options);
    session
        .client
        .subscribe(vec![Subscription::new("in/#")])
        .expect("open");
    let receipt = session.publish(Publish::new("t", "x")).await;
    let (mut peer, _) = broker.welcome(WELCOME).await;
    peer.expect(SUBSCRIBE).await;
    assert!(peer.hung_up().await, "no publish goes out before the answer");
    let (reason, _) = session.offline().await;
    assert!(
        reason.contains("did not answer the subscription in/# within 300ms"),
        "{reason}"
    );
    let (mut peer, _) = broker.welcome(WELCOME).await;
    let [high, low] = peer.expect(SUBSCRIBE).await.id().to_be_bytes();
    peer.send(&[0x90, 4, high, low, 0, 1]).await;
    let id = peer.expect(PUBLISH).await.publish().1;
    peer.puback(id).await;
    assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
}

#[tokio::test]
async fn a_message_whose_life_ends_while_the_broker_is_away_is_not_sent() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "expiry"));
    let mut short = Publish::new("t", "short");
    short.message_expiry = Some(1);
    let receipt = session.publish(short).await;
    let mut peer = broker.accept().await;
    peer.expect(crate::support::scripted::CONNECT).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(1_100)).await; // its life
    tokio::time::resume();
    peer.send(WELCOME).await;
    assert_eq!(receipt.await, Ok(Delivery::Expired));
    assert_eq!(session.client.status().expired, 1);
}

/// Two sessions with one client id: the one that was there before says so, and does not come back at once.
#[tokio::test]
async fn a_takeover_while_nothing_is_renewed_is_not_fought() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "twice"));
    let (mut peer, _) = broker.welcome(WELCOME).await;
    session.online().await;
    peer.send(&[0xe0, 2, 0x8e, 0]).await;
    let event = session.until("event", Some).await;
    assert!(matches!(event, Event::Offline { kicked: true, .. }), "{event:?}");
    assert!(broker.is_left_alone().await);
    assert_eq!(session.client.status().takeovers, 1);
}
