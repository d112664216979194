//! Subscriptions: made again, refused, and many at once.

use mqttkube_mqtt::{QoS, Subscription};

use super::GRACE;
use crate::support::scripted::{SUBSCRIBE, Scripted, WELCOME, WELCOME_BACK};
use crate::support::{Watched, quick};

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
