//! What waits, what is on its way, and what is sent again; no time passes unless a test says so.

mod blame;
mod model;
mod refusal;

use std::time::Duration;

use super::*;

/// When every test begins.
fn start() -> Instant {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *START.get_or_init(Instant::now)
}

fn publish(topic: u8, number: usize, newest_wins: bool, qos: QoS) -> Publish {
    let publish = Publish::new(format!("t/{topic}"), number.to_string()).qos(qos);
    if newest_wins { publish.retained() } else { publish }
}

/// Sends all that may be sent; returns the payloads with their packet identifiers.
fn flush(outbox: &mut Outbox<usize>) -> Vec<(String, u16, bool)> {
    let mut sent = Vec::new();
    while let Some(next) = outbox.next(start()) {
        if let Send::Publish {
            publish,
            packet_id,
            dup,
        } = next
        {
            sent.push((
                String::from_utf8_lossy(&publish.payload).into_owned(),
                packet_id,
                dup,
            ));
        }
    }
    sent
}

/// The broker refuses a publish in a way that may pass.
fn again(outbox: &mut Outbox<usize>, packet_id: u16, why: Refused, now: Instant) {
    assert_eq!(outbox.refused(packet_id, why, now), Verdict::Again);
}

/// Payloads of what may be sent at a time.
fn payloads(outbox: &mut Outbox<usize>, now: Instant) -> Vec<(String, u16)> {
    let sent = std::iter::from_fn(|| outbox.next(now));
    sent.filter_map(|next| match next {
        Send::Publish {
            publish, packet_id, ..
        } => Some((String::from_utf8_lossy(&publish.payload).into_owned(), packet_id)),
        _ => None,
    })
    .collect()
}

#[test]
fn the_newest_retained_value_takes_the_place_of_the_waiting_one() {
    let mut outbox = Outbox::new();
    assert_eq!(
        outbox.push(publish(1, 0, true, QoS::AtLeastOnce), 0, start()),
        None
    );
    assert_eq!(
        outbox.push(publish(2, 1, true, QoS::AtLeastOnce), 1, start()),
        None
    );
    assert_eq!(
        outbox.push(publish(1, 2, true, QoS::AtLeastOnce), 2, start()),
        Some(0)
    );
    outbox.connected(false, 10);
    let order: Vec<_> = flush(&mut outbox)
        .into_iter()
        .map(|(payload, ..)| payload)
        .collect();
    assert_eq!(order, ["2", "1"]);
}

#[test]
fn a_value_on_its_way_is_not_replaced() {
    let mut outbox = Outbox::new();
    outbox.connected(false, 10);
    outbox.push(publish(1, 0, true, QoS::AtLeastOnce), 0, start());
    flush(&mut outbox);
    assert_eq!(
        outbox.push(publish(1, 1, true, QoS::AtLeastOnce), 1, start()),
        None
    );
    assert_eq!((outbox.in_flight(), outbox.queued()), (1, 1));
}

#[test]
fn a_kept_session_gets_the_same_packet_identifier_with_dup() {
    let mut outbox = Outbox::new();
    outbox.connected(false, 10);
    outbox.push(publish(1, 0, false, QoS::AtLeastOnce), 0, start());
    outbox.push(publish(1, 1, false, QoS::AtLeastOnce), 1, start());
    let first = flush(&mut outbox);
    outbox.push(publish(1, 2, false, QoS::AtLeastOnce), 2, start());
    outbox.connected(true, 10);
    let again = flush(&mut outbox);
    assert_eq!(again[0], ("0".into(), first[0].1, true));
    assert_eq!(again[1], ("1".into(), first[1].1, true));
    assert_eq!((again[2].0.as_str(), again[2].2), ("2", false));
}

#[test]
fn a_lost_session_gets_everything_anew_and_in_order() {
    let mut outbox = Outbox::new();
    outbox.connected(false, 2);
    for number in 0..4 {
        outbox.push(publish(1, number, false, QoS::AtLeastOnce), number, start());
    }
    assert_eq!(flush(&mut outbox).len(), 2);
    outbox.connected(false, 10);
    let again = flush(&mut outbox);
    assert!(again.iter().all(|(_, _, dup)| !dup));
    let order: Vec<_> = again.iter().map(|(payload, ..)| payload.as_str()).collect();
    assert_eq!(order, ["0", "1", "2", "3"]);
}

#[test]
fn a_released_publish_is_released_again_not_sent_again() {
    let mut outbox = Outbox::new();
    outbox.connected(false, 10);
    outbox.push(publish(1, 0, false, QoS::ExactlyOnce), 0, start());
    let packet_id = flush(&mut outbox)[0].1;
    assert!(outbox.received(packet_id));
    outbox.connected(true, 10);
    assert_eq!(outbox.next(start()), Some(Send::Release { packet_id }));
    assert_eq!(outbox.answered(packet_id), Some(0));
}

#[test]
fn a_message_grows_old_here_and_is_not_sent_after_its_life() {
    let mut outbox = Outbox::new();
    let mut short = publish(1, 0, false, QoS::AtLeastOnce);
    short.message_expiry = Some(10);
    let mut long = publish(1, 1, false, QoS::AtLeastOnce);
    long.message_expiry = Some(100);
    outbox.push(short, 0, start());
    outbox.push(long, 1, start());
    outbox.connected(false, 10);
    let later = start() + Duration::from_secs(10);
    assert_eq!(outbox.next(later), Some(Send::Expired { ticket: 0 }));
    let Some(Send::Publish {
        publish, packet_id, ..
    }) = outbox.next(later)
    else {
        panic!("the other one is sent");
    };
    assert_eq!(publish.message_expiry, Some(90));
    again(&mut outbox, packet_id, Refused::Quota, later);
    let Some(Send::Publish { publish, .. }) = outbox.next(later + Duration::from_secs(5)) else {
        panic!("it is sent again");
    };
    assert_eq!(publish.message_expiry, Some(85));
}
