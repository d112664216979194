//! What a cloud refuses, and who else it lets in (bridge.md 7.4; reliability.md 3, rows 27 and 32).

use super::scripted::{PUBACK, PUBLISH, WELCOME_BACK, publish};
use super::{Bench, Seen, Setup, seen, take};

#[tokio::test]
async fn a_poison_message_goes_to_the_dead_letters_with_its_reason_and_the_next_one_goes_on() {
    let setup = Setup {
        dead_letter: Some("dead"),
        ..Setup::default()
    };
    let mut bench = Bench::start(&["# out 1 l/ r/"], setup).await;
    bench.here.send(&publish("l/bad", 1, b"p", false)).await;
    bench.here.send(&publish("l/good", 2, b"g", false)).await;
    let bad = seen(&bench.there.expect(PUBLISH).await);
    let [high, low] = bad.id.to_be_bytes();
    bench.there.send(&[PUBACK, 3, high, low, 0x90]).await;
    assert_eq!(take(&mut bench.there).await.topic, "r/good");
    let mut acknowledged = Vec::new();
    let mut letter = None;
    while acknowledged.len() < 2 || letter.is_none() {
        let packet = bench.here.read().await.expect("it stands");
        match packet.kind() {
            PUBACK => acknowledged.push(packet.id()),
            _ => letter = Some(seen(&packet)),
        }
    }
    assert_eq!(acknowledged, [1, 2]);
    let letter = letter.expect("there is one");
    assert_eq!(
        (letter.topic.as_str(), letter.payload.as_slice()),
        ("dead", &b"p"[..])
    );
    let told = String::from_utf8_lossy(&letter.properties).into_owned();
    assert!(
        told.contains("r/bad") && told.contains("topic name invalid"),
        "{told}"
    );
    let status = bench.handle.status().out;
    assert_eq!(status.rules[0].dropped, [("poison", 1)]);
}

/// Both modes with a topic for dead letters.
fn modes() -> [Setup; 2] {
    [false, true].map(|store| Setup {
        dead_letter: Some("dead"),
        store,
        ..Setup::default()
    })
}

/// Reads at the local broker until both messages are acknowledged and the dead letter is there; returns that.
async fn buried(bench: &mut Bench) -> Seen {
    let (mut acknowledged, mut letter) = (Vec::new(), None);
    while acknowledged.len() < 2 || letter.is_none() {
        let packet = bench.here.read().await.expect("it stands");
        match packet.kind() {
            PUBACK => acknowledged.push(packet.id()),
            _ => letter = Some(seen(&packet)),
        }
    }
    assert_eq!(acknowledged, [1, 2]);
    letter.expect("there is one")
}

/// `p` is a dead letter, and the other message has arrived.
async fn bad_is_buried(bench: &mut Bench) -> Seen {
    let letter = buried(bench).await;
    assert_eq!((letter.topic.as_str(), &letter.payload[..]), ("dead", &b"p"[..]));
    bench
        .until("one is carried, one is poison", |status| {
            (status.out.forwarded, status.out.dropped_for("poison")) == (1, 1)
        })
        .await;
    letter
}

/// What a cloud may refuse for now is tried again a few times and believed then; one behind it does not wait for that.
#[tokio::test]
async fn a_message_that_is_refused_again_and_again_is_a_dead_letter_in_the_end() {
    for code in [0x80, 0x83] {
        for setup in modes() {
            let mut bench = Bench::start(&["# out 1 l/ r/"], setup).await;
            bench.here.send(&publish("l/bad", 1, b"p", false)).await;
            bench.here.send(&publish("l/good", 2, b"g", false)).await;
            let mut tries = Vec::new();
            // Three more tries after the first, and the good one in between.
            while tries.len() < 5 {
                let publish = seen(&bench.there.expect(PUBLISH).await);
                if publish.topic == "r/bad" {
                    let [high, low] = publish.id.to_be_bytes();
                    bench.there.send(&[PUBACK, 3, high, low, code]).await;
                } else {
                    bench.there.puback(publish.id).await;
                }
                tries.push(publish.topic);
            }
            assert_eq!(tries, ["r/bad", "r/good", "r/bad", "r/bad", "r/bad"], "{code:#x}");
            bad_is_buried(&mut bench).await;
        }
    }
}

