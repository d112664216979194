//! What a cloud refuses, and who else it lets in (bridge.md 7.4; reliability.md 3, rows 27 and 32).

use super::scripted::{PUBACK, PUBLISH, publish};
use super::{Bench, Setup, seen, take};

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
