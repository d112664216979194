//! Row 34: a cloud that cannot prove who it is gets no token.

use std::time::Duration;

use mqttkube_mqtt::Tls;
use mqttkube_tests::fake_cloud::FakeCloud;
use mqttkube_tests::process::tls::{Authority, Identity};
use mqttkube_tests::proxy::{Fault, Side};
use tempfile::TempDir;

use super::scene::{Scene, Setup};

/// The authority that the bridge of these tests trusts, as a file.
fn trusted() -> &'static (Authority, TempDir) {
    static TRUSTED: std::sync::OnceLock<(Authority, TempDir)> = std::sync::OnceLock::new();
    TRUSTED.get_or_init(|| {
        let (authority, folder) = (Authority::new("trusted").unwrap(), TempDir::new().unwrap());
        std::fs::write(folder.path().join("ca.pem"), authority.certificate()).unwrap();
        (authority, folder)
    })
}

fn setup(identity: Identity, store: bool) -> Setup {
    Setup {
        store,
        tls: Some(identity),
        at_cloud: |options| {
            options.tls(Tls {
                cafile: Some(trusted().1.path().join("ca.pem")),
                ..Tls::default()
            })
        },
        ..Setup::default()
    }
}

fn good() -> Identity {
    trusted().0.server(&["127.0.0.1"]).unwrap()
}

/// Meets a cloud with this identity: it is refused with a reason that contains `word`, and sees no token.
async fn refuses(identity: Identity, word: &str) {
    let scene = Scene::start_unready(setup(identity, false)).await;
    let reason = || scene.handle.status().cloud.last_offline.unwrap_or_default();
    scene.until("a refusal", || reason().contains(word)).await;
    let counts = scene.cloud.counts();
    assert_eq!((counts.connections, counts.refused.len()), (0, 0), "{}", reason());
    // It tries again, with pauses.
    let attempts = scene.to_cloud.accepted();
    scene
        .until("another attempt", || scene.to_cloud.accepted() > attempts)
        .await;
    assert!(scene.to_cloud.accepted() < 200, "no hot loop");
    // What was sent meanwhile is not lost: the right cloud gets it.
    scene.send_up(5).await;
    let right: FakeCloud = scene.another_cloud(good()).await;
    scene.to_cloud.retarget(right.address());
    right
        .wait(Duration::from_secs(60), "arrival", |_, ledger| {
            ledger.total().distinct == 5
        })
        .await;
    scene.end().await;
}

#[tokio::test]
async fn fault_34_a_certificate_that_has_ended() {
    refuses(trusted().0.expired_server(&["127.0.0.1"]).unwrap(), "expired").await;
}

#[tokio::test]
async fn fault_34_a_certificate_for_another_host() {
    refuses(trusted().0.server(&["cloud.example"]).unwrap(), "name").await;
}

#[tokio::test]
async fn fault_34_a_certificate_by_an_unknown_authority() {
    let stranger = Authority::new("stranger").unwrap();
    refuses(stranger.server(&["127.0.0.1"]).unwrap(), "UnknownIssuer").await;
}

#[tokio::test]
async fn fault_34_a_peer_that_drops_in_the_handshake() {
    for store in [false, true] {
        let mut scene = Scene::start(setup(good(), store)).await;
        for bytes in [1, 100, 700] {
            scene.to_cloud.set(Fault::CloseAfter(Side::ToClient, bytes));
            scene.to_cloud.cut();
            let attempts = scene.to_cloud.accepted();
            scene.send_many(3).await;
            scene
                .until("attempts", || scene.to_cloud.accepted() > attempts + 2)
                .await;
            scene.to_cloud.heal();
            scene.ready().await;
            scene.settle().await;
        }
        scene.end().await;
    }
}
