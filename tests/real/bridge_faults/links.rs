//! Rows 1 to 4: the brokers on both sides, and the way to them.

use std::time::{Duration, Instant};

use mqttkube_tests::process::MosquittoOptions;
use mqttkube_tests::proxy::{Fault, Side as Direction};
use mqttkube_tests::wait::{self, scale};

use super::scene::{Ending, Mode, Scene, Setup, Side, impossible, in_both_modes};
use crate::bridge::scene::SOON;

/// Twice the keepalive of 5 s, and 5 s more.
const NOTICED: Duration = Duration::from_secs(15);

/// Bytes by which the program may grow while one side hangs and the other goes on.
const GROWTH: u64 = 16 << 20;

#[tokio::test]
async fn fault_01_restarted_brokers_lose_nothing() {
    if impossible() {
        return;
    }
    in_both_modes(Setup::new, async |mut scene| {
        for stop in [100, 2_000].repeat(scale() as usize) {
            for side in Side::ALL {
                scene.messages(50).await;
                scene
                    .restart(side, Ending::Term, Duration::from_millis(stop))
                    .await;
            }
        }
        scene.messages(50).await;
        scene.finish("fault-01").await;
    })
    .await;
}

#[tokio::test]
async fn fault_02_killed_brokers_that_save_at_once_lose_nothing() {
    if impossible() {
        return;
    }
    let saving = |mode| Setup::with(mode, &MosquittoOptions::default().persistent(1));
    in_both_modes(saving, async |mut scene| {
        for _ in 0..2 * scale() {
            for side in Side::ALL {
                scene.messages(50).await;
                // It acknowledges before it saves. What it has sent to everybody by then is safe; what waits for one who is
                // behind is not, and that would say nothing of the bridge.
                scene.caught_up().await;
                scene
                    .restart(side, Ending::Kill, Duration::from_millis(500))
                    .await;
            }
        }
        scene.messages(50).await;
        scene.finish("fault-02 saved").await;
    })
    .await;
}

/// A broker that saved nothing takes its queues along. What it had handed to the relay is not lost with it, and what the
/// relay had handed to it without an answer is handed over again.
#[tokio::test]
async fn fault_02_of_killed_brokers_that_saved_nothing_no_more_is_lost_than_by_the_control_consumer() {
    if impossible() {
        return;
    }
    let forgetful = |mode| Setup::with(mode, &MosquittoOptions::default().persistent(1_800));
    in_both_modes(forgetful, async |mut scene| {
        for _ in 0..scale() {
            for side in Side::ALL {
                dies_as_a_source(&mut scene, side).await;
                dies_as_a_destination(&mut scene, side).await;
            }
        }
        scene.messages(50).await;
        scene.finish("fault-02 forgotten").await;
    })
    .await;
}

/// Messages that a source has sent without an acknowledgement.
const HELD: u64 = 60;
/// Messages that a destination has without having said so. The relay sends no more than 32 at once.
const UNANSWERED: u64 = 20;

async fn dies_as_a_source(scene: &mut Scene, side: Side) {
    scene.settle().await;
    // Whatever the relay sends on gets nowhere, so it holds everything.
    scene.way(side.other()).set(Fault::Blackhole);
    sends(scene, side, HELD).await;
    let before = scene.program.connections(side).await;
    forgets(scene, side).await;
    scene.way(side.other()).heal();
    scene.way(side).heal();
    scene.program.reconnected(side, before).await;
    scene.settle().await;
}

async fn dies_as_a_destination(scene: &mut Scene, side: Side) {
    let source = side.other();
    scene.settle().await;
    // The messages arrive there, and the relay does not hear of it.
    scene.way(side).set(Fault::BlackholeOne(Direction::ToClient));
    sends(scene, source, UNANSWERED).await;
    scene.arrive().await;
    let before = scene.program.connections(side).await;
    forgets(scene, side).await;
    scene.way(side).heal();
    scene.program.reconnected(side, before).await;
    scene.settle().await;
}

/// Publishes at one side, and waits until the relay has all of it.
async fn sends(scene: &Scene, side: Side, count: u64) {
    let lane = ["out", "in"][side as usize];
    let received = |status: &serde_json::Value| status[lane]["received"].as_u64();
    let before = received(&scene.program.status().await);
    scene.from(side).load.storm(count).await;
    let all = before.map(|before| before + count);
    scene
        .program
        .until("arrival at the relay", |status| received(status) >= all)
        .await;
}

/// How often those who listen at a broker have connected.
fn listeners(scene: &Scene, side: Side) -> [usize; 2] {
    let (control, receiver) = (&scene.from(side).control, &scene.from(side.other()).receiver);
    [control.connections(), receiver.connections()]
}

/// Kills a broker and starts it again, and waits until those who listen there have subscribed: what is published before
/// that is for nobody.
async fn forgets(scene: &mut Scene, side: Side) {
    let before = listeners(scene, side);
    scene.broker(side).kill();
    scene.way(side).cut();
    scene.way(side).set(Fault::Refuse);
    scene.broker(side).start().await.unwrap();
    scene.cuts += 1;
    wait::until(SOON, "listeners that are back", || {
        let now = listeners(scene, side);
        now[0] > before[0] && now[1] > before[1]
    })
    .await;
}

/// Breaks one side without closing anything, and heals it when that was noticed.
async fn hangs(row: &str, mode: Mode, side: Side, way: impl Fn(&mut Scene, Side, bool)) {
    let mut scene = Scene::start(Setup::new(mode)).await;
    for _ in 0..scale() {
        scene.messages(100).await;
        let before = scene.program.connections(side).await;
        let [memory, _] = scene.program.memory();
        way(&mut scene, side, true);
        let began = Instant::now();
        scene.program.notices(side).await;
        let noticed = began.elapsed();
        assert!(noticed <= NOTICED, "{noticed:?}");
        let grown = scene.program.memory()[0].saturating_sub(memory);
        assert!(grown <= GROWTH, "{grown} bytes while {side:?} hung");
        println!("{row} {mode:?} {side:?}: noticed after {noticed:.1?}, {grown} bytes more");
        way(&mut scene, side, false);
        scene.cuts += 1;
        scene.program.reconnected(side, before).await;
    }
    scene.messages(50).await;
    scene.finish(row).await;
}

/// Both sides in both modes at once: most of the time is waiting.
async fn everywhere(row: &str, way: impl Fn(&mut Scene, Side, bool) + Copy) {
    let [relay, store] = Mode::ALL.map(|mode| async move {
        tokio::join!(
            hangs(row, mode, Side::Local, way),
            hangs(row, mode, Side::Cloud, way)
        )
    });
    tokio::join!(relay, store);
}

#[tokio::test]
async fn fault_03_brokers_that_hang_are_noticed_and_cost_no_memory() {
    if impossible() {
        return;
    }
    everywhere("fault-03", |scene, side, broken| {
        let broker = scene.broker(side);
        if broken { broker.pause() } else { broker.resume() }
    })
    .await;
}

#[tokio::test]
async fn fault_04_half_open_connections_are_noticed_and_replaced() {
    if impossible() {
        return;
    }
    everywhere("fault-04", |scene, side, broken| {
        let way = scene.way(side);
        if broken {
            way.set(Fault::Blackhole);
        } else {
            way.heal();
        }
    })
    .await;
}
