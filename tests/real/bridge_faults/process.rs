//! Row 31: the end of the program itself.

use std::time::Duration;

use mqttkube_tests::proxy::Fault;
use mqttkube_tests::wait::{self, scale};

use super::scene::{Scene, Setup, Side, impossible, in_both_modes};
use crate::bridge::scene::SOON;

/// From SIGTERM to the end, when nothing is on its way.
const IDLE: Duration = Duration::from_secs(2);
/// The same under load: what service managers wait for, and most of it for a busy machine.
const UNDER_LOAD: Duration = Duration::from_secs(10);

#[tokio::test]
async fn fault_31_rolling_restarts_under_load_lose_nothing() {
    if impossible() {
        return;
    }
    in_both_modes(Setup::new, async |mut scene: Scene| {
        let mut longest = Duration::ZERO;
        for _ in 0..10 * scale() {
            scene.messages(20).await;
            longest = longest.max(scene.program.terminate().await);
            scene.cuts += 1;
            scene.program.start_again();
            scene.program.ready().await;
        }
        scene.messages(20).await;
        scene.settle().await;
        let idle = scene.program.terminate().await;
        println!(
            "fault-31 {:?}: ended {longest:.2?} after SIGTERM at most, {idle:.2?} when idle",
            scene.mode
        );
        assert!(longest <= UNDER_LOAD, "{longest:?}");
        assert!(idle <= IDLE, "{idle:?}");
        scene.program.start_again();
        scene.finish("fault-31 SIGTERM").await;
    })
    .await;
}

/// The second SIGTERM ends the program at once, even while it waits for what is in flight. SIGKILL is nothing else.
#[tokio::test]
async fn fault_31_a_second_sigterm_and_sigkill_lose_nothing() {
    if impossible() {
        return;
    }
    in_both_modes(Setup::new, async |mut scene: Scene| {
        for side in Side::ALL.repeat(scale() as usize) {
            scene.messages(50).await;
            // Nothing arrives there any more, so that there is something to wait for.
            scene.way(side).set(Fault::Blackhole);
            scene.messages(20).await;
            let stops = |log: &str| log.matches(STOPPING).count();
            let before = stops(&scene.program.running().output());
            scene.program.running().terminate();
            wait::until(SOON, "a program that stops", || {
                stops(&scene.program.running().output()) > before
            })
            .await;
            let mut process = scene.program.process.take().expect("it was started");
            process.terminate();
            process.ended(IDLE).await.unwrap();
            back(&mut scene, side).await;

            scene.messages(50).await;
            scene.way(side).set(Fault::Blackhole);
            scene.messages(20).await;
            scene.program.kill();
            back(&mut scene, side).await;
        }
        scene.messages(20).await;
        scene.finish("fault-31 SIGKILL").await;
    })
    .await;
}

/// The program says so in its log.
const STOPPING: &str = "stopping";

/// The network and the program are there again.
async fn back(scene: &mut Scene, side: Side) {
    scene.way(side).cut();
    scene.way(side).heal();
    scene.cuts += 1;
    scene.program.start_again();
    scene.program.ready().await;
}
