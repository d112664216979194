//! A connection replaced by one with a new login, byte by byte: what is sent on which, and what the owner sees.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mqttkube_mqtt::{
    Credentials, CredentialsError, Delivery, Event, Later, Login, Publish, QoS, Renew, Subscription,
};
use tokio::sync::Notify;

use crate::support::scripted::{
    CONNECT, PINGREQ, PUBACK, PUBLISH, Packet, Peer, SUBSCRIBE, Scripted, WELCOME, WELCOME_BACK, publish,
};
use crate::support::{Watched, quick};

/// PINGRESP.
const PONG: &[u8] = &[0xd0, 0];
/// CONNACK of MQTT 5: not authorised (0x87), bad user name or password (0x86); of MQTT 3.1.1: bad password (4).
const NOT_AUTHORISED: &[u8] = &[0x20, 3, 0, 0x87, 0];
const BAD_LOGIN: &[u8] = &[0x20, 3, 0, 0x86, 0];
const BAD_LOGIN_311: &[u8] = &[0x20, 2, 0, 4];

/// Logins `token-1`, `token-2` and so on, due when the test says so.
#[derive(Default)]
struct Issuer {
    issued: AtomicUsize,
    due: Notify,
    answers: Mutex<Vec<bool>>,
}

impl Renew for Issuer {
    fn login(&self) -> Later<'_, Result<Login, CredentialsError>> {
        let number = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(std::future::ready(Ok(Login::new(
            "unused",
            format!("token-{number}"),
        ))))
    }

    fn due(&self) -> Later<'_, ()> {
        Box::pin(self.due.notified())
    }

    fn answered(&self, accepted: bool) {
        self.answers.lock().expect("no panic").push(accepted);
    }
}

fn start(broker: &Scripted) -> (Watched, Arc<Issuer>) {
    let issuer = Arc::new(Issuer::default());
    let options = quick(broker.port, "renewal").credentials(Credentials::renewed(issuer.clone()));
    (Watched::start(options), issuer)
}

fn shows(connect: &Packet, token: &str) -> bool {
    connect
        .body
        .windows(token.len())
        .any(|part| part == token.as_bytes())
}

/// The old connection comes to rest; returns the new one, which has said CONNECT.
async fn take_over(broker: &Scripted, old: &mut Peer) -> (Peer, Packet) {
    let mut new = broker.accept().await;
    old.expect(PINGREQ).await;
    old.send(PONG).await;
    let connect = new.expect(CONNECT).await;
    (new, connect)
}

#[tokio::test]
async fn the_old_connection_is_at_rest_before_the_new_one_says_connect() {
    let broker = Scripted::start().await;
    let (mut session, issuer) = start(&broker);
    let (mut old, connect) = broker.welcome(WELCOME).await;
    assert!(shows(&connect, "token-1"));
    assert_eq!(session.online().await, (1, false));
    let first = session.publish(Publish::new("t", "1")).await;
    let (_, id, _) = (old.expect(PUBLISH).await).publish();
    issuer.due.notify_one();
    let mut new = broker.accept().await;
    old.expect(PINGREQ).await;
    let second = session.publish(Publish::new("t", "2")).await;
    old.send(PONG).await;
    assert!(new.is_silent().await, "a publish is not answered yet");
    old.puback(id).await;
    assert!(shows(&new.expect(CONNECT).await, "token-2"));
    assert_eq!(first.await, Ok(Delivery::Acknowledged));
    new.send(WELCOME_BACK).await;
    let packet = new.expect(PUBLISH).await;
    assert!(!packet.dup(), "it was never sent before");
    new.puback(packet.publish().1).await;
    assert_eq!(second.await, Ok(Delivery::Acknowledged));
    let next = session.until("event", Some).await;
    assert!(matches!(next, Event::Online { epoch: 2, .. }), "{next:?}");
    assert_eq!(*issuer.answers.lock().expect("no panic"), [true, true]);
    assert_eq!(session.client.status().renewals, 1);
}

#[tokio::test]
async fn a_message_that_comes_again_is_not_delivered_again_and_its_token_stays_good() {
    let broker = Scripted::start().await;
    let (mut session, issuer) = start(&broker);
    let (mut old, _) = broker.welcome(WELCOME).await;
    old.send(&publish("t", 7, b"early", false)).await;
    old.send(&publish("t", 8, b"late", false)).await;
    let (early, late) = (session.message().await, session.message().await);
    issuer.due.notify_one();
    let mut new = broker.accept().await;
    old.expect(PINGREQ).await;
    session.client.ack(early.token).expect("open");
    old.send(PONG).await;
    new.expect(CONNECT).await;
    new.send(WELCOME_BACK).await;
    new.send(&publish("t", 7, b"early", true)).await;
    assert_eq!(
        new.expect(PUBACK).await.id(),
        7,
        "its owner was done with it before"
    );
    new.send(&publish("t", 8, b"late", true)).await;
    new.send(&publish("t", 7, b"another", false)).await;
    assert_eq!(session.message().await.payload, "another");
    session.client.ack(late.token).expect("open");
    assert_eq!(new.expect(PUBACK).await.id(), 8);
    assert_eq!(session.client.status().stale_acks, 0);
}

