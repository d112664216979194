//! What it does not do: no privilege, no secret in sight, no signal to a stranger, no token to another cloud.

use std::os::unix::fs::PermissionsExt as _;

use mqttkube_mosquitto::{Version, lint};
use mqttkube_tests::process::{MosquittoOptions, Spec, find, free_port};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::{program, wait};

use super::super::pod::{Pod, metric, text};
use super::super::scene::{SOON, ready, unprivileged};

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
