//! The broker with a refresher: the real refresher fills the rendered template in, and the broker bridges with it.

use std::os::unix::fs::PermissionsExt as _;

use mqttkube_manifests::scenario::cloud_bridge;
use mqttkube_tests::mqtt_probe::{Message, Options};
use mqttkube_tests::process::MosquittoOptions;
use mqttkube_tests::process::free_port;
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::{program, wait};

use super::{Node, SOON, assert_closed, enter, login};

/// The password of the sample's only user.
const PASSWORD: &str = "a sample, not a secret";

#[tokio::test]
async fn the_broker_of_a_cloud_bridge_bridges_with_the_token_that_the_refresher_has_filled_in() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    // The cloud: TLS for the bridge, and a listener beside it to look in.
    let authority = Authority::new("the cloud").unwrap();
    let window = free_port();
    let cloud = MosquittoOptions::default()
        .tls(&authority, authority.server(&["localhost"]).unwrap(), false)
        .line(&format!("listener {window} 127.0.0.1"));
    let cloud = cloud.start().await.unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::set_permissions(outside.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let trusted = outside.path().join("ca.crt");
    std::fs::write(&trusted, authority.certificate()).unwrap();

    let key = authority.client("device", None).unwrap().key;
    let address = format!("localhost:{}", cloud.port());
    let node = Node::default()
        .secret("cloud-bridge-key", "ec_private.pem", &key)
        .program("refresher", program::bin("jwt-refresher"))
        .replace("us-central1-mqtt.clearblade.com:8883", &address)
        .replace(
            "bridge_capath /etc/ssl/certs",
            &format!("bridge_cafile {}", trusted.display()),
        )
        // Without a process namespace of its own it would find the brokers of others.
        .replace("process: mosquitto", "process: of-no-such-name");
    let bundle = cloud_bridge::sample_sidecar().unwrap();
    let broker = node.start(&bundle, "cloud-bridge").await;
    let written = std::fs::read_to_string(broker.volume("written").join("mosquitto.conf")).unwrap();
    assert!(!written.contains("GOOGLE_CLOUD_JWT"), "the token is missing");
    assert!(!broker.log("refresher").contains("PRIVATE KEY"));

    let port = broker.port(1883);
    assert_closed(port, "sensor").await;
    let sensor = enter(port, login("sensor", PASSWORD)).await.unwrap();
    sensor.subscribe("#", 1).await.unwrap();
    let seen = enter(window, Options::default()).await.unwrap();
    seen.subscribe("/devices/#", 1).await.unwrap();
    wait::until_ok(SOON, "bridge", async || {
        sensor.publish(&Message::new("gcp/state", "try")).await.unwrap();
        let came = seen
            .messages()
            .iter()
            .any(|message| message.topic == "/devices/bridge/state");
        came.then_some(()).ok_or_else(|| broker.log("mosquitto"))
    })
    .await;
    for topic in ["gcp/other", "elsewhere", "gcp/events/door"] {
        sensor.publish(&Message::new(topic, "out")).await.unwrap();
    }
    seen.publish(&Message::new("/devices/bridge/commands/light", "in"))
        .await
        .unwrap();
    let texts = |all: &[Message], payload: &str| -> Vec<String> {
        let hits = all.iter().filter(|message| message.text() == payload);
        hits.map(|message| message.topic.clone()).collect()
    };
    seen.wait(SOON, |all| !texts(all, "out").is_empty()).await;
    sensor.wait(SOON, |all| !texts(all, "in").is_empty()).await;
    assert_eq!(texts(&seen.messages(), "out"), ["/devices/bridge/events/door"]);
    assert_eq!(texts(&sensor.messages(), "in"), ["gcp/commands/light"]);
}
