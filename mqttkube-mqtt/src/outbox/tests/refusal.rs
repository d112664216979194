//! Publishes that the broker refuses, for now and for good.

use std::time::Duration;

use super::{again, flush, payloads, publish, start};
use crate::message::QoS;
use crate::outbox::{Outbox, Refused, Verdict};

#[test]
fn a_refusal_that_may_pass_is_tried_again_in_its_old_place_and_holds_up_its_own_topic_only() {
    let mut outbox = Outbox::new();
    let mut now = start();
    outbox.connected(false, 1);
    for (number, topic) in [1, 1, 2].into_iter().enumerate() {
        outbox.push(publish(topic, number, false, QoS::AtLeastOnce), number, now);
    }
    for pause in [100, 400, 1_600] {
        let first = payloads(&mut outbox, now);
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].0, "0");
        again(&mut outbox, first[0].1, Refused::ForNow, now);
        if pause == 100 {
            let other = payloads(&mut outbox, now);
            assert_eq!(other[0].0, "2", "another topic goes on");
            outbox.answered(other[0].1).expect("it is in flight");
        }
        assert!(payloads(&mut outbox, now).is_empty(), "the same topic waits");
        assert_eq!(outbox.wake(), Some(now + Duration::from_millis(pause)));
        now += Duration::from_millis(pause);
    }
    let last = payloads(&mut outbox, now);
    assert_eq!(
        outbox.refused(last[0].1, Refused::ForNow, now),
        Verdict::GivenUp(0)
    );
    assert_eq!(payloads(&mut outbox, now)[0].0, "1");
    assert_eq!(outbox.wake(), None);
}

#[test]
fn a_quota_holds_up_everything_and_longer_each_time_but_gives_up_nothing() {
    let mut outbox = Outbox::new();
    let mut now = start();
    outbox.connected(false, 2);
    for number in 0..3 {
        outbox.push(publish(1, number, false, QoS::AtLeastOnce), number, now);
    }
    for pause in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
        let sent = payloads(&mut outbox, now);
        assert_eq!((sent[0].0.as_str(), sent[1].0.as_str()), ("0", "1"));
        for (_, packet_id) in sent.into_iter().rev() {
            again(&mut outbox, packet_id, Refused::Quota, now);
        }
        assert!(payloads(&mut outbox, now).is_empty());
        now += Duration::from_millis(pause);
        assert_eq!(outbox.wake(), Some(now));
    }
    let sent = payloads(&mut outbox, now);
    assert_eq!(outbox.answered(sent[0].1), Some(0));
    assert_eq!(outbox.answered(sent[1].1), Some(1));
    assert_eq!(payloads(&mut outbox, now)[0].0, "2");
}

#[test]
fn a_refusal_for_good_is_one() {
    let mut outbox = Outbox::new();
    outbox.connected(false, 2);
    outbox.push(publish(1, 0, false, QoS::AtLeastOnce), 0, start());
    let packet_id = flush(&mut outbox)[0].1;
    let refused = outbox.refused(packet_id, Refused::ForGood, start());
    assert_eq!(refused, Verdict::GivenUp(0));
    assert_eq!(
        outbox.refused(packet_id, Refused::ForGood, start()),
        Verdict::Unknown
    );
    assert!(outbox.is_empty());
}

#[test]
fn a_refused_value_gives_way_to_a_newer_one() {
    let mut outbox = Outbox::new();
    outbox.connected(false, 1);
    outbox.push(publish(1, 0, true, QoS::AtLeastOnce), 0, start());
    let packet_id = flush(&mut outbox)[0].1;
    outbox.push(publish(1, 1, true, QoS::AtLeastOnce), 1, start());
    let refused = outbox.refused(packet_id, Refused::ForNow, start());
    assert_eq!(refused, Verdict::Superseded(0));
    assert_eq!(flush(&mut outbox)[0].0, "1");
}
