//! Links that break, against the embedded broker.

use std::collections::HashSet;
use std::time::Duration;

use mqttkube_mqtt::{Delivery, Event, Publish, Subscription};

use crate::support::embedded::Embedded;
use crate::support::proxy::Proxy;
use crate::support::{Watched, quick};

#[tokio::test]
async fn trap_three_thousand_messages_pass_a_link_that_is_cut_forty_times() {
    const MESSAGES: usize = 3000;
    const CUTS: usize = 40;
    let broker = Embedded::start().await;
    let proxy = Proxy::start(broker.port).await;
    let mut receiver = Watched::start(quick(broker.port, "receiver"));
    receiver
        .client
        .subscribe(vec![Subscription::new("soak")])
        .expect("open");
    receiver.subscribed().await.1.expect("granted");

    let sender = Watched::start(quick(proxy.port, "sender"));
    let client = sender.client.clone();
    let publishing = tokio::spawn(async move {
        let mut receipts = Vec::new();
        for number in 0..MESSAGES {
            receipts.push(
                client
                    .publish(Publish::new("soak", number.to_string()))
                    .await
                    .expect("open"),
            );
        }
        let mut acknowledged = 0;
        for receipt in receipts {
            acknowledged += usize::from(receipt.await == Ok(Delivery::Acknowledged));
        }
        acknowledged
    });

    let (mut seen, mut first_deliveries) = (HashSet::new(), Vec::new());
    while seen.len() < MESSAGES {
        let message = receiver.message().await;
        receiver.client.ack(message.token).expect("open");
        let number: usize = String::from_utf8_lossy(&message.payload)
            .parse()
            .expect("a number");
        if seen.insert(number) {
            first_deliveries.push(number);
            if seen.len() % (MESSAGES / (CUTS + 1)) == 0 && proxy.connections() <= CUTS {
                proxy.cut();
            }
        }
    }
    assert_eq!(publishing.await.expect("the publisher ends"), MESSAGES);
    assert!(first_deliveries.is_sorted(), "first deliveries are in order");
    assert!(
        proxy.connections() > CUTS / 2,
        "only {} connections",
        proxy.connections()
    );
    sender.client.close(Duration::from_secs(1)).await;
    receiver.client.close(Duration::from_secs(1)).await;
    broker.stop().await;
}

#[tokio::test]
async fn trap_unacknowledged_messages_come_again_after_a_cut() {
    let broker = Embedded::start().await;
    let proxy = Proxy::start(broker.port).await;
    let mut receiver = Watched::start(quick(proxy.port, "manual"));
    receiver
        .client
        .subscribe(vec![Subscription::new("work/#")])
        .expect("open");
    receiver.subscribed().await.1.expect("granted");
    let sender = Watched::start(quick(broker.port, "boss"));
    for number in 0..3 {
        let receipt = sender
            .client
            .publish(Publish::new(format!("work/{number}"), "x"))
            .await
            .expect("open");
        assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
    }
    let done = receiver.message().await;
    receiver.client.ack(done.token).expect("open");
    let open = [receiver.message().await.topic, receiver.message().await.topic];
    // The broker has the acknowledgement when it has answered something that was sent after it.
    let after = receiver
        .client
        .publish(Publish::new("other", "x"))
        .await
        .expect("open");
    assert_eq!(after.await, Ok(Delivery::Acknowledged));
    proxy.cut();
    let (_, session_present) = receiver.online().await;
    assert!(session_present);
    let again = [receiver.message().await, receiver.message().await];
    assert_eq!(again.each_ref().map(|message| message.topic.clone()), open);
    sender.client.close(Duration::ZERO).await;
    receiver.client.close(Duration::ZERO).await;
    broker.stop().await;
}

