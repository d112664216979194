//! Row 28: the clock of the machine is wrong, or is set while the program runs.

use std::path::Path;

use mqttkube_tests::process::faketime;
use mqttkube_tests::skip::{Need, lacks};

use super::checked::{AUDIENCE, Checked, KEY};
use super::scene::impossible;
use crate::bridge::scene::SOON;

/// The program sees a clock that is so many seconds ahead.
fn set(file: &Path, seconds: i64) {
    let next = file.with_extension("next");
    std::fs::write(&next, format!("{seconds:+}")).unwrap();
    std::fs::rename(next, file).unwrap();
}

/// The real program under libfaketime, with tokens that the cloud checks by a clock of its own. First both clocks are
/// set, then only the program's: what it mints then is refused, and nothing is lost until its clock is right again.
#[tokio::test]
async fn fault_28_the_program_s_clock_is_set_forwards_and_back() {
    if impossible() || lacks(&[Need::Faketime]) {
        return;
    }
    let play = async |relay: &str| {
        let credential = format!("{{type: jwt, key: key.pem, audience: {AUDIENCE}, lifetime: 1h}}");
        let prepared = Checked::prepare(relay, &credential).await;
        prepared.folder.write("key.pem", KEY);
        let clock = prepared.folder.path("clock");
        set(&clock, 0);
        let library = faketime().expect("the test needs it");
        let mut scene = prepared
            .start(|spec| {
                spec.env("LD_PRELOAD", library)
                    .env("FAKETIME_TIMESTAMP_FILE", clock.clone())
                    .env("FAKETIME_NO_CACHE", "1")
                    // The stopwatch of a machine goes on whatever becomes of its calendar.
                    .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            })
            .await;
        scene.carries().await;
        let mut ahead = 0;
        for step in [3_600, -3_600, -3_600, 3_600] {
            ahead += step;
            set(&clock, ahead);
            scene.cloud.clock().step(step);
            scene.is_cut().await;
            scene.carries().await;
        }
        // Slow: the token in use has not begun to age for it, and is good.
        let refused = scene.cloud.counts().refused.len();
        set(&clock, -3_600);
        scene.is_cut().await;
        scene.carries().await;
        assert_eq!(scene.cloud.counts().refused.len(), refused);
        // Fast: that token has ended for it, and what it mints is from the future.
        set(&clock, 3_600);
        scene.is_cut().await;
        scene
            .cloud
            .wait(SOON, "a refusal", |counts, _| counts.refused.len() > refused)
            .await;
        set(&clock, 0);
        scene.carries().await;
        assert_eq!(scene.cloud.counts().violations, [] as [&str; 0]);
        let status = scene.program.status().await;
        assert_eq!(status["local"]["connections"], 1, "{status}");
        scene.program.terminate().await;
    };
    tokio::join!(
        play("{mode: relay}"),
        play("{mode: store, store: {path: messages}}")
    );
}
