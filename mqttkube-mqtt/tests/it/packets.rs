//! What passes over the wire, seen by a broker that follows a script. Each of these cases is a way in which a client
//! library has been seen to lose messages, stop, or loop.

use std::time::Duration;

use mqttkube_mqtt::{Delivery, Event, Publish, PublishError, QoS, Subscription, Version, Warning};
use tokio::time::Instant;

use crate::support::scripted::{
    DISCONNECT, PINGREQ, PUBACK, PUBCOMP, PUBLISH, PUBREL, SUBSCRIBE, Scripted, WELCOME, WELCOME_311,
    WELCOME_BACK, packet, publish,
};
use crate::support::{Watched, quick};

const GRACE: Duration = Duration::from_millis(200);

#[tokio::test]
async fn trap_subscriptions_are_made_again_on_every_connection_each_with_its_own_identifier() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "again"));
    let filters = ["a/#", "a/+", "a/b"];
    session
        .client
        .subscribe(filters.map(Subscription::new).into())
        .expect("open");
    for answer in [WELCOME, WELCOME_BACK, WELCOME] {
        let (mut peer, _) = broker.welcome(answer).await;
        let mut identifiers = Vec::new();
        for filter in filters {
            let subscribe = peer.expect(SUBSCRIBE).await;
            let body = &subscribe.body;
            assert!(
                body.ends_with(&[filter.as_bytes(), &body[body.len() - 1..]].concat()),
                "one filter per packet"
            );
            assert_eq!(body[body.len() - 1] & 0x07, 0x05, "QoS 1 and no-local");
            identifiers.push(body[3..body.len() - filter.len() - 3].to_vec());
        }
        identifiers.dedup();
        assert_eq!(identifiers.len(), 3);
    }
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_an_unanswered_publish_is_sent_again_with_dup_and_the_same_identifier_on_a_kept_session() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "resend"));
    let receipt = session
        .client
        .publish(Publish::new("t", "1"))
        .await
        .expect("open");
    let (mut peer, _) = broker.welcome(WELCOME).await;
    let first = peer.expect(PUBLISH).await;
    assert!(!first.dup());
    drop(peer);

    let (mut peer, _) = broker.welcome(WELCOME_BACK).await;
    let second = peer.expect(PUBLISH).await;
    assert!(second.dup());
    assert_eq!(second.publish(), first.publish());
    peer.puback(second.publish().1).await;
    assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_unanswered_and_queued_publishes_survive_a_lost_session_in_order() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "lost").in_flight(3));
    let mut receipts = Vec::new();
    for number in 0..10 {
        receipts.push(
            session
                .client
                .publish(Publish::new(format!("t/{number}"), "x"))
                .await
                .expect("open"),
        );
    }
    let (mut peer, _) = broker.welcome(WELCOME).await;
    for _ in 0..3 {
        peer.expect(PUBLISH).await;
    }
    drop(peer);

    let (mut peer, _) = broker.welcome(WELCOME).await;
    for number in 0..10 {
        let publish = peer.expect(PUBLISH).await;
        assert_eq!(publish.publish().0, format!("t/{number}"));
        assert!(!publish.dup(), "a new session knows nothing to be a duplicate of");
        peer.puback(publish.publish().1).await;
    }
    for receipt in receipts {
        assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
    }
    session.client.close(GRACE).await;
}

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
    let warning = session.until("warning", |event| {
        if let Event::Warning(warning) = event {
            Some(warning)
        } else {
            None
        }
    });
    assert_eq!(
        warning.await,
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
async fn trap_a_publish_too_large_for_the_broker_is_refused_and_the_others_pass() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "poison"));
    let poison = session
        .client
        .publish(Publish::new("big", vec![b'x'; 5000]))
        .await
        .expect("below our own limit");
    let fine = session
        .client
        .publish(Publish::new("small", "x"))
        .await
        .expect("open");
    // Maximum packet size 1000.
    let (mut peer, _) = broker.welcome(&[0x20, 8, 0, 0, 5, 0x27, 0, 0, 0x03, 0xe8]).await;
    assert_eq!(
        poison.await,
        Err(PublishError::TooLarge {
            size: 5011,
            limit: 1000
        })
    );
    let small = peer.expect(PUBLISH).await;
    assert_eq!(small.publish().0, "small");
    peer.puback(small.publish().1).await;
    assert_eq!(fine.await, Ok(Delivery::Acknowledged));
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_publish_that_makes_the_broker_hang_up_is_given_up_in_the_end() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "hangup"));
    let poison = session
        .client
        .publish(Publish::new("bad", "x"))
        .await
        .expect("open");
    let fine = session
        .client
        .publish(Publish::new("good", "x"))
        .await
        .expect("open");
    let serve = async {
        loop {
            let (mut peer, _) = broker.welcome(WELCOME_BACK).await;
            if let Some(packet) = peer.read().await
                && packet.publish().0 == "good"
            {
                peer.puback(packet.publish().1).await;
                return peer;
            }
        }
    };
    let (_peer, poison, fine) = tokio::join!(serve, poison, fine);
    assert!(matches!(poison, Err(PublishError::Refused { .. })), "{poison:?}");
    assert_eq!(fine, Ok(Delivery::Acknowledged));
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_negative_puback_reaches_the_caller_as_an_error() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "refused"));
    let receipt = session
        .client
        .publish(Publish::new("secret", "x"))
        .await
        .expect("open");
    let (mut peer, _) = broker.welcome(WELCOME).await;
    let [high, low] = peer.expect(PUBLISH).await.publish().1.to_be_bytes();
    peer.send(&[PUBACK, 3, high, low, 0x87]).await;
    assert_eq!(
        receipt.await,
        Err(PublishError::Refused {
            reason: "not authorized".into()
        })
    );
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_refused_subscription_is_reported_by_filter_and_the_link_stays() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "suback"));
    session
        .client
        .subscribe(vec![Subscription::new("no"), Subscription::new("yes")])
        .expect("open");
    let (mut peer, _) = broker.welcome(WELCOME).await;
    let [first, second] = [
        peer.expect(SUBSCRIBE).await.id(),
        peer.expect(SUBSCRIBE).await.id(),
    ]
    .map(u16::to_be_bytes);
    // Answers in the other order: the packet identifier counts, not the position.
    peer.send(&[0x90, 4, second[0], second[1], 0, 0x01]).await;
    peer.send(&[0x90, 4, first[0], first[1], 0, 0x87]).await;
    assert_eq!(session.subscribed().await, ("yes".into(), Ok(QoS::AtLeastOnce)));
    assert_eq!(
        session.subscribed().await,
        ("no".into(), Err("not authorized".into()))
    );
    assert_eq!(session.client.status().granted, 1);
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_hundred_subscriptions_outstanding_do_not_share_identifiers() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "many"));
    let wanted: Vec<_> = (0..200)
        .map(|number| Subscription::new(format!("f/{number:03}")))
        .collect();
    session.client.subscribe(wanted).expect("open");
    // Receive maximum 2: identifiers must not wrap around at it.
    let (mut peer, _) = broker.welcome(&[0x20, 6, 0, 0, 3, 0x21, 0, 2]).await;
    let mut unanswered = Vec::new();
    let mut answered = std::collections::HashSet::new();
    while answered.len() < 200 {
        if unanswered.len() == 64 || answered.len() + unanswered.len() == 200 {
            let [high, low] = u16::to_be_bytes(unanswered.remove(0));
            peer.send(&[0x90, 4, high, low, 0, 0x01]).await;
            answered.insert(session.subscribed().await.0);
        } else {
            let id = peer.expect(SUBSCRIBE).await.id();
            assert!(!unanswered.contains(&id), "identifier {id} is in use");
            unanswered.push(id);
        }
    }
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
async fn trap_acknowledgements_out_of_order_do_not_wedge_the_window() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "wedge"));
    let mut receipts = Vec::new();
    for number in 0..40 {
        receipts.push(
            session
                .client
                .publish(Publish::new(format!("t/{number}"), "x"))
                .await
                .expect("open"),
        );
    }
    // Receive maximum 4; the first publish is answered last of all.
    let (mut peer, _) = broker.welcome(&[0x20, 6, 0, 0, 3, 0x21, 0, 4]).await;
    let first = peer.expect(PUBLISH).await.publish().1;
    let mut in_use = std::collections::HashSet::from([first]);
    for _ in 1..40 {
        let id = peer.expect(PUBLISH).await.publish().1;
        assert!(in_use.insert(id), "identifier {id} is in use");
        peer.puback(id).await;
        in_use.remove(&id);
    }
    peer.puback(first).await;
    for receipt in receipts {
        assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
    }
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_refused_publishes_at_qos_2_do_not_use_up_the_window() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "leak"));
    // Receive maximum 1.
    let welcome = [0x20, 6, 0, 0, 3, 0x21, 0, 1];
    let send = |number: usize| Publish::new(number.to_string(), "x").qos(QoS::ExactlyOnce);
    let first = session.client.publish(send(0)).await.expect("open");
    let (mut peer, _) = broker.welcome(&welcome).await;
    let mut receipt = first;
    for number in 1..5 {
        let [high, low] = peer.expect(PUBLISH).await.publish().1.to_be_bytes();
        peer.send(&[0x50, 3, high, low, 0x87]).await;
        assert_eq!(
            receipt.await,
            Err(PublishError::Refused {
                reason: "not authorized".into()
            })
        );
        receipt = session.client.publish(send(number)).await.expect("open");
    }
    session.client.close(GRACE).await;
}

#[tokio::test]
async fn trap_a_broker_that_demands_no_keep_alive_is_not_pinged_without_pause() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "zero"));
    // Server keep alive 0.
    let (mut peer, _) = broker.welcome(&[0x20, 6, 0, 0, 3, 0x13, 0, 0]).await;
    session.online().await;
    let receipt = session
        .client
        .publish(Publish::new("t", "x"))
        .await
        .expect("open");
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

#[tokio::test]
async fn trap_a_broker_of_311_that_answers_in_its_own_form_is_spoken_to_in_311() {
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "old"));
    let (peer, connect) = broker.welcome(&[0x20, 2, 0, 1]).await;
    assert_eq!(connect.body[6], 5, "protocol level");
    drop(peer);
    let (_peer, connect) = broker.welcome(WELCOME_311).await;
    assert_eq!(connect.body[6], 4);
    let warning = session.until("warning", |event| {
        if let Event::Warning(warning) = event {
            Some(warning)
        } else {
            None
        }
    });
    assert_eq!(warning.await, Warning::FellBackTo311);
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
