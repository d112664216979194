//! Publishes that are not answered, refused, or answered in another order.

use mqttkube_mqtt::{Delivery, Publish, PublishError, QoS};

use super::GRACE;
use crate::support::scripted::{PUBACK, PUBLISH, Scripted, WELCOME, WELCOME_BACK};
use crate::support::{Watched, quick};

#[tokio::test]
async fn trap_an_unanswered_publish_is_sent_again_with_dup_and_the_same_identifier_on_a_kept_session() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "resend"));
    let receipt = session.publish(Publish::new("t", "1")).await;
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
        receipts.push(session.publish(Publish::new(format!("t/{number}"), "x")).await);
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
async fn trap_a_publish_too_large_for_the_broker_is_refused_and_the_others_pass() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "poison"));
    let poison = session
        .client
        .publish(Publish::new("big", vec![b'x'; 5000]))
        .await
        .expect("below our own limit");
    let fine = session.publish(Publish::new("small", "x")).await;
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
    let poison = session.publish(Publish::new("bad", "x")).await;
    let fine = session.publish(Publish::new("good", "x")).await;
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
    let receipt = session.publish(Publish::new("secret", "x")).await;
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
async fn trap_acknowledgements_out_of_order_do_not_wedge_the_window() {
    let broker = Scripted::start().await;
    let session = Watched::start(quick(broker.port, "wedge"));
    let mut receipts = Vec::new();
    for number in 0..40 {
        receipts.push(session.publish(Publish::new(format!("t/{number}"), "x")).await);
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
    let first = session.publish(send(0)).await;
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
        receipt = session.publish(send(number)).await;
    }
    session.client.close(GRACE).await;
}
