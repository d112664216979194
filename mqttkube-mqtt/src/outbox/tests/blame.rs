//! Connections that end over a publish, and which one it is.

use super::{flush, publish, start};
use crate::message::QoS;
use crate::outbox::{Cut, Outbox};

#[test]
fn a_poisonous_publish_is_found_and_given_up_and_the_others_live() {
    let mut outbox = Outbox::new();
    outbox.push(publish(1, 13, false, QoS::AtLeastOnce), 13, start());
    outbox.push(publish(1, 14, false, QoS::AtLeastOnce), 14, start());
    let convicted = (0..50).find_map(|_| {
        outbox.connected(true, 10);
        flush(&mut outbox);
        outbox.cut(Cut::HungUp)
    });
    assert_eq!(convicted, Some(13));
    outbox.connected(true, 10);
    assert_eq!(flush(&mut outbox)[0].0, "14");
}

#[test]
fn a_broker_that_answers_now_and_then_convicts_nobody() {
    let mut outbox = Outbox::new();
    for number in 0..40 {
        outbox.push(publish(1, number, false, QoS::AtLeastOnce), number, start());
    }
    for round in 0..40 {
        outbox.connected(true, 10);
        let sent = flush(&mut outbox);
        if round % 5 == 0 {
            assert!(outbox.answered(sent[0].1).is_some());
        }
        assert_eq!(outbox.cut(Cut::HungUp), None);
    }
}

#[test]
fn a_packet_that_is_too_large_is_found_among_others_after_one_more_round() {
    let mut outbox = Outbox::new();
    for number in 0..3 {
        outbox.push(publish(1, number, false, QoS::AtLeastOnce), number, start());
    }
    // The broker answers what it can bear and ends the connection over the second.
    outbox.connected(true, 10);
    flush(&mut outbox);
    assert_eq!(outbox.cut(Cut::TooLarge), None, "three are on their way");
    outbox.connected(true, 10);
    let first = flush(&mut outbox);
    assert_eq!(first.len(), 1);
    assert_eq!(outbox.answered(first[0].1), Some(0));
    flush(&mut outbox);
    assert_eq!(outbox.cut(Cut::TooLarge), None, "two are on their way");
    outbox.connected(true, 10);
    assert_eq!(flush(&mut outbox)[0].0, "1");
    assert_eq!(outbox.cut(Cut::TooLarge), Some(1));
    outbox.connected(true, 10);
    assert_eq!(flush(&mut outbox)[0].0, "2");
}

#[test]
fn a_flooded_broker_gets_half_as_much_at_once() {
    let mut outbox = Outbox::new();
    for number in 0..20 {
        outbox.push(publish(1, number, false, QoS::AtLeastOnce), number, start());
    }
    for expected in [16, 8, 4, 2, 1, 1] {
        outbox.connected(false, 16);
        assert_eq!(flush(&mut outbox).len(), expected);
        assert_eq!(outbox.cut(Cut::Flooded), None);
    }
}
