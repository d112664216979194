use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// A time; none passes unless a test says so.
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

fn answers(outbox: &mut Outbox<usize>, packet_id: u16, why: Refused, now: Instant) {
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
        answers(&mut outbox, first[0].1, Refused::ForNow, now);
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
            answers(&mut outbox, packet_id, Refused::Quota, now);
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
    answers(&mut outbox, packet_id, Refused::Quota, later);
    let Some(Send::Publish { publish, .. }) = outbox.next(later + Duration::from_secs(5)) else {
        panic!("it is sent again");
    };
    assert_eq!(publish.message_expiry, Some(85));
}

/// What a caller and a network may do.
#[derive(Debug, Clone)]
enum Act {
    Push {
        topic: u8,
        newest_wins: bool,
        qos: u8,
    },
    Send,
    /// Answer the n-th publish in flight.
    Answer(usize),
    Cut {
        session_present: bool,
        window: u16,
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..4_u8, any::<bool>(), 0..3_u8).prop_map(|(topic, newest_wins, qos)| Act::Push { topic, newest_wins, qos }),
        3 => Just(Act::Send),
        3 => (0..8_usize).prop_map(Act::Answer),
        1 => (any::<bool>(), 1..6_u16).prop_map(|(session_present, window)| Act::Cut { session_present, window }),
    ]
}

/// The naive model: a list of everything that was pushed, in order, with what became of it.
#[derive(Debug, Default)]
struct Model {
    all: Vec<(u8, bool, Fate)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waiting,
    Flying,
    Gone,
}

impl Model {
    fn count(&self, fate: Fate) -> usize {
        self.all.iter().filter(|(_, _, at)| *at == fate).count()
    }

    /// The waiting publish of the same topic that a newer one replaces: the last one pushed.
    fn push(&mut self, topic: u8, newest_wins: bool) -> Option<usize> {
        let replaced = (newest_wins)
            .then(|| {
                self.all
                    .iter()
                    .rposition(|(other, wins, fate)| *other == topic && *wins && *fate == Fate::Waiting)
            })
            .flatten();
        self.all.push((topic, newest_wins, Fate::Waiting));
        replaced
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_doubled_or_reordered(acts in proptest::collection::vec(act(), 1..120)) {
        let mut outbox = Outbox::new();
        let mut model = Model::default();
        let mut flying: Vec<(u16, usize)> = Vec::new();
        let mut window = 3;
        // What a value that took an older one's place in the queue was pushed as.
        let mut place: Vec<usize> = Vec::new();
        outbox.connected(false, window);
        for act in acts {
            match act {
                Act::Push { topic, newest_wins, qos } => {
                    let number = model.all.len();
                    let qos = QoS::try_from(qos).expect("in range");
                    let replaced = outbox.push(publish(topic, number, newest_wins, qos), number, start());
                    let expected = model.push(topic, newest_wins).filter(|old| place[*old] != usize::MAX);
                    prop_assert_eq!(replaced, expected);
                    place.push(replaced.map_or(number, |old| place[old]));
                    if let Some(old) = replaced {
                        model.all[old].2 = Fate::Gone;
                    }
                }
                Act::Send => {
                    let mut last = None;
                    while let Some(next) = outbox.next(start()) {
                        let (number, in_flight) = match next {
                            Send::Publish { publish, packet_id, .. } => {
                                let number: usize = String::from_utf8_lossy(&publish.payload).parse().expect("a number");
                                prop_assert!((1..FIRST_FOREIGN_ID).contains(&packet_id));
                                flying.retain(|(_, other)| *other != number);
                                prop_assert!(flying.iter().all(|(id, _)| *id != packet_id), "identifier in use");
                                flying.push((packet_id, number));
                                (number, true)
                            }
                            Send::Forget { ticket, .. } => (ticket, false),
                            Send::Release { .. } | Send::Expired { .. } => continue,
                        };
                        prop_assert!(model.all[number].2 != Fate::Gone, "sent after its end");
                        model.all[number].2 = if in_flight { Fate::Flying } else { Fate::Gone };
                        prop_assert!(last < Some(place[number]), "out of order");
                        last = Some(place[number]);
                    }
                    prop_assert!(flying.len() <= usize::from(window));
                }
                Act::Answer(at) if !flying.is_empty() => {
                    let (packet_id, number) = flying.remove(at % flying.len());
                    prop_assert_eq!(outbox.answered(packet_id), Some(number));
                    model.all[number].2 = Fate::Gone;
                }
                Act::Answer(_) => prop_assert_eq!(outbox.answered(0), None),
                Act::Cut { session_present, window: granted } => {
                    window = granted;
                    outbox.connected(session_present, granted);
                    if !session_present {
                        for (_, number) in &flying {
                            model.all[*number].2 = Fate::Waiting;
                            // It waits again, but it is not the newest of its topic any more: nothing replaces it.
                            model.all[*number].1 = false;
                        }
                    }
                    flying.clear();
                }
            }
        }
        let left = outbox.drain().len();
        prop_assert_eq!(left, model.count(Fate::Waiting) + model.count(Fate::Flying));
    }
}