#[tokio::test]
async fn publishes_during_an_outage_arrive_and_of_a_retained_topic_only_the_newest() {
    let broker = Embedded::start().await;
    let port = broker.port;
    let mut session = Watched::start(quick(port, "outage"));
    session.online().await;
    broker.stop().await;
    session.offline().await;
    let mut receipts = Vec::new();
    for number in 0..50 {
        let publish = Publish::new("state", number.to_string()).retained();
        receipts.push(session.publish(publish).await);
    }
    let broker = Embedded::on(port, |config| config).await;
    let last = receipts.pop().expect("fifty");
    assert_eq!(last.await, Ok(Delivery::Acknowledged));
    for receipt in receipts {
        assert_eq!(receipt.await, Ok(Delivery::Superseded));
    }
    let mut reader = Watched::start(quick(port, "reader"));
    reader
        .client
        .subscribe(vec![Subscription::new("state")])
        .expect("open");
    assert_eq!(reader.message().await.payload, "49");
    session.client.close(Duration::ZERO).await;
    reader.client.close(Duration::ZERO).await;
    broker.stop().await;
}

#[tokio::test]
async fn trap_a_full_outbox_makes_the_caller_wait_but_not_the_session() {
    let broker = Embedded::start().await;
    let port = broker.port;
    broker.stop().await;
    let mut session = Watched::start(quick(port, "full").outbox(5));
    session.offline().await;
    for _ in 0..5 {
        drop(
            session
                .client
                .try_publish(Publish::new("t", "x"))
                .expect("there is room"),
        );
    }
    let refused = session
        .client
        .try_publish(Publish::new("t", "x"))
        .expect_err("there is none");
    assert_eq!(refused, mqttkube_mqtt::Error::Full);
    let newest = session.client.try_publish(Publish::new("state", "x").retained());
    assert!(newest.is_ok(), "a state waits for nobody");
    let client = session.client.clone();
    let waiting = tokio::spawn(async move {
        client
            .publish(Publish::new("t", "last"))
            .await
            .expect("open")
            .await
    });
    let broker = Embedded::on(port, |config| config).await;
    assert_eq!(
        waiting.await.expect("it got its place"),
        Ok(Delivery::Acknowledged)
    );
    session.client.close(Duration::ZERO).await;
    broker.stop().await;
}

#[tokio::test]
async fn trap_a_consumer_that_also_publishes_does_not_freeze() {
    let broker = Embedded::start().await;
    let mut echo = Watched::start(quick(broker.port, "echo").outbox(2).receive_maximum(4));
    echo.client
        .subscribe(vec![Subscription::new("in")])
        .expect("open");
    echo.subscribed().await.1.expect("granted");
    let source = Watched::start(quick(broker.port, "source"));
    let feeding = tokio::spawn(async move {
        for number in 0..500 {
            drop(
                source
                    .client
                    .publish(Publish::new("in", number.to_string()))
                    .await
                    .expect("open"),
            );
        }
        source.client.close(Duration::from_secs(10)).await
    });
    for _ in 0..500 {
        let message = echo.message().await;
        let receipt = echo
            .client
            .publish(Publish::new("out", message.payload.clone()))
            .await
            .expect("open");
        echo.client.ack(message.token).expect("open");
        drop(receipt);
    }
    assert_eq!(feeding.await.expect("the source ends"), 0);
    assert_eq!(echo.client.close(Duration::from_secs(10)).await, 0);
    broker.stop().await;
}

#[tokio::test]
async fn a_frozen_link_does_not_stop_close() {
    let broker = Embedded::start().await;
    let proxy = Proxy::start(broker.port).await;
    let mut session = Watched::start(quick(proxy.port, "frozen"));
    session.online().await;
    proxy.freeze();
    let receipt = session.publish(Publish::new("t", "x")).await;
    let since = tokio::time::Instant::now();
    assert_eq!(session.client.close(Duration::from_millis(300)).await, 1);
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    assert_eq!(receipt.await, Err(mqttkube_mqtt::PublishError::Closed));
    proxy.thaw();
    broker.stop().await;
}

#[tokio::test]
async fn dropping_every_client_ends_the_session() {
    let broker = Embedded::start().await;
    let (client, mut events) = mqttkube_mqtt::connect(
        quick(broker.port, "dropped")
            .build()
            .expect("the options are sound"),
    );
    while !matches!(events.next().await, Some(Event::Online { .. })) {}
    drop(client);
    while events.next().await.is_some() {}
    broker.stop().await;
}
