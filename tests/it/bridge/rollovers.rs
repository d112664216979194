//! Tokens change under traffic, again and again.

use std::sync::mpsc;
use std::time::Duration;

use mqttkube_mqtt::Version;
use mqttkube_tests::wait::scale;

use super::scene::{Scene, Setup};

/// While this lives, a paused clock moves only when it is told to: tokio lets time run to the next timer whenever all
/// tasks wait, also for a packet that is on its way.
struct Hold(mpsc::Sender<()>);

impl Hold {
    fn new() -> Self {
        let (sender, held) = mpsc::channel();
        // An error is the end of the hold.
        tokio::task::spawn_blocking(move || {
            let _ = held.recv();
        });
        Self(sender)
    }
}

/// Plays with a clock that stands still but for what the test adds.
fn in_virtual_time(play: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let hold = Hold::new();
        play.await;
        drop(hold.0);
    });
}

/// What was sent once more, to the cloud and by it, because it was unacknowledged when its connection was cut.
fn replays(scene: &Scene) -> [u64; 2] {
    let counts = scene.cloud.counts();
    [counts.marked_duplicate, counts.sent_again]
}

/// Waits until nothing is under way, and says what was sent once more until then.
async fn rests(scene: &Scene) -> [u64; 2] {
    scene.quiet().await;
    replays(scene)
}

/// Lets so many tokens grow old. Every fourth is replaced between messages, when nothing may come twice; the rest with
/// messages before and meanwhile.
async fn rolls_over(setup: Setup, rounds: u64) {
    let lifetime = setup.lifetime;
    let mut scene = Scene::start(setup).await;
    for round in 0..rounds {
        let before = scene.cloud.counts().connections;
        scene.send().await;
        let replayed = if round % 4 == 3 {
            Some(rests(&scene).await)
        } else {
            None
        };
        // At 80 % of its life, at the latest, another token is due.
        tokio::time::advance(Duration::from_secs(lifetime * 8 / 10)).await;
        if replayed.is_none() {
            scene.send().await;
        }
        scene
            .until("another token", || scene.cloud.counts().connections > before)
            .await;
        if let Some(replayed) = replayed {
            stays_so(&mut scene, replayed).await;
        }
    }
    let tallies = scene.settle().await;
    let counts = scene.cloud.counts();
    println!("{rounds} rollovers: {tallies:?} {counts:?}");
    assert_eq!(counts.connections, rounds + 1);
    assert!(counts.least_left.unwrap() > 0, "{counts:?}");
    assert_eq!(counts.resumed, rounds, "the session goes on");
    ends_well(scene).await;
}

/// After a token was replaced while nothing was under way: what was sent again would come before what is sent now.
async fn stays_so(scene: &mut Scene, replayed: [u64; 2]) {
    scene.send().await;
    assert_eq!(rests(scene).await, replayed, "nothing was unacknowledged");
}

/// No connection ended with its token, and what came twice was unacknowledged when its connection was cut.
async fn ends_well(scene: Scene) {
    let tallies = scene.quiet().await;
    let counts = scene.cloud.counts();
    assert_eq!(
        (counts.outlived, counts.cut, counts.refused.len()),
        (0, 0, 0),
        "{counts:?}"
    );
    assert_eq!(counts.violations, [] as [&str; 0]);
    let side = scene.handle.status().local;
    assert_eq!(side.connections, 1, "nothing happens at the local broker");
    for (tally, replayed) in tallies.iter().zip(replays(&scene)) {
        assert!(tally.duplicates <= replayed, "{tally:?} {counts:?}");
    }
    scene.end().await;
}

#[test]
fn a_thousand_tokens_in_relay_mode_lose_nothing() {
    let setup = Setup {
        version: Version::V311,
        lifetime: 100,
        ..Setup::default()
    };
    in_virtual_time(rolls_over(setup, 1_000));
}

#[test]
fn two_hundred_tokens_in_store_mode_lose_nothing() {
    let setup = Setup {
        store: true,
        lifetime: 100,
        ..Setup::default()
    };
    in_virtual_time(rolls_over(setup, u64::from(200 * scale())));
}

/// The same on the real clock, as fast as it goes, with the token changed at any moment.
#[tokio::test]
async fn fifty_tokens_in_real_time_lose_nothing() {
    let rounds = u64::from(50 * scale());
    let mut scene = Scene::start(Setup::default()).await;
    for round in 0..rounds {
        let replayed = if round % 2 == 1 {
            Some(rests(&scene).await)
        } else {
            None
        };
        let before = scene.cloud.counts().connections;
        scene.rollover.renew();
        match replayed {
            None => {
                while scene.cloud.counts().connections == before {
                    scene.send().await;
                }
            }
            Some(replayed) => {
                scene
                    .until("another token", || scene.cloud.counts().connections > before)
                    .await;
                stays_so(&mut scene, replayed).await;
            }
        }
    }
    let tallies = scene.settle().await;
    let counts = scene.cloud.counts();
    println!("{rounds} rollovers: {tallies:?} {counts:?}");
    assert!(counts.connections > rounds, "{counts:?}");
    ends_well(scene).await;
}
