//! `cloud-bridge run` as a process between two brokers.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mqttkube_tests::broker::EmbeddedBroker;
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::{Process, free_port};
use mqttkube_tests::program::{self, get};
use mqttkube_tests::wait;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(30);
const CANARY: &str = "canary-swordfish";
const PAYLOAD: &str = "canary-halibut";

/// Two brokers and a program between them.
struct Bridge {
    folder: TempDir,
    local: EmbeddedBroker,
    cloud: EmbeddedBroker,
    http: u16,
}

impl Bridge {
    async fn new(relay: &str) -> Self {
        let (folder, http) = (TempDir::new().unwrap(), free_port());
        let (local, cloud) = (
            EmbeddedBroker::start().await.unwrap(),
            EmbeddedBroker::start().await.unwrap(),
        );
        let config = format!(
            r#"
local: {{host: 127.0.0.1, port: {local}, client-id: bridge-local}}
cloud:
  profile: plain
  host: 127.0.0.1
  port: {cloud}
  client-id: bridge-cloud
  credential: {{type: basic, username: bridge, password: "${{env:BRIDGE_PASSWORD}}"}}
rules:
  - {{topic: "events/#", direction: out, qos: 1, local-prefix: l/, remote-prefix: r/}}
  - "topic commands/# in 1 l/ r/"
relay: {relay}
http: {{bind: 127.0.0.1, port: {http}}}
logging: {{level: debug}}
"#,
            local = local.port(),
            cloud = cloud.port(),
        );
        fs::write(folder.path().join("bridge.yaml"), config).unwrap();
        Self {
            folder,
            local,
            cloud,
            http,
        }
    }

    fn start(&self) -> Process {
        start(self.folder.path())
    }

    async fn ready(&self) {
        let question = async || match get(self.http, "/readyz").await {
            Some((200, _)) => Ok(()),
            other => Err(other),
        };
        wait::until_ok(SOON, "readiness", question).await;
    }

    async fn text(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).await.unwrap();
        let question = format!("GET {path} HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n");
        stream.write_all(question.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

fn start(folder: &Path) -> Process {
    program::spec("cloud-bridge", folder.join("log"))
        .args(["run", "bridge.yaml"])
        .env("BRIDGE_PASSWORD", CANARY)
        .directory(folder)
        .start()
        .unwrap()
}

#[tokio::test]
async fn a_bridge_carries_until_sigterm_and_shows_its_numbers() {
    let bridge = Bridge::new("{mode: relay}").await;
    let mut program = bridge.start();
    bridge.ready().await;
    let far = Probe::connect(bridge.cloud.address(), Options::default())
        .await
        .unwrap();
    far.subscribe("r/#", 1).await.unwrap();
    let near = Probe::connect(bridge.local.address(), Options::default())
        .await
        .unwrap();
    near.publish(&Message::new("l/events/door", PAYLOAD))
        .await
        .unwrap();
    far.wait(SOON, |seen| {
        seen.iter().any(|message| message.topic == "r/events/door")
    })
    .await;
    let forwarded = async || {
        let metrics = bridge.text("/metrics").await;
        let line = r##"cloud_bridge_forwarded_total{lane="out",rule="events/# out 1 l/ r/"} 1"##;
        if metrics.contains(line) {
            Ok(())
        } else {
            Err(metrics)
        }
    };
    wait::until_ok(SOON, "the message is counted", forwarded).await;
    let metrics = bridge.text("/metrics").await;
    assert!(
        metrics.contains(r#"cloud_bridge_connected{side="cloud"} 1"#),
        "{metrics}"
    );
    assert!(metrics.contains("cloud_bridge_token_refresh_ok 1"), "{metrics}");
    for line in [
        "resumed_total{side=\"cloud\"} 0",
        "sessions_lost_total{side=\"local\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let (_, status) = get(bridge.http, "/api/status").await.unwrap();
    assert_eq!(status["ready"], true, "{status}");
    assert_eq!(status["credential"]["accepted"], 1, "{status}");
    program.terminate();
    let ended = program.ended(Duration::from_secs(10)).await.unwrap();
    assert_eq!(ended.code(), Some(0), "{}", program.output());
    for shown in [program.output(), metrics, status.to_string()] {
        assert!(!shown.contains(CANARY), "the password is shown: {shown}");
        assert!(!shown.contains(PAYLOAD), "a payload is shown: {shown}");
    }
}

#[tokio::test]
async fn a_cloud_that_is_away_makes_it_unready_not_dead_and_what_came_meanwhile_outlives_it() {
    let mut bridge = Bridge::new("{mode: store, store: {path: outbox}}").await;
    let mut program = bridge.start();
    bridge.ready().await;
    bridge.cloud.halt().await.unwrap();
    let unready = async || match get(bridge.http, "/readyz").await {
        Some((503, document)) => Ok(document),
        other => Err(other),
    };
    let document = wait::until_ok(SOON, "it is not ready", unready).await;
    assert!(
        document["reasons"][0]
            .as_str()
            .is_some_and(|reason| reason.starts_with("cloud: ")),
        "{document}"
    );
    assert_eq!(get(bridge.http, "/livez").await.unwrap().0, 200);
    let near = Probe::connect(bridge.local.address(), Options::default())
        .await
        .unwrap();
    near.publish(&Message::new("l/events/door", PAYLOAD))
        .await
        .unwrap();
    let kept = async || {
        let metrics = bridge.text("/metrics").await;
        if metrics.contains(r#"cloud_bridge_outbox_messages{lane="out"} 1"#) {
            Ok(())
        } else {
            Err(metrics)
        }
    };
    wait::until_ok(SOON, "it is in the store", kept).await;
    program.kill();
    bridge.cloud.restart().await.unwrap();
    let far = Probe::connect(bridge.cloud.address(), Options::default())
        .await
        .unwrap();
    far.subscribe("r/#", 1).await.unwrap();
    let mut program = bridge.start();
    far.wait(SOON, |seen| {
        seen.iter().any(|message| message.topic == "r/events/door")
    })
    .await;
    // A second signal does not wait for anything.
    let began = Instant::now();
    program.terminate();
    program.terminate();
    program.ended(Duration::from_secs(10)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_bad_file_starts_nothing() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("bridge.yaml"), "cloud: {profile: plain}\n").unwrap();
    let mut program = start(folder.path());
    let ended = program.ended(SOON).await.unwrap();
    assert_eq!(ended.code(), Some(2));
    assert!(
        program.output().contains("bridge.yaml:1:"),
        "{}",
        program.output()
    );
}