/// DISCONNECT 0x95: sent one by one, the message that is too large is found, and the rest goes on.
#[tokio::test]
async fn a_message_that_is_too_large_for_the_cloud_is_found_and_buried() {
    for setup in modes() {
        let mut bench = Bench::start(&["# out 1 l/ r/"], setup).await;
        bench.here.send(&publish("l/bad", 1, b"p", false)).await;
        bench.here.send(&publish("l/good", 2, b"g", false)).await;
        for _ in 0..2 {
            bench.there.expect(PUBLISH).await;
        }
        bench.there.send(&[0xe0, 2, 0x95, 0]).await;
        let mut there = bench.cloud.welcome(WELCOME_BACK).await.0;
        assert_eq!(seen(&there.expect(PUBLISH).await).topic, "r/bad");
        assert!(there.is_silent().await, "one at a time");
        there.send(&[0xe0, 2, 0x95, 0]).await;
        let mut there = bench.cloud.welcome(WELCOME_BACK).await.0;
        assert_eq!(take(&mut there).await.topic, "r/good");
        let letter = bad_is_buried(&mut bench).await;
        let told = String::from_utf8_lossy(&letter.properties).into_owned();
        assert!(told.contains("packet too large"), "{told}");
    }
}

/// DISCONNECT 0x93: fewer are sent at once from then on, and none is blamed for it.
#[tokio::test]
async fn a_cloud_that_is_sent_too_much_gets_less_at_once_and_everything_in_the_end() {
    for setup in modes() {
        let mut bench = Bench::start(&["# out 1 l/ r/"], setup).await;
        for id in 1..=8 {
            bench
                .here
                .send(&publish("l/t", id, &[b'0' + id as u8], false))
                .await;
        }
        for _ in 0..8 {
            bench.there.expect(PUBLISH).await;
        }
        bench.there.send(&[0xe0, 2, 0x93, 0]).await;
        let mut there = bench.cloud.welcome(WELCOME_BACK).await.0;
        let mut arrived = Vec::new();
        while arrived.len() < 8 {
            let mut several = Vec::new();
            for _ in 0..4 {
                several.push(seen(&there.expect(PUBLISH).await));
            }
            assert!(there.is_silent().await, "half of what it was");
            for publish in several {
                arrived.extend(publish.payload);
                there.puback(publish.id).await;
            }
        }
        assert_eq!(arrived, b"12345678");
        bench
            .until("all are carried", |status| {
                status.out.forwarded == 8 && status.out.dropped.is_empty()
            })
            .await;
    }
}

#[tokio::test]
async fn a_second_replica_is_seen_and_not_fought() {
    let mut bench = Bench::start(&["# out 1 l/ r/"], Setup::default()).await;
    bench.there.send(&[0xe0, 2, 0x8e, 0]).await;
    bench
        .until("the alarm", |status| status.cloud.taken_over && !status.ready())
        .await;
    assert!(
        bench.cloud.is_left_alone().await,
        "the next attempt is a minute away"
    );
    let status = bench.handle.status();
    assert_eq!((status.cloud.takeovers, status.local.takeovers), (1, 0));
    assert!(status.local.ready(), "the local side does not notice");
    bench.here.send(&publish("l/t", 1, b"x", false)).await;
    bench
        .until("the message waits", |status| {
            status.out.waiting == 1 && status.out.oldest.is_some()
        })
        .await;
    assert!(bench.here.is_silent().await, "and is not acknowledged");
}

#[tokio::test]
async fn messages_at_qos_0_have_a_queue_of_their_own_that_drops_and_counts() {
    let mut bench = Bench::start(&["# out 1 l/ r/"], Setup::default()).await;
    // The cloud stays away for a minute.
    bench.there.send(&[0xe0, 2, 0x8e, 0]).await;
    bench
        .until("the cloud is away", |status| !status.cloud.online)
        .await;
    let forgettable = super::packet(0x30, &[0, 3, b'l', b'/', b't', 0, b'x']);
    for _ in 0..300 {
        bench.here.send(&forgettable).await;
    }
    bench.here.send(&publish("l/t", 1, b"x", false)).await;
    bench
        .until("what has no room is dropped", |status| {
            status.out.received == 301 && status.out.dropped_for("overrun") == 44 && status.out.waiting == 257
        })
        .await;
}
