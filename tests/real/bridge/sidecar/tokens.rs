//! One token after another: the file is whole at any time, and the broker is told once for each.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::{program, wait};

use super::super::pod::{Pod, metric};
use super::super::scene::{SOON, until_ready};

#[tokio::test]
async fn weakness_2_a_refresher_that_starts_again_gives_the_running_broker_a_fresh_token() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let pod = Pod::new().await;
    let (mut refresher, broker) = pod.start(pod.refresher()).await;
    pod.bridged(1).await;
    let old = pod.token();
    refresher.kill();
    let _again = pod.refresher().start().unwrap();
    wait::until(SOON, "a new token", || pod.token() != old).await;
    wait::until(SOON, "a broker that was told", || broker.starts() == 2).await;
    pod.bridged(2).await;
}

#[tokio::test]
async fn weakness_3_readiness_comes_with_the_file_and_no_reader_sees_a_part_of_it() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let pod = Pod::new().await;
    let key = pod.folder.read("ec_private.pem");
    std::fs::remove_file(pod.folder.path("ec_private.pem")).unwrap();
    let refresher = pod.quick_refresher("1s").start().unwrap();
    wait::until_ok(SOON, "a failure that is told", async || {
        let answer = program::get(pod.http, "/readyz").await.ok_or("nobody answers")?;
        let told = answer.1["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("ec_private.pem"));
        if answer.0 == 503 && told {
            Ok(())
        } else {
            Err("not yet")
        }
    })
    .await;
    assert!(
        !pod.folder.path("mosquitto.conf").exists(),
        "half a configuration"
    );
    pod.folder.write("ec_private.pem", key);
    until_ready(&refresher, pod.http).await;
    let template = pod
        .folder
        .read("bridge.conf.tmpl")
        .replace("CONFIG_DEVICE_ID", "bridge");
    let (lines, last) = (template.lines().count(), template.lines().last().unwrap());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut tokens = BTreeSet::new();
            while tokens.len() < 3 && !done.load(Ordering::Acquire) {
                let conf = pod.folder.read("mosquitto.conf");
                assert_eq!(conf.lines().count(), lines, "{conf}");
                assert_eq!(conf.lines().last(), Some(last));
                tokens.insert(pod.token());
            }
            tokens.len()
        });
        let end = Instant::now() + SOON;
        while !watcher.is_finished() && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        done.store(true, Ordering::Release);
        assert_eq!(watcher.join().unwrap(), 3, "tokens seen");
    });
}

#[tokio::test]
async fn weakness_4_the_broker_is_ended_once_for_each_token_and_that_is_counted() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let pod = Pod::new().await;
    let (mut refresher, broker) = pod.start(pod.quick_refresher("3s")).await;
    let restarts = || broker.starts() - 1;
    wait::until(SOON, "two more tokens", || restarts() >= 2).await;
    // Nobody ends the broker while its process is stopped, so that both numbers stand still.
    refresher.pause();
    let ended = restarts();
    refresher.resume();
    wait::until_ok(SOON, "as many signals as restarts", async || {
        let told = metric(pod.http, "reloads_total").await.unwrap_or_default();
        let refreshed = metric(pod.http, "refreshes_total").await.unwrap_or_default();
        let enough = told >= i64::try_from(ended).unwrap();
        // The first file was written before there was a broker.
        let same = refreshed - told <= 2 && told <= i64::try_from(restarts()).unwrap() + 1;
        if enough && same {
            Ok(())
        } else {
            Err((told, refreshed, ended))
        }
    })
    .await;
    assert!(refresher.is_running());
}

/// A bridge that stays down with its token gets another one at once, and only one: each costs the connections of all
/// local clients, and a cloud that is away wants no token at all.
#[tokio::test]
async fn weakness_9_a_bridge_that_stays_down_gets_one_more_token_and_no_more() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let mut pod = Pod::new().await;
    let template = pod.folder.read("bridge.conf.tmpl").replace(
        "notifications false",
        "notifications true\nnotifications_local_only true",
    );
    pod.folder.write("bridge.conf.tmpl", template);
    let (_refresher, broker) = pod.start(pod.quick_refresher("1h")).await;
    let is = async |name: &str, number: i64| {
        wait::until_ok(SOON, name, async || {
            let now = metric(pod.http, name).await;
            if now == Some(number) { Ok(()) } else { Err(now) }
        })
        .await;
    };
    is("bridge_up", 1).await;
    for round in 1..=2 {
        let (token, starts) = (pod.token(), broker.starts());
        pod.cloud.kill();
        is("bridge_up", 0).await;
        is("doubts_total", round).await;
        wait::until(SOON, "another token, and a broker that was told", || {
            pod.token() != token && broker.starts() == starts + 1
        })
        .await;
        let token = pod.token();
        // Longer than it took to doubt the first one.
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!((pod.token(), broker.starts()), (token, starts + 1));
        pod.cloud.start().await.unwrap();
        is("bridge_up", 1).await;
        is("doubts_total", round).await;
    }
    assert_eq!(metric(pod.http, "failures_total").await, Some(0));
}

/// A token that somebody else writes, as a kubelet does: the file is a link over `..data`. The next one is taken soon after
/// it is there, and the same one again is no reason to end the broker.
#[tokio::test]
async fn a_token_that_turns_over_is_taken_and_one_that_stays_is_left_alone() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let pod = Pod::new().await;
    let turn = |round: u32| {
        let folder = format!("..{round}");
        std::fs::create_dir(pod.folder.path(&folder)).unwrap();
        pod.folder
            .write(&format!("{folder}/token"), format!("token-{round}"));
        symlink(&folder, pod.folder.path("..next")).unwrap();
        std::fs::rename(pod.folder.path("..next"), pod.folder.path("..data")).unwrap();
    };
    turn(1);
    symlink("..data/token", pod.folder.path("token")).unwrap();
    let refresher = pod.refresher_with("{type: token-file, path: token, lifetime: 2s}");
    let (refresher, broker) = pod.start(refresher).await;
    assert_eq!(pod.token().as_deref(), Some("token-1"));
    pod.bridged(1).await;
    // The end of its life is a guess of the configuration: the token is looked at again and again, and is the same.
    tokio::time::sleep(Duration::from_secs(5)).await;
    until_ready(&refresher, pod.http).await;
    assert_eq!(
        (metric(pod.http, "refreshes_total").await, broker.starts()),
        (Some(1), 1)
    );
    for round in 2..=3 {
        turn(round);
        let token = format!("token-{round}");
        wait::until(SOON, "the next token", || pod.token().as_ref() == Some(&token)).await;
        pod.bridged(round as usize).await;
        assert_eq!(broker.starts(), round as usize);
    }
    assert_eq!(metric(pod.http, "failures_total").await, Some(0));
}

/// The way to tell the broker can be a command of one's own, without a shell.
#[tokio::test]
async fn a_command_can_take_the_place_of_the_signal() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let pod = Pod::new().await;
    let refresher = pod.quick_refresher("2s");
    let told = pod.folder.path("told").display().to_string();
    let text = pod.folder.read("bridge.yaml");
    let (before, _) = text.split_once(", pid-file").unwrap();
    pod.folder.write(
        "bridge.yaml",
        format!("{before}, reload: command, command: [cp, mosquitto.conf, {told}]}}\n"),
    );
    let _refresher = refresher.directory(pod.folder.path("")).start().unwrap();
    wait::until(SOON, "the first command", || pod.folder.path("told").exists()).await;
    let first = pod.folder.read("told");
    wait::until(SOON, "the next one, with another token", || {
        pod.folder.read("told") != first
    })
    .await;
}
