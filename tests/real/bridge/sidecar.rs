//! `jwt-refresher` in the place of the refresher of the `kube-mqtt` tutorial: its environment, its template, its key; a
//! real Mosquitto beside it, and a real remote broker behind TLS. And what was weak about that one.

mod harmless;
mod tokens;

use mqttkube_mosquitto::analysis::{FindingCode, check_rules};
use mqttkube_mosquitto::{Config, RuleSet, Version};
use mqttkube_tests::mqtt_probe::{Options, Probe};
use mqttkube_tests::program;
use mqttkube_tests::skip::{Need, lacks};
use serde_json::json;

use super::pod::{Pod, TEMPLATE, claims, metric, verify};
use super::scene::{SOON, ready};

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
