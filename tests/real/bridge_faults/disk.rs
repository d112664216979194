//! Row 30: the disk of the outbox is full.

use std::path::Path;
use std::process::Command;

use mqttkube_tests::process::{Spec, find};
use mqttkube_tests::proxy::Fault;
use mqttkube_tests::skip::{Need, lacks};

use super::scene::{Mode, Scene, Setup, Side, impossible};

/// Messages that a disk of 1 MiB cannot hold.
const MANY: u64 = 5_000;

/// The program on a disk of its own, in mounts that go with it.
fn on_a_small_disk(spec: Spec, outbox: &Path) -> Spec {
    let script = "mount -t tmpfs -o size=1M tmpfs \"$1\" && shift && exec \"$@\"";
    let mut around = Spec::new("unshare", spec.log.clone())
        .args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"])
        .arg(outbox)
        .arg(spec.program)
        .args(spec.args);
    around.env = spec.env;
    around
}

/// Makes the disk of a running program larger.
fn grow(pid: u32, outbox: &Path) {
    let mount = Command::new(find("nsenter").expect("the test needs it"))
        .args([
            "--target",
            &pid.to_string(),
            "--mount",
            "mount",
            "-o",
            "remount,size=64M",
        ])
        .arg(outbox)
        .status();
    assert!(mount.unwrap().success(), "the disk cannot be made larger");
}

/// The cloud is away, and more comes than fits on the disk: it stays at the local broker, unacknowledged, and the program
/// goes on. With room again everything is carried, in order.
#[tokio::test]
async fn fault_30_a_relay_whose_disk_is_full_keeps_what_it_has_and_takes_no_more() {
    if impossible() || lacks(&[Need::Root, Need::Program("unshare"), Need::Program("nsenter")]) {
        return;
    }
    let setup = Setup {
        padding: 300,
        ..Setup::new(Mode::Store)
    };
    let scene = Scene::start_with(setup, |spec, folder| {
        on_a_small_disk(spec, &folder.path("outbox"))
    });
    let mut scene = scene.await;
    scene.program.ready().await;
    scene.messages(20).await;
    scene.rest().await;
    let before = scene.program.connections(Side::Cloud).await;
    scene.way(Side::Cloud).set(Fault::Refuse);
    scene.way(Side::Cloud).cut();
    scene.cuts += 1;
    scene.from(Side::Local).load.storm(MANY).await;
    let full = scene
        .program
        .until("a full disk", |status| status["store"]["failing"] == true)
        .await;
    assert!(
        full["store"]["messages"][0].as_u64() < Some(MANY),
        "not all of it fits: {full}"
    );
    assert_eq!(scene.program.metric("outbox_failing").await, Some(1.0));
    grow(scene.program.running().id(), &scene.folder.path("outbox"));
    scene
        .program
        .until("a disk with room", |status| status["store"]["failing"] == false)
        .await;
    scene.way(Side::Cloud).heal();
    scene.program.reconnected(Side::Cloud, before).await;
    scene.messages(20).await;
    scene.finish("fault-30").await;
}
