//! The same promises on a real Mosquitto.

use std::collections::HashSet;
use std::time::Duration;

use mqttkube_mqtt::{Delivery, Event, Publish, QoS, Reconnect, Subscription, Version};

use crate::support::mosquitto::Mosquitto;
use crate::support::{Watched, quick};

#[tokio::test]
async fn mosquitto_restarts_lose_nothing_in_either_direction() {
    let Some(mut broker) = Mosquitto::start("mosquitto_restarts_lose_nothing_in_either_direction", "").await
    else {
        return;
    };
    let mut receiver = Watched::start(quick(broker.port, "receiver"));
    receiver
        .client
        .subscribe(vec![Subscription::new("load/#")])
        .expect("open");
    receiver.subscribed().await.1.expect("granted");
    let sender = Watched::start(quick(broker.port, "sender"));
    let client = sender.client.clone();
    let publishing = tokio::spawn(async move {
        let mut receipts = Vec::new();
        for number in 0..2000 {
            let publish = Publish::new(format!("load/{}", number % 7), number.to_string());
            receipts.push(client.publish(publish).await.expect("open"));
        }
        for receipt in receipts {
            assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
        }
    });
    let mut seen = HashSet::new();
    while seen.len() < 2000 {
        let message = receiver.message().await;
        receiver.client.ack(message.token).expect("open");
        if seen.insert(message.payload) && seen.len() % 500 == 250 {
            broker.stop().await;
            broker.restart().await;
        }
    }
    publishing.await.expect("every publish was acknowledged");
    assert!(receiver.client.status().epoch > 2);
    sender.client.close(Duration::from_secs(1)).await;
    receiver.client.close(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn mosquitto_that_forgot_the_session_gets_subscriptions_and_publishes_again() {
    let test = "mosquitto_that_forgot_the_session_gets_subscriptions_and_publishes_again";
    let Some(mut broker) = Mosquitto::start(test, "autosave_interval 1800").await else {
        return;
    };
    let mut session = Watched::start(quick(broker.port, "forgotten"));
    session
        .client
        .subscribe(vec![Subscription::new("a").with_local()])
        .expect("open");
    session.subscribed().await.1.expect("granted");
    broker.kill().await;
    session.offline().await;
    let receipt = session.publish(Publish::new("a", "after")).await;
    broker.restart().await;
    let (epoch, session_present) = session.online().await;
    assert!(epoch >= 2 && !session_present);
    assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
    session.subscribed().await.1.expect("granted again");
    session.client.close(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn mosquitto_delivers_once_per_overlapping_filter_with_its_identifier() {
    let test = "mosquitto_delivers_once_per_overlapping_filter_with_its_identifier";
    let Some(broker) = Mosquitto::start(test, "").await else {
        return;
    };
    for (version, deliveries) in [(Version::V5, 3), (Version::V311, 1)] {
        let mut session = Watched::start(quick(broker.port, "overlap").version(version));
        let filters = ["a/#", "a/+", "a/b"].map(|filter| Subscription::new(filter).with_local());
        let identifiers: HashSet<u32> = filters.iter().map(|subscription| subscription.id).collect();
        session.client.subscribe(filters.into()).expect("open");
        for _ in 0..3 {
            session.subscribed().await.1.expect("granted");
        }
        let receipt = session.publish(Publish::new("a/b", "x")).await;
        assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
        let mut seen = Vec::new();
        for _ in 0..deliveries {
            let message = session.message().await;
            session.client.ack(message.token).expect("open");
            seen.extend(message.subscription_ids);
        }
        if version == Version::V5 {
            assert_eq!(seen.into_iter().collect::<HashSet<_>>(), identifiers);
        } else {
            assert!(seen.is_empty());
        }
        assert_eq!(session.client.status().received, deliveries);
        session.client.close(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn mosquitto_takeover_is_reported_and_not_fought() {
    let test = "mosquitto_takeover_is_reported_and_not_fought";
    let Some(broker) = Mosquitto::start(test, "").await else {
        return;
    };
    let reconnect = Reconnect {
        min: Duration::from_millis(10),
        max: Duration::from_secs(2),
        after_takeover: Duration::from_secs(60),
    };
    let start = || Watched::start(quick(broker.port, "same").reconnect(reconnect));
    let (mut first, mut second) = (start(), start());
    let winner = tokio::select! {
        () = kicked(&mut first) => &second,
        () = kicked(&mut second) => &first,
    };
    let receipt = winner
        .client
        .publish(Publish::new("t", "still here"))
        .await
        .expect("open");
    assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
    let kicks = |session: &Watched| session.client.status().takeovers;
    assert_eq!(kicks(&first) + kicks(&second), 1);
    first.client.close(Duration::ZERO).await;
    second.client.close(Duration::ZERO).await;
}

async fn kicked(session: &mut Watched) {
    let kicked = |event| matches!(event, Event::Offline { kicked: true, .. }).then_some(());
    session.until("takeover", kicked).await;
}

#[tokio::test]
async fn mosquitto_limits_the_packet_size_and_only_the_large_publish_fails() {
    let test = "mosquitto_limits_the_packet_size_and_only_the_large_publish_fails";
    let Some(broker) = Mosquitto::start(test, "max_packet_size 2000").await else {
        return;
    };
    for version in [Version::V5, Version::V311] {
        let session = Watched::start(quick(broker.port, "limit").version(version));
        let large = session
            .client
            .publish(Publish::new("t", vec![0; 5000]))
            .await
            .expect("below our own limit");
        let small = session.publish(Publish::new("t", "x")).await;
        assert!(large.await.is_err(), "{version}");
        assert_eq!(small.await, Ok(Delivery::Acknowledged), "{version}");
        session.client.close(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn mosquitto_takes_every_level_of_publish_in_both_versions() {
    let test = "mosquitto_takes_every_level_of_publish_in_both_versions";
    let Some(broker) = Mosquitto::start(test, "").await else {
        return;
    };
    for version in [Version::V5, Version::V311] {
        let mut session = Watched::start(quick(broker.port, "levels").version(version));
        session
            .client
            .subscribe(vec![Subscription::new("q/#").with_local()])
            .expect("open");
        assert_eq!(session.subscribed().await.1, Ok(QoS::AtLeastOnce));
        for (qos, delivery) in [
            (QoS::AtMostOnce, Delivery::Sent),
            (QoS::AtLeastOnce, Delivery::Acknowledged),
            (QoS::ExactlyOnce, Delivery::Acknowledged),
        ] {
            let receipt = session.publish(Publish::new("q/x", "x").qos(qos)).await;
            assert_eq!(receipt.await, Ok(delivery), "{version} {qos:?}");
            let message = session.message().await;
            assert_eq!(message.qos, qos.min(QoS::AtLeastOnce));
            session.client.ack(message.token).expect("open");
        }
        session.client.close(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn mosquitto_keeps_messages_for_a_session_that_was_closed() {
    let test = "mosquitto_keeps_messages_for_a_session_that_was_closed";
    let Some(broker) = Mosquitto::start(test, "").await else {
        return;
    };
    let mut session = Watched::start(quick(broker.port, "kept"));
    session
        .client
        .subscribe(vec![Subscription::new("cmd")])
        .expect("open");
    session.subscribed().await.1.expect("granted");
    session.client.close(Duration::from_secs(1)).await;
    let sender = Watched::start(quick(broker.port, "sender"));
    let receipt = sender
        .client
        .publish(Publish::new("cmd", "while away"))
        .await
        .expect("open");
    assert_eq!(receipt.await, Ok(Delivery::Acknowledged));

    let mut session = Watched::start(quick(broker.port, "kept"));
    let event = session.until("connection", |event| {
        matches!(
            event,
            Event::Online {
                session_present: true,
                ..
            }
        )
        .then_some(())
    });
    event.await;
    assert_eq!(session.message().await.payload, "while away");
    session.client.close(Duration::from_secs(1)).await;
    sender.client.close(Duration::ZERO).await;
}
