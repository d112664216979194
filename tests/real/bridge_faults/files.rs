//! Row 29: files that are truncated, swapped and turned over by a symbolic link while the program runs.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::wait;

use super::checked::{AUDIENCE, Checked, KEY, token};
use super::scene::{Mode, Scene, Side, impossible};
use super::tls::start;
use crate::bridge::scene::{Folder, SOON};

/// Certificates of authorities and the configuration itself, on both sides.
#[tokio::test]
async fn fault_29_broken_certificates_and_configurations_change_nothing_while_the_program_runs() {
    if impossible() {
        return;
    }
    let play = async |mode| {
        let authority = Authority::new("trusted").unwrap();
        let mut scene = start(mode, &authority).await;
        for side in Side::ALL {
            let name = format!("{}-ca.pem", side.name());
            let good = scene.folder.read(&name);
            let next = scene.folder.write("next.pem", &good[..good.len() / 2]);
            // Half a certificate, in the place of the whole one.
            std::fs::rename(next, scene.folder.path(&name)).unwrap();
            assert_eq!(stale(&scene, side).await, 0);
            comes_back(&mut scene, side).await;
            let once = stale(&scene, side).await;
            assert!(once > 0, "half a file is told");
            scene.folder.write(&name, "");
            comes_back(&mut scene, side).await;
            assert!(stale(&scene, side).await > once, "an empty file is told");
            scene.folder.write(&name, good);
        }
        let config = scene.folder.read("bridge.yaml");
        scene.folder.write("bridge.yaml", &config[..config.len() / 3]);
        for side in Side::ALL {
            let before = stale(&scene, side).await;
            comes_back(&mut scene, side).await;
            assert_eq!(stale(&scene, side).await, before, "the files are whole again");
        }
        // It is the next start that refuses half a configuration, with the place.
        let mut second = scene.program.spec.clone();
        second.log = scene.folder.path("second.log");
        let mut second = second.start().unwrap();
        let status = second.ended(SOON).await.unwrap();
        assert_eq!(status.code(), Some(2), "{}", second.output());
        assert!(second.output().contains("bridge.yaml:"), "{}", second.output());
        scene.folder.write("bridge.yaml", config);
        scene.finish("fault-29 certificates").await;
    };
    tokio::join!(play(Mode::Relay), play(Mode::Store));
}

/// Cuts a connection and waits until there is another one.
async fn comes_back(scene: &mut Scene, side: Side) {
    scene.messages(20).await;
    let before = scene.program.connections(side).await;
    scene.way(side).cut();
    scene.cuts += 1;
    scene.program.reconnected(side, before).await;
}

/// Connections that were made with the files of before.
async fn stale(scene: &Scene, side: Side) -> u64 {
    let name = format!("stale_files_total{{side=\"{}\"}}", side.name());
    scene.program.metric(&name).await.unwrap() as u64
}

/// The volume of a projected token: `token` leads over `..data` to the folder of the present one.
struct Volume {
    folder: PathBuf,
    turns: usize,
}

impl Volume {
    fn new(folder: &Folder, token: &str) -> Self {
        let mut volume = Self {
            folder: folder.path(""),
            turns: 0,
        };
        volume.turn(token);
        symlink("..data/token", volume.folder.join("token")).unwrap();
        volume
    }

    /// Turns over to another content, as a kubelet does it: in one step.
    fn turn(&mut self, token: &str) {
        self.turns += 1;
        let name = format!("..{}", self.turns);
        std::fs::create_dir(self.folder.join(&name)).unwrap();
        std::fs::write(self.folder.join(&name).join("token"), token).unwrap();
        let [next, data] = ["..next", "..data"].map(|name| self.folder.join(name));
        symlink(&name, &next).unwrap();
        std::fs::rename(next, data).unwrap();
    }
}

/// A token in a projected volume: the next one is used without a restart, and long before the present one ends; a file
/// that is empty or no token leaves the present one in use.
#[tokio::test]
async fn fault_29_a_token_that_turns_over_is_used_at_once_and_a_broken_one_never() {
    if impossible() {
        return;
    }
    let play = async |mode| {
        let prepared = Checked::prepare(mode, "{type: token-file, path: token}").await;
        let mut volume = Volume::new(&prepared.folder, &token(3_600));
        let mut scene = prepared.start(|spec| spec).await;
        scene.carries().await;
        volume.turn(&token(1_800));
        scene
            .cloud
            .wait(SOON, "the next token", |counts, _| counts.connections == 2)
            .await;
        scene.carries().await;
        for broken in ["", "no.token"] {
            let before = scene.failures().await;
            volume.turn(broken);
            wait::until_ok(SOON, "a failure that is counted", async || {
                let now = scene.failures().await;
                if now > before { Ok(()) } else { Err(now) }
            })
            .await;
            let connections = scene.cloud.counts().connections;
            scene.cloud.cut("bridge");
            scene
                .cloud
                .wait(SOON, "the last good token", |counts, _| {
                    counts.connections > connections
                })
                .await;
            scene.carries().await;
        }
        let connections = scene.cloud.counts().connections;
        volume.turn(&token(900));
        scene
            .cloud
            .wait(SOON, "the token after that", |counts, _| {
                counts.connections > connections
            })
            .await;
        scene.carries().await;
        let counts = scene.cloud.counts();
        assert_eq!(counts.refused, [] as [&str; 0]);
        let status = scene.program.status().await;
        assert_eq!(status["local"]["connections"], 1, "{status}");
        scene.program.terminate().await;
    };
    tokio::join!(
        play("{mode: relay}"),
        play("{mode: store, store: {path: messages}}")
    );
}

/// The private key is damaged while tokens are due every few seconds, and replaced before the last one ends.
#[tokio::test]
async fn fault_29_a_damaged_key_leaves_the_last_token_in_use() {
    if impossible() {
        return;
    }
    let credential =
        format!("{{type: jwt, key: key.pem, audience: {AUDIENCE}, lifetime: 20s, refresh: 20%}}");
    let prepared = Checked::prepare("{mode: relay}", &credential).await;
    prepared.folder.write("key.pem", KEY);
    let mut scene = prepared.start(|spec| spec).await;
    scene.carries().await;
    let half = scene.folder.write("next.pem", &KEY[..KEY.len() / 2]);
    std::fs::rename(half, scene.folder.path("key.pem")).unwrap();
    wait::until_ok(SOON, "a failure that is counted", async || {
        let failures = scene.failures().await;
        if failures > 0 { Ok(()) } else { Err(failures) }
    })
    .await;
    scene.carries().await;
    let connections = scene.cloud.counts().connections;
    scene.folder.write("key.pem", KEY);
    scene
        .cloud
        .wait(SOON, "a token by the whole key", |counts, _| {
            counts.connections > connections
        })
        .await;
    scene.carries().await;
    let counts = scene.cloud.counts();
    assert_eq!((counts.outlived, counts.refused.len()), (0, 0), "{counts:?}");
    scene.program.terminate().await;
}
