//! Random acts of a caller and a network, against a list of everything that was pushed.

use proptest::prelude::*;

use super::{publish, start};
use crate::message::QoS;
use crate::outbox::{FIRST_FOREIGN_ID, Outbox, Send};

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
