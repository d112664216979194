//! `jwt-refresher` in the place of the refresher of the `kube-mqtt` tutorial: its environment, its template, its key; a
//! real Mosquitto beside it, and a real remote broker behind TLS. And what was weak about that one.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mqttkube_mosquitto::analysis::{FindingCode, check_rules};
use mqttkube_mosquitto::{Config, RuleSet, Version, lint};
use mqttkube_tests::mqtt_probe::{Options, Probe};
use mqttkube_tests::process::{MosquittoOptions, Spec, find, free_port};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::{program, wait};
use serde_json::json;

use super::pod::{Pod, TEMPLATE, claims, metric, text, verify};
use super::scene::{SOON, ready, unprivileged, until_ready};

#[tokio::test]
async fn weakness_1_it_starts_and_bridges_with_the_key_the_template_and_the_environment_of_the_tutorial() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let pod = Pod::new().await;
    assert!(pod.folder.read("ec_private.pem").contains("BEGIN EC PARAMETERS"));
    let (_refresher, _broker) = pod.start(pod.refresher()).await;
    let token = pod.token().expect("it was filled in");
    let [header, body] = claims(&token);
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT"}));
    let (begin, end) = (body["iat"].as_u64().unwrap(), body["exp"].as_u64().unwrap());
    assert_eq!((end - begin, &body["aud"]), (600 * 60, &json!("my-project")));
    verify(&pod.folder, &token);
    pod.bridged(1).await;

    let local = Probe::connect(pod.local(), Options::default()).await.unwrap();
    local.subscribe("#", 1).await.unwrap();
    let seen = pod
        .seen_in_cloud("/devices/bridge/state done", async || {
            pod.publish("test/topic", "hello").await;
            pod.publish("gcp/events", "hello").await;
            pod.publish("gcp/events/door", "open").await;
            pod.publish("gcp/state", "done").await;
        })
        .await;
    let expected = ["events hello", "events/door open", "state done"];
    assert_eq!(seen, expected.map(|line| format!("/devices/bridge/{line}")));
    for (topic, payload) in [("config", "c"), ("commands", "all"), ("commands/light", "on")] {
        let topic = format!("/devices/bridge/{topic}");
        let done = pod
            .cloud_client(&["mosquitto_pub", "-t", &topic, "-m", payload])
            .status()
            .unwrap();
        assert!(done.success());
    }
    local
        .wait(SOON, |messages| {
            messages.iter().any(|message| message.text() == "on")
        })
        .await;
    let came: Vec<_> = local
        .messages()
        .iter()
        .map(|message| (message.topic.clone(), message.text()))
        .collect();
    for (topic, payload) in [
        ("test/topic", "hello"),
        ("gcp/config", "c"),
        ("gcp/commands", "all"),
        ("gcp/commands/light", "on"),
    ] {
        assert!(
            came.contains(&(topic.to_owned(), payload.to_owned())),
            "{topic}: {came:?}"
        );
    }
}

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
            let mut tokens = std::collections::BTreeSet::new();
            while tokens.len() < 3 && !done.load(Ordering::Acquire) {
                let conf = pod.folder.read("mosquitto.conf");
                assert_eq!(conf.lines().count(), lines, "{conf}");
                assert_eq!(conf.lines().last(), Some(last));
                tokens.insert(pod.token());
            }
            tokens.len()
        });
        let end = std::time::Instant::now() + SOON;
        while !watcher.is_finished() && std::time::Instant::now() < end {
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

#[tokio::test]
async fn weakness_6_it_needs_no_privilege_and_shows_no_secret() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let pod = Pod::new().await;
    let (refresher, broker) = pod
        .start(pod.quick_refresher("2s").env("RUST_LOG", "trace"))
        .await;
    let first = pod.token().unwrap();
    wait::until(SOON, "a broker that was signalled", || broker.starts() >= 2).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", refresher.id())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(
        u64::from_str_radix(&field("CapEff:"), 16),
        Ok(0),
        "it has no capability"
    );
    assert_ne!(field("Uid:"), "0");
    let mode = std::fs::metadata(pod.folder.path("mosquitto.conf"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = pod.folder.read("ec_private.pem");
    let secret = key
        .lines()
        .find(|line| line.starts_with("MHc"))
        .expect("base64 of the key");
    let shown = [
        refresher.output(),
        text(pod.http, "/metrics").await.unwrap(),
        text(pod.http, "/readyz").await.unwrap(),
        std::fs::read_to_string(format!("/proc/{}/cmdline", refresher.id())).unwrap(),
    ];
    for text in shown {
        assert!(
            !text.contains(&first) && !text.contains(&pod.token().unwrap()),
            "{text}"
        );
        assert!(!text.contains(secret), "{text}");
    }
}

/// Another account's broker cannot be signalled. That is told, and tried again; nothing else happens to it.
#[tokio::test]
async fn weakness_6_a_broker_of_another_account_is_left_alone_and_that_is_told() {
    if lacks(&[Need::Mosquitto, Need::Root]) {
        return;
    }
    let pod = Pod::new().await;
    // Started by root it becomes the user mosquitto; the refresher is nobody.
    let foreign = Spec::new(find("mosquitto").unwrap(), pod.folder.path("foreign.log"));
    let mut foreign = foreign.args(["-p", &free_port().to_string()]).start().unwrap();
    pod.folder.write("pid", foreign.id().to_string());
    let _refresher = pod.refresher().start().unwrap();
    wait::until_ok(SOON, "a failure that is told", async || {
        let (_, answer) = program::get(pod.http, "/readyz").await.ok_or("nobody answers")?;
        let reason = answer["reason"].as_str().unwrap_or_default().to_owned();
        if reason.contains("the same user id as the broker") {
            Ok(())
        } else {
            Err("not yet")
        }
    })
    .await;
    assert!(foreign.is_running());
    assert!(metric(pod.http, "failures_total").await.unwrap() >= 1);
}

#[tokio::test]
async fn weakness_7_no_token_goes_to_a_cloud_of_another_name() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let pod = Pod::with_cloud_named("elsewhere.example").await;
    let (_refresher, _broker) = pod.start(pod.refresher()).await;
    let refused = || pod.folder.read("mosquitto.log").contains("verif");
    wait::until(SOON, "a certificate that is not verified", refused).await;
    assert_eq!(pod.connections(), 0);
    // The tutorial's own switch is called what it is.
    let found = lint(
        "listener 1883\nconnection c\naddress h:8883\ntopic a out 1\nbridge_insecure true\n",
        Version::V2_0,
    );
    assert!(
        found
            .iter()
            .any(|lint| lint.code.as_str() == "bridge-insecure" && lint.line == 5)
    );
    let found = lint("listener 1883 0.0.0.0\nallow_anonymous true\n", Version::V2_0);
    assert!(found.iter().any(|lint| lint.code.as_str() == "anonymous-open"));
}

