//! A broker that sends more than the receive maximum allows, as Mosquitto 2.0 does with a queue.

use std::time::Duration;

use mqttkube_mqtt::{Delivery, Publish, Subscription};
use tokio::time::timeout;

use crate::support::mosquitto::Mosquitto;
use crate::support::scripted::{PUBACK, PUBLISH, Peer, Scripted, WELCOME, publish};
use crate::support::{PATIENCE, Watched, quick};

const PAYLOAD: [u8; 1_000] = [b'x'; 1_000];

/// All at once, as fast as the connection takes it.
async fn flood(peer: &mut Peer, count: u16) {
    let packets: Vec<u8> = (1..=count)
        .flat_map(|id| publish("t", id, &PAYLOAD, false))
        .collect();
    peer.send(&packets).await;
}

#[tokio::test]
async fn what_a_broker_sends_too_much_of_waits_with_it_and_arrives_in_order() {
    const COUNT: u16 = 20_000;
    let broker = Scripted::start().await;
    let mut session = Watched::start(quick(broker.port, "overrun").receive_maximum(100));
    let (mut peer, _) = broker.welcome(WELCOME).await;
    let sender = tokio::spawn(async move {
        flood(&mut peer, COUNT).await;
        for id in 1..=COUNT {
            assert_eq!(peer.expect(PUBACK).await.id(), id);
        }
    });
    let mut most = 0;
    for id in 1..=COUNT {
        let message = session.message().await;
        assert_eq!(message.packet_id, id);
        most = most.max(session.client.status().unacknowledged);
        session.client.ack(message.token).expect("the session is open");
    }
    sender.await.expect("every acknowledgement comes, in order");
    assert!((100..200).contains(&most), "{most} messages were held at once");
}

#[tokio::test]
async fn an_answer_behind_too_many_messages_comes_although_none_is_acknowledged() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "overrun").receive_maximum(100));
    let receipt = session.publish(Publish::new("t", "x")).await;
    let (mut peer, _) = broker.welcome(WELCOME).await;
    let asked = peer.expect(PUBLISH).await.publish().1;
    let start = tokio::time::Instant::now();
    flood(&mut peer, 400).await;
    let [high, low] = asked.to_be_bytes();
    peer.send(&[PUBACK, 2, high, low]).await;
    let outcome = timeout(PATIENCE, receipt).await.expect("an answer");
    assert_eq!(outcome, Ok(Delivery::Acknowledged));
    let waited = start.elapsed();
    assert!(
        waited >= Duration::from_millis(100),
        "300 messages too many were read in {waited:?}"
    );
}

#[tokio::test]
async fn a_queue_of_mosquitto_stays_with_it_until_it_is_worked_off() {
    const COUNT: usize = 20_000;
    let test = "a_queue_of_mosquitto_stays_with_it_until_it_is_worked_off";
    let Some(broker) = Mosquitto::start(test, "max_queued_messages 100000").await else {
        return;
    };
    let options = || quick(broker.port, "worker").receive_maximum(100);
    let mut session = Watched::start(options());
    let filters = vec![Subscription::new("queue")];
    session.client.subscribe(filters.clone()).expect("open");
    session.subscribed().await.1.expect("granted");
    session.client.close(Duration::from_secs(1)).await;

    let sender = Watched::start(quick(broker.port, "sender"));
    let mut receipts = Vec::new();
    for number in 0..COUNT {
        let message = Publish::new("queue", number.to_string());
        receipts.push(sender.publish(message).await);
    }
    for receipt in receipts {
        assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
    }

    let mut session = Watched::start(options());
    session.client.subscribe(filters).expect("open");
    let mut most = 0;
    for number in 0..COUNT {
        let message = session.message().await;
        assert_eq!(message.payload, number.to_string());
        most = most.max(session.client.status().unacknowledged);
        session.client.ack(message.token).expect("open");
    }
    assert!(most < 1_000, "{most} messages were held at once");
    session.client.close(Duration::from_secs(1)).await;
    sender.client.close(Duration::ZERO).await;
}
