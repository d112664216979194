//! Rows 11 and 12: more messages than usual, and more than a broker keeps.

use std::time::Instant;

use mqttkube_tests::process::MosquittoOptions;
use mqttkube_tests::proxy::Fault;
use mqttkube_tests::wait::{self, scale};

use super::scene::{Lane, Mode, Scene, Setup, Side, impossible, in_both_modes};
use crate::bridge::scene::SOON;

/// Messages of one storm.
const STORM: u64 = 10_000;

/// Bytes by which the program may grow in a storm.
const GROWTH: u64 = 32 << 20;

/// 10,000 messages at once on one topic one way, and over 1,000 topics the other way.
#[tokio::test]
async fn fault_11_a_storm_is_carried_whole_in_little_memory_on_links_that_stay() {
    if impossible() {
        return;
    }
    let setup = |mode| Setup {
        // Each mode has each kind of storm once.
        topics: match mode {
            Mode::Relay => [1, 1_000],
            Mode::Store => [1_000, 1],
        },
        ..Setup::new(mode)
    };
    in_both_modes(setup, async |scene: Scene| {
        scene.rest().await;
        let [before, _] = scene.program.memory();
        for _ in 0..scale() {
            let began = Instant::now();
            let [out, back] = &scene.lanes;
            tokio::join!(out.load.storm(STORM), back.load.storm(STORM));
            let sent = began.elapsed();
            scene.settle().await;
            println!(
                "fault-11 {:?}: {STORM} each way sent in {sent:.1?}, arrived after {:.1?}",
                scene.mode,
                began.elapsed()
            );
        }
        let [_, most] = scene.program.memory();
        let grown = most.saturating_sub(before);
        println!("fault-11 {:?}: {} KiB more at most", scene.mode, grown >> 10);
        assert!(grown <= GROWTH, "{grown} bytes");
        let status = scene.program.status().await;
        let connections = ["local", "cloud"].map(|side| status[side]["connections"].as_u64());
        assert_eq!(connections, [Some(1); 2], "{status}");
        scene.finish("fault-11").await;
    })
    .await;
}

/// What a broker keeps for one client that is away.
const KEPT: u64 = 1_000;

/// The program is away while more comes than its brokers keep for it. The control consumer is away as long: both find the
/// same when they are back.
#[tokio::test]
async fn fault_12_what_overflows_in_a_broker_is_what_any_consumer_would_have_lost() {
    if impossible() {
        return;
    }
    let narrow = MosquittoOptions::default()
        .persistent(1_000_000)
        .line(&format!("max_queued_messages {KEPT}"));
    in_both_modes(
        |mode| Setup::with(mode, &narrow),
        async |mut scene: Scene| {
            for _ in 0..scale() {
                scene.messages(50).await;
                scene.settle().await;
                scene.program.terminate().await;
                scene.lanes.iter_mut().for_each(|lane| lane.control.leave());
                for lane in &scene.lanes {
                    lane.load.storm(2 * KEPT).await;
                }
                for lane in &mut scene.lanes {
                    lane.control.come_back().await;
                }
                scene.program.start_again();
                scene.program.ready().await;
                // What comes after the queue says where it ends.
                scene.messages(20).await;
                scene.rest().await;
                let [out, back] = &scene.lanes;
                tokio::join!(equals_control(out), equals_control(back));
                let status = scene.program.status().await;
                let resumed = ["local", "cloud"].map(|side| status[side]["resumed"].as_u64());
                assert_eq!(
                    resumed,
                    [Some(1); 2],
                    "nobody can know the queues' depth: {status}"
                );
            }
            scene.program.terminate().await;
        },
    )
    .await;
}

/// The cloud is away while more comes than the local broker would keep: the store takes it all.
#[tokio::test]
async fn fault_12_the_store_takes_what_a_broker_would_have_dropped() {
    if impossible() {
        return;
    }
    let narrow = MosquittoOptions::default()
        .persistent(1_000_000)
        .line(&format!("max_queued_messages {KEPT}"));
    let mut scene = Scene::start(Setup::with(Mode::Store, &narrow)).await;
    scene.messages(20).await;
    scene.settle().await;
    let before = scene.program.connections(Side::Cloud).await;
    scene.way(Side::Cloud).set(Fault::Refuse);
    scene.way(Side::Cloud).cut();
    scene.cuts += 1;
    let mut stored = 0;
    // No faster than the disk: what the broker drops in a storm is not what this is about.
    for _ in 0..6 * scale() {
        scene.from(Side::Local).load.storm(KEPT / 2).await;
        stored += KEPT / 2;
        scene
            .program
            .until("messages in the store", |status| {
                status["store"]["messages"][0].as_u64() >= Some(stored)
            })
            .await;
    }
    scene.way(Side::Cloud).heal();
    scene.program.reconnected(Side::Cloud, before).await;
    scene.finish("fault-12 store").await;
}

/// Waits until the last message on every topic was heard at both ends, and compares what is missing.
async fn equals_control(lane: &Lane) {
    let last_heard = || {
        let [control, receiver] = [&lane.control, &lane.receiver].map(|listener| listener.highest());
        control == lane.load.highest() && control == receiver
    };
    wait::until(2 * SOON, "the last messages", last_heard).await;
    let [control, receiver] = [&lane.control, &lane.receiver].map(|listener| listener.tally());
    assert!(control.gaps >= KEPT / 2, "the queue overflows: {control:?}");
    println!(
        "fault-12: {} of {} lost by the control consumer, {} by the bridge",
        control.gaps,
        lane.load.sent(),
        receiver.gaps
    );
    assert_eq!(
        (receiver.gaps, receiver.inversions, receiver.duplicates),
        (control.gaps, 0, 0)
    );
}
