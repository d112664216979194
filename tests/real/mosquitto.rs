//! The starter of Mosquitto, and the facts about brokers that fault tests build on.

use std::time::Duration;

use mqttkube_tests::mqtt_probe::{Consumer, Message, Options, Probe};
use mqttkube_tests::process::{Mosquitto, MosquittoOptions};
use mqttkube_tests::proxy::{Fault, Side, TcpProxy};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;

const SOON: Duration = Duration::from_secs(10);

fn session(id: &str) -> Options {
    Options {
        client_id: id.to_owned(),
        session_expiry: 3600,
        ..Options::default()
    }
}

async fn probe(broker: &Mosquitto) -> Probe {
    Probe::connect(broker.address(), Options::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_killed_broker_that_saves_at_once_keeps_everything() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let mut broker = MosquittoOptions::default().persistent(1).start().await.unwrap();
    let consumer = Consumer::start(broker.address(), session("control"), &["commands/#"]).await;
    probe(&broker)
        .await
        .publish(&Message::new("state/lamp", "on").retained())
        .await
        .unwrap();
    for round in 0..3 {
        let publisher = probe(&broker).await;
        for number in 0..20 {
            let payload = format!("{round}/{number}");
            assert_eq!(
                publisher
                    .publish(&Message::new("commands/a", payload))
                    .await
                    .unwrap(),
                0
            );
        }
        broker.kill();
        broker.start().await.unwrap();
        let connections = round + 2;
        wait::until(SOON, "new connection", || consumer.connections() == connections).await;
    }
    let sent: Vec<_> = (0..3)
        .flat_map(|round| (0..20).map(move |number| format!("{round}/{number}")))
        .collect();
    wait::until_ok(SOON, "delivery of everything in order", async || {
        // Repetitions are allowed, so only the first arrival of each counts.
        let mut first: Vec<String> = Vec::new();
        for message in consumer.messages() {
            if !first.contains(&message.text()) {
                first.push(message.text());
            }
        }
        if first == sent { Ok(()) } else { Err(first) }
    })
    .await;
    let retained = Probe::retained(broker.address(), "state/#").await.unwrap();
    assert_eq!(retained["state/lamp"].as_ref(), b"on");
}

#[tokio::test]
async fn a_wiped_database_loses_the_session() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let mut broker = MosquittoOptions::default().persistent(1).start().await.unwrap();
    let first = Probe::connect(broker.address(), session("one")).await.unwrap();
    first.subscribe("a", 1).await.unwrap();
    broker.terminate().await.unwrap();
    broker.start().await.unwrap();
    let kept = Probe::connect(broker.address(), session("one")).await.unwrap();
    assert!(kept.session_present());
    broker.terminate().await.unwrap();
    broker.wipe().unwrap();
    broker.start().await.unwrap();
    let lost = Probe::connect(broker.address(), session("one")).await.unwrap();
    assert!(!lost.session_present());
}

#[tokio::test]
async fn a_paused_broker_is_silent_and_goes_on() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let broker = MosquittoOptions::default().start().await.unwrap();
    let probe = probe(&broker).await;
    probe.subscribe("a", 1).await.unwrap();
    broker.pause();
    let message = Message::new("a", "1");
    let published = probe.publish(&message);
    let silent = tokio::time::timeout(Duration::from_millis(200), published).await;
    assert!(silent.is_err(), "a paused broker answered");
    broker.resume();
    probe.wait(SOON, |messages| messages.len() == 1).await;
}

#[tokio::test]
async fn passwords_and_access_lists_count() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let options = MosquittoOptions::default()
        .user("ann", "secret")
        .acl("user ann\ntopic readwrite open/#\n");
    let broker = options.start().await.unwrap();
    let login = |password: &str| Options {
        credentials: Some(("ann".to_owned(), password.to_owned())),
        ..Options::default()
    };
    let refused = Probe::connect(broker.address(), login("wrong"))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("NotAuthorized"), "{refused}");
    let ann = Probe::connect(broker.address(), login("secret")).await.unwrap();
    let denied = ann.publish(&Message::new("closed/a", "1")).await.unwrap();
    assert!(denied >= 0x80, "{denied}");
    broker.set_acl("user ann\ntopic readwrite closed/#\n").unwrap();
    broker.reload();
    // Reading its files again, this version ends the connections of users with a password.
    wait::until_ok(SOON, "new access list", async || {
        let ann = Probe::connect(broker.address(), login("secret")).await?;
        let code = ann.publish(&Message::new("closed/a", "1")).await?;
        anyhow::ensure!(code < 0x80, "denied with {code}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn properties_pass_unchanged() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let broker = MosquittoOptions::default().start().await.unwrap();
    let probe = probe(&broker).await;
    probe.subscribe("a", 1).await.unwrap();
    let sent = Message {
        response_topic: Some("answers/1".to_owned()),
        correlation_data: Some("id-1".into()),
        user_properties: vec![("k".to_owned(), "v".to_owned()), ("k".to_owned(), "w".to_owned())],
        expiry: Some(60),
        ..Message::new("a", "1")
    };
    probe.publish(&sent).await.unwrap();
    probe.wait(SOON, |messages| messages.len() == 1).await;
    let received = probe.messages().remove(0);
    let expected = Message {
        packet_id: received.packet_id,
        expiry: received.expiry,
        ..sent
    };
    assert_eq!(received, expected);
    assert!(received.expiry.is_some());
}

#[tokio::test]
async fn an_unacknowledged_message_comes_again_as_a_duplicate() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let broker = MosquittoOptions::default().start().await.unwrap();
    let proxy = TcpProxy::start(broker.address()).await.unwrap();
    let silent = Options {
        no_acks: true,
        ..session("one")
    };
    let first = Probe::connect(proxy.address(), silent).await.unwrap();
    first.subscribe("a", 1).await.unwrap();
    proxy.set(Fault::Slice(1));
    probe(&broker)
        .await
        .publish(&Message::new("a", "1"))
        .await
        .unwrap();
    first.wait(SOON, |messages| messages.len() == 1).await;
    proxy.heal();
    proxy.cut();
    first.ended(SOON).await;
    let second = Probe::connect(proxy.address(), session("one")).await.unwrap();
    second.wait(SOON, |messages| messages.len() == 1).await;
    assert!(second.messages()[0].dup && !first.messages()[0].dup);
}

#[tokio::test]
async fn a_will_is_published_when_a_connection_breaks_but_not_after_a_farewell() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let broker = MosquittoOptions::default().start().await.unwrap();
    let proxy = TcpProxy::start(broker.address()).await.unwrap();
    let watcher = probe(&broker).await;
    watcher.subscribe("will/#", 1).await.unwrap();
    let will = |topic: &str| Options {
        will: Some(Message::new(topic, "gone")),
        ..Options::default()
    };
    Probe::connect(proxy.address(), will("will/polite"))
        .await
        .unwrap()
        .disconnect()
        .await;
    let broken = Probe::connect(proxy.address(), will("will/broken"))
        .await
        .unwrap();
    proxy.set(Fault::ResetAfter(Side::ToServer, 0));
    // The next packet that it sends meets the fault.
    let lost = broken.publish(&Message::new("x", "1")).await;
    assert!(lost.is_err());
    watcher.wait(SOON, |messages| !messages.is_empty()).await;
    let topics: Vec<_> = watcher
        .messages()
        .into_iter()
        .map(|message| message.topic)
        .collect();
    assert_eq!(topics, ["will/broken"]);
}
