//! A broker with a bridge to a cloud service, and beside it the refresher of the bridge's password.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mqttkube_tests::fake_cloud::{CloudOptions, Door, FakeCloud, Takes, device_key};
use mqttkube_tests::mqtt_probe::Message;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::ground::{Ground, eventually};
use super::{connect, only_the_right_clients};
use crate::kubernetes::SOON;

const SPEC: &str = include_str!("cloud-bridge.yaml");
const NAMES: &str = include_str!("cloud-names.yaml");
const HOST: &str = "us-central1-mqtt.clearblade.com";
const DEVICE: &str = "projects/my-project/locations/us-central1/registries/gadgets/devices/bridge";
const SENSOR: (&str, &str) = ("sensor", "sensor's password");

/// A cloud that asks for signed tokens and TLS takes events from the broker in the pod, and sends it commands.
pub(super) async fn runs(ground: &Ground) {
    let (key, public) = device_key().unwrap();
    let cloud = FakeCloud::start(CloudOptions {
        door: Door::new("my-project", Duration::from_secs(60)).client(DEVICE, public),
        takes: Takes::clearblade(&[]),
        tls: Some(ground.authority.server(&[HOST]).unwrap()),
        ..CloudOptions::default()
    });
    let cloud = cloud.await.unwrap();
    let door = TcpListener::bind((ground.node_address(), 8883)).await.unwrap();
    let _passing = tokio::spawn(pass_on(door, cloud.address()));
    ground
        .apply(&NAMES.replace("ADDRESS", ground.node_address()))
        .await;

    ground.namespace("iot").await;
    ground
        .secret("iot", "bridge-key", &[("ec_private.pem", &key)])
        .await;
    let hash = ground.hash(SENSOR.0, SENSOR.1).await;
    ground
        .apply_spec("cloud-bridge", &SPEC.replace("HASH", &hash))
        .await;
    let began = Instant::now();
    ground.rolled_out("iot", "deployment/cloud-bridge").await;
    ground.passed(&format!(
        "the broker and its refresher were ready after {:.1} s",
        began.elapsed().as_secs_f32()
    ));
    let address = ground.service("iot", "cloud-bridge", 1883).await;
    only_the_right_clients(address, SENSOR).await;

    let sensor = connect(address, SENSOR).await;
    for number in 0..20 {
        let event = Message::new("gcp/events/temperature", number.to_string());
        sensor.publish(&event).await.unwrap();
    }
    let topic = "/devices/bridge/events/temperature";
    let arrived = |ledger: &mqttkube_tests::fake_cloud::Ledger| ledger.missing(topic, 20).is_empty();
    cloud.wait(SOON, "20 events", |_, ledger| arrived(ledger)).await;
    sensor.subscribe("gcp/commands/#", 1).await.unwrap();
    eventually("a command from the cloud", async || {
        cloud.publish(&Message::new("/devices/bridge/commands/fan", "faster"));
        let messages = sensor.messages();
        anyhow::ensure!(
            messages.iter().any(|message| message.topic == "gcp/commands/fan"),
            "{messages:?}"
        );
        Ok(())
    })
    .await;
    let counts = cloud.counts();
    assert_eq!(counts.refused, [""; 0], "the first token is a good one");
    assert_eq!(counts.violations, [""; 0]);
    ground.passed("20 events went to the cloud and a command came from it");
}

/// Connections to where pods reach us go to where the cloud listens, which is for this machine alone.
async fn pass_on(door: TcpListener, cloud: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((mut from, _)) = door.accept() => {
                connections.spawn(async move {
                    if let Ok(mut to) = TcpStream::connect(cloud).await {
                        // An error is the end of one of them.
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}
