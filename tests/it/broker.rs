//! The embedded broker keeps what a broker must keep.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mqtt5::{ConnectOptions, MqttClient, PublishOptions, QoS};
use mqttkube_tests::broker::EmbeddedBroker;
use mqttkube_tests::wait;

const SOON: Duration = Duration::from_secs(5);

async fn connect(broker: &EmbeddedBroker, id: &str) -> MqttClient {
    let client = MqttClient::with_options(ConnectOptions::new(id));
    client
        .connect(&format!("mqtt://{}", broker.address()))
        .await
        .expect("the broker accepts");
    client
}

/// The payloads that one client has received.
type Inbox = Arc<Mutex<Vec<String>>>;

async fn subscribe(client: &MqttClient, filter: &str) -> Inbox {
    let inbox = Inbox::default();
    let into = inbox.clone();
    let callback = move |message: mqtt5::Message| {
        into.lock()
            .unwrap()
            .push(String::from_utf8(message.payload).unwrap());
    };
    client
        .subscribe(filter, callback)
        .await
        .expect("the broker subscribes");
    inbox
}

async fn publish_retained(client: &MqttClient, topic: &str, payload: &str) {
    let options = PublishOptions {
        qos: QoS::AtLeastOnce,
        retain: true,
        ..PublishOptions::default()
    };
    client
        .publish_with_options(topic, payload, options)
        .await
        .expect("the broker acknowledges");
}

#[tokio::test]
async fn messages_reach_subscribers_and_retained_ones_wait() {
    let broker = EmbeddedBroker::start().await.unwrap();
    let publisher = connect(&broker, "publisher").await;
    let early = subscribe(&connect(&broker, "early").await, "home/#").await;
    publish_retained(&publisher, "home/lamp", "on").await;
    wait::until(SOON, "the message", || *early.lock().unwrap() == ["on"]).await;
    let late = subscribe(&connect(&broker, "late").await, "home/#").await;
    wait::until(SOON, "the retained message", || *late.lock().unwrap() == ["on"]).await;
}

#[tokio::test]
async fn a_restart_keeps_the_port_and_forgets_the_rest() {
    let mut broker = EmbeddedBroker::start().await.unwrap();
    let before = broker.address();
    publish_retained(&connect(&broker, "publisher").await, "home/lamp", "on").await;
    broker.restart().await.unwrap();
    assert_eq!(broker.address(), before);
    let client = connect(&broker, "subscriber").await;
    let inbox = subscribe(&client, "home/#").await;
    publish_retained(&client, "home/end", "end").await;
    wait::until(SOON, "the last message", || !inbox.lock().unwrap().is_empty()).await;
    assert_eq!(*inbox.lock().unwrap(), ["end"]);
}

#[tokio::test]
async fn a_persistent_broker_keeps_retained_messages_over_a_restart() {
    let mut broker = EmbeddedBroker::persistent().await.unwrap();
    publish_retained(&connect(&broker, "publisher").await, "home/lamp", "on").await;
    broker.restart().await.unwrap();
    let inbox = subscribe(&connect(&broker, "subscriber").await, "home/#").await;
    wait::until(SOON, "the retained message", || *inbox.lock().unwrap() == ["on"]).await;
}

#[tokio::test]
async fn a_stopped_broker_closes_its_port() {
    let broker = EmbeddedBroker::start().await.unwrap();
    let address = broker.address();
    broker.stop().await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
