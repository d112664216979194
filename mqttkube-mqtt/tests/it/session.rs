//! What everybody expects of a session.

use std::time::Duration;

use mqttkube_mqtt::{Availability, Delivery, Publish, QoS, State, Subscription, Version};

use crate::support::embedded::Embedded;
use crate::support::{Watched, quick};

#[tokio::test]
async fn a_message_goes_round_and_is_acknowledged() {
    let broker = Embedded::start().await;
    let mut session = Watched::start(quick(broker.port, "round"));
    session
        .client
        .subscribe(vec![Subscription::new("a/+").with_local()])
        .expect("open");
    assert_eq!(session.online().await, (1, false));
    assert_eq!(session.subscribed().await, ("a/+".into(), Ok(QoS::AtLeastOnce)));

    let receipt = session.publish(Publish::new("a/b", "hello")).await;
    assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
    let message = session.message().await;
    assert_eq!(
        (message.topic.as_str(), &message.payload[..]),
        ("a/b", &b"hello"[..])
    );
    assert_eq!(message.subscription_ids, [Subscription::new("a/+").id]);
    session.client.ack(message.token).expect("open");

    assert_eq!(session.client.close(Duration::from_secs(5)).await, 0);
    let status = session.client.status();
    assert_eq!(
        (status.state, status.version, status.acknowledged),
        (State::Closed, Version::V5, 1)
    );
    broker.stop().await;
}

#[tokio::test]
async fn availability_is_online_while_connected_and_offline_after_close() {
    let broker = Embedded::start().await;
    let mut watcher = Watched::start(quick(broker.port, "watcher"));
    watcher
        .client
        .subscribe(vec![Subscription::new("s/status")])
        .expect("open");
    watcher.subscribed().await.1.expect("granted");

    let mut session = Watched::start(quick(broker.port, "s").availability(Availability::new("s/status")));
    session.online().await;
    let birth = watcher.message().await;
    assert_eq!(birth.payload, "online");
    watcher.client.ack(birth.token).expect("open");
    session.client.close(Duration::from_secs(5)).await;
    assert_eq!(watcher.message().await.payload, "offline");
    watcher.client.close(Duration::ZERO).await;
    broker.stop().await;
}
