//! Row 34: a broker that cannot prove who it is, on the sides and in the modes that the tests in process leave out.

use mqttkube_tests::fake_cloud::{CloudOptions, FakeCloud};
use mqttkube_tests::process::tls::{Authority, Identity};
use mqttkube_tests::process::{MosquittoOptions, free_port};
use mqttkube_tests::proxy::{Fault, Side as Direction};
use serde_json::Value;

use super::scene::{Mode, Scene, Setup, Side, impossible};

/// Where the brokers of these tests are.
const HERE: [&str; 1] = ["127.0.0.1"];

/// Brokers that speak TLS with the program, and without it with everybody else.
pub(super) fn setup(mode: Mode, authority: &Authority) -> Setup {
    let doors = [free_port(), free_port()];
    let brokers = doors.map(|door| {
        MosquittoOptions::default()
            .persistent(1_000_000)
            .tls(authority, authority.server(&HERE).unwrap(), false)
            .line(&format!("listener {door} 127.0.0.1"))
    });
    Setup {
        brokers,
        doors: doors.map(Some),
        keys: ["local", "cloud"].map(|side| format!(", tls: {{cafile: {side}-ca.pem}}")),
        ..Setup::new(mode)
    }
}

/// Starts it with the authority in two files, so that one side's can be changed alone.
pub(super) async fn start(mode: Mode, authority: &Authority) -> Scene {
    let scene = Scene::start_with(setup(mode, authority), |spec, folder| {
        folder.write("local-ca.pem", authority.certificate());
        folder.write("cloud-ca.pem", authority.certificate());
        spec
    });
    let scene = scene.await;
    scene.program.ready().await;
    scene.go_on();
    scene
}

/// Puts somebody with another identity in the place of a broker, and then the broker again.
async fn meets(scene: &mut Scene, side: Side, identity: Identity, word: &str) {
    scene.messages(20).await;
    let options = CloudOptions {
        tls: Some(identity),
        ..CloudOptions::default()
    };
    let imposter = FakeCloud::start(options).await.unwrap();
    let right = scene.broker(side).address();
    let before = scene.program.connections(side).await;
    let attempts = scene.way(side).accepted();
    scene.way(side).retarget(imposter.address());
    scene.way(side).cut();
    scene.cuts += 1;
    let reason = |status: &Value| {
        status[side.name()]["last_offline"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let refused = scene
        .program
        .until("a refusal", |status| reason(status).contains(word))
        .await;
    let counts = imposter.counts();
    assert_eq!(
        (counts.connections, counts.refused.len()),
        (0, 0),
        "it saw no login: {}",
        reason(&refused)
    );
    // What comes meanwhile waits.
    scene.messages(20).await;
    let tries = scene.way(side).accepted() - attempts;
    assert!((1..=10).contains(&tries), "{tries} attempts, with pauses");
    scene.way(side).retarget(right);
    scene.program.reconnected(side, before).await;
}

/// Everything that a peer can do wrong in the handshake.
async fn handshakes(mode: Mode, side: Side) {
    let (trusted, stranger) = (
        Authority::new("trusted").unwrap(),
        Authority::new("stranger").unwrap(),
    );
    let mut scene = start(mode, &trusted).await;
    let wrong = [
        (trusted.expired_server(&HERE).unwrap(), "expired"),
        (trusted.server(&["broker.example"]).unwrap(), "name"),
        (stranger.server(&HERE).unwrap(), "UnknownIssuer"),
    ];
    for (identity, word) in wrong {
        meets(&mut scene, side, identity, word).await;
    }
    let before = scene.program.connections(side).await;
    let attempts = scene.way(side).accepted();
    scene.way(side).set(Fault::CloseAfter(Direction::ToClient, 100));
    scene.way(side).cut();
    scene.cuts += 1;
    scene.messages(20).await;
    scene
        .program
        .until("an attempt", |_| scene.way(side).accepted() > attempts)
        .await;
    scene.way(side).heal();
    scene.program.reconnected(side, before).await;
    scene.messages(20).await;
    scene.finish(&format!("fault-34 {side:?}")).await;
}

/// The cloud in relay mode is `tests/it/bridge/tls.rs`.
#[tokio::test]
async fn fault_34_a_broker_on_either_side_that_cannot_prove_who_it_is_gets_nothing() {
    if impossible() {
        return;
    }
    tokio::join!(
        handshakes(Mode::Relay, Side::Local),
        handshakes(Mode::Store, Side::Local),
        handshakes(Mode::Store, Side::Cloud),
    );
}