#[tokio::test]
async fn weakness_8_it_is_alive_without_a_cloud_and_tells_how_old_the_token_is() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let mut pod = Pod::new().await;
    pod.cloud.kill();
    let (_refresher, broker) = pod.start(pod.quick_refresher("1h")).await;
    assert!(matches!(program::get(pod.http, "/livez").await, Some((200, _))));
    assert!(ready(pod.http).await, "the file is there, and its token is good");
    let age = metric(pod.http, "token_age_seconds").await.unwrap();
    let left = metric(pod.http, "token_left_seconds").await.unwrap();
    assert!(
        (0..60).contains(&age) && (3_500..=3_600).contains(&left),
        "{age} {left}"
    );
    assert_eq!(
        metric(pod.http, "reload_age_seconds").await,
        None,
        "nobody had to be told yet"
    );
    assert_eq!(metric(pod.http, "refreshes_total").await, Some(1));
    assert_eq!(broker.starts(), 1);
}

/// A client of the broker, under the same account, whose number stands in a pid file that a killed broker has left.
#[tokio::test]
async fn weakness_9_a_pid_file_that_has_come_to_name_a_client_has_nobody_ended() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let pod = Pod::new().await;
    let other = MosquittoOptions::default().start().await.unwrap();
    let client = find("mosquitto_sub").expect("mosquitto-clients is installed");
    let client = unprivileged(&client, pod.folder.path("client.log"));
    let port = other.port().to_string();
    let mut client = client.args(["-p", &port, "-t", "a"]).start().unwrap();
    pod.folder.write("pid", client.id().to_string());
    let _refresher = pod.refresher().start().unwrap();
    wait::until_ok(SOON, "a round without a failure", async || {
        let names = ["refreshes_total", "failures_total", "reloads_total"];
        let mut numbers = Vec::new();
        for name in names {
            numbers.push(metric(pod.http, name).await);
        }
        if numbers == [Some(1), Some(0), Some(0)] {
            Ok(())
        } else {
            Err(numbers)
        }
    })
    .await;
    assert!(ready(pod.http).await);
    assert!(client.is_running());
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

#[tokio::test]
async fn weakness_10_overlapping_rules_are_told_and_one_message_is_carried_once() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    // The rules of the tutorial's first version: gcp/events/# takes gcp/events as well.
    let document = Config::read(
        &TEMPLATE
            .replace("LOCAL_PORT", "1883")
            .replace("CLOUD_PORT", "8883"),
    );
    let rules = document.config.connections[0].rules.clone();
    let findings = check_rules(&RuleSet::new(rules, Version::V2_1), true);
    let overlap = findings
        .iter()
        .find(|finding| finding.code == FindingCode::Overlap);
    assert_eq!(
        overlap.map(|finding| finding.witness.as_str()),
        Some("gcp/events"),
        "{findings:?}"
    );

    let pod = Pod::new().await;
    let (_refresher, _broker) = pod.start(pod.refresher()).await;
    pod.bridged(1).await;
    let seen = pod
        .seen_in_cloud("/devices/bridge/state last", async || {
            pod.publish("gcp/events", "once").await;
            pod.publish("gcp/state", "last").await;
        })
        .await;
    assert_eq!(
        seen,
        ["/devices/bridge/events once", "/devices/bridge/state last"]
    );
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