#[tokio::test]
async fn a_refusal_leaves_the_old_connection_as_it_was() {
    for refusal in [NOT_AUTHORISED, BAD_LOGIN] {
        let broker = Scripted::start().await;
        let (mut session, issuer) = start(&broker);
        let (mut old, _) = broker.welcome(WELCOME).await;
        old.send(&publish("t", 7, b"m", false)).await;
        let message = session.message().await;
        issuer.due.notify_one();
        let (mut new, _) = take_over(&broker, &mut old).await;
        session.client.ack(message.token).expect("open");
        let receipt = session.publish(Publish::new("t", "1")).await;
        new.send(refusal).await;
        assert_eq!(old.expect(PUBACK).await.id(), 7);
        let (_, id, _) = (old.expect(PUBLISH).await).publish();
        old.puback(id).await;
        assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
        assert_eq!(*issuer.answers.lock().expect("no panic"), [true, false]);
        // The issuer says when it has something better.
        issuer.due.notify_one();
        let (mut new, connect) = take_over(&broker, &mut old).await;
        assert!(shows(&connect, "token-3"));
        new.send(WELCOME_BACK).await;
        session
            .until("connection", |event| {
                matches!(event, Event::Online { epoch: 2, .. }).then_some(())
            })
            .await;
        assert_eq!(session.client.status().renewals, 1);
    }
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_not_waited_for_and_one_that_forgot_the_session_gets_everything_again()
 {
    let broker = Scripted::start().await;
    let (mut session, issuer) = start(&broker);
    session
        .client
        .subscribe(vec![Subscription::new("in/#")])
        .expect("open");
    let (mut old, _) = broker.welcome(WELCOME).await;
    let subscribe = old.expect(SUBSCRIBE).await;
    let [high, low] = subscribe.id().to_be_bytes();
    old.send(&[0x90, 4, high, low, 0, 1]).await;
    assert_eq!(session.subscribed().await.1, Ok(QoS::AtLeastOnce));
    let receipt = session.publish(Publish::new("t", "1")).await;
    old.expect(PUBLISH).await;
    issuer.due.notify_one();
    let mut new = broker.accept().await;
    old.expect(PINGREQ).await;
    new.expect(CONNECT).await;
    new.send(WELCOME).await;
    let [high, low] = new.expect(SUBSCRIBE).await.id().to_be_bytes();
    new.send(&[0x90, 4, high, low, 0, 1]).await;
    let packet = new.expect(PUBLISH).await;
    new.puback(packet.publish().1).await;
    assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
}

#[tokio::test]
async fn a_kept_session_is_not_subscribed_again() {
    let broker = Scripted::start().await;
    let (mut session, issuer) = start(&broker);
    session
        .client
        .subscribe(vec![Subscription::new("in/#")])
        .expect("open");
    let (mut old, _) = broker.welcome(WELCOME).await;
    let [high, low] = old.expect(SUBSCRIBE).await.id().to_be_bytes();
    old.send(&[0x90, 4, high, low, 0, 1]).await;
    assert_eq!(session.subscribed().await.1, Ok(QoS::AtLeastOnce));
    issuer.due.notify_one();
    let (mut new, _) = take_over(&broker, &mut old).await;
    new.send(WELCOME_BACK).await;
    let receipt = session.publish(Publish::new("t", "1")).await;
    let packet = new.expect(PUBLISH).await;
    new.puback(packet.publish().1).await;
    assert_eq!(receipt.await, Ok(Delivery::Acknowledged));
    assert_eq!(session.client.status().granted, 1);
}

#[tokio::test]
async fn the_next_login_is_asked_for_when_its_issuer_says_so_not_by_the_pause_of_the_network() {
    let broker = Scripted::start().await;
    let issuer = Arc::new(Issuer::default());
    let options = quick(broker.port, "renewal")
        .version(mqttkube_mqtt::Version::V311)
        .credentials(Credentials::renewed(issuer.clone()));
    let mut session = Watched::start(options);
    let mut peer = broker.accept().await;
    peer.expect(CONNECT).await;
    peer.send(BAD_LOGIN_311).await;
    let (reason, kicked) = session.offline().await;
    assert!(reason.contains("bad user name password") && !kicked, "{reason}");
    assert!(broker.is_left_alone().await, "nobody has said that it is time");
    issuer.due.notify_one();
    let mut peer = broker.accept().await;
    assert!(shows(&peer.expect(CONNECT).await, "token-2"));
    assert_eq!(*issuer.answers.lock().expect("no panic"), [false]);
}
