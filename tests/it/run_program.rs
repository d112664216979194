//! `mqtt-kube run` and `mqtt-kube demo` as processes.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mqttkube_tests::api_faults::{ApiServer, Fault};
use mqttkube_tests::broker::EmbeddedBroker;
use mqttkube_tests::fake_api::FakeApi;
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::Process;
use mqttkube_tests::process::free_port;
use mqttkube_tests::program::{self, get};
use mqttkube_tests::wait;
use serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(20);

/// A broker, an API server and a program between them.
struct Home {
    folder: TempDir,
    broker: EmbeddedBroker,
    api: FakeApi,
    server: Option<ApiServer>,
    http: u16,
}

impl Home {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (broker, api, http) = (
            EmbeddedBroker::start().await.unwrap(),
            FakeApi::new(),
            free_port(),
        );
        let server = api.serve().await.unwrap();
        fs::write(folder.path().join("kubeconfig"), server.kubeconfig()).unwrap();
        let config = format!(
            r#"
mqtt: {{port: {port}, client-id: home, topic-prefix: home}}
http: {{bind: 127.0.0.1, port: {http}}}
logging: {{level: debug}}
kubernetes: {{kubeconfig: kubeconfig}}
bindings:
  - resource: Deployment
    name: lamp
    patch: {{topic: lamp/set, locus: spec.replicas, values: {{"ON": 1, "OFF": 0}}}}
    watch: {{topic: lamp/replicas, locus: spec.replicas, retain: true}}
"#,
            port = broker.port()
        );
        fs::write(folder.path().join("home.yaml"), config).unwrap();
        api.put(json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "lamp", "namespace": "default" },
            "spec": { "replicas": 0, "selector": { "matchLabels": { "a": "b" } }, "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "a", "image": "a" }] },
            } },
        }))
        .unwrap();
        Self {
            folder,
            broker,
            api,
            server: Some(server),
            http,
        }
    }

    /// The short form of the command line, which the Python program has, too.
    fn start(&self) -> Process {
        start(&["home.yaml"], self.folder.path())
    }

    /// Sends a command whose call to the API server never ends.
    async fn hang(&self) -> Probe {
        let never = Fault::hanging().on("PATCH", "scale").times(usize::MAX);
        self.api.faults().add(never);
        let probe = Probe::connect(self.broker.address(), Options::default())
            .await
            .unwrap();
        probe.publish(&Message::new("home/lamp/set", "ON")).await.unwrap();
        wait::until(SOON, "the call that hangs", || self.api.faults().hits() > 0).await;
        probe
    }

    async fn ready(&self) {
        let question = async || match get(self.http, "/readyz").await {
            Some((200, _)) => Ok(()),
            other => Err(other),
        };
        wait::until_ok(SOON, "readiness", question).await;
    }

    fn replicas(&self) -> Value {
        self.api.get("apps/v1", "deployments", "default", "lamp").unwrap()["spec"]["replicas"].clone()
    }
}

fn start(args: &[&str], folder: &Path) -> Process {
    program::spec("mqtt-kube", folder.join("log"))
        .args(args)
        .directory(folder)
        .start()
        .unwrap()
}

#[tokio::test]
async fn a_file_runs_until_sigterm_and_leaves_in_good_order() {
    let home = Home::new().await;
    let mut program = home.start();
    home.ready().await;
    let probe = Probe::connect(home.broker.address(), Options::default())
        .await
        .unwrap();
    probe.publish(&Message::new("home/lamp/set", "ON")).await.unwrap();
    wait::until(SOON, "the lamp is on", || home.replicas() == 1).await;
    let (status, health) = get(home.http, "/api/health").await.unwrap();
    assert_eq!((status, &health["health"]), (200, &json!("okay")));
    let (_, status) = get(home.http, "/api/status").await.unwrap();
    assert_eq!(status["bindings"][0]["outcomes"]["applied"], 1, "{status}");
    assert_eq!(get(home.http, "/nothing").await.unwrap().0, 404);
    program.terminate();
    let ended = program.ended(Duration::from_secs(10)).await.unwrap();
    assert_eq!(ended.code(), Some(0), "{}", program.output());
    let retained = Probe::retained(home.broker.address(), "home/#").await.unwrap();
    assert_eq!(
        (
            &retained["home/home/status"][..],
            &retained["home/lamp/replicas"][..]
        ),
        (&b"offline"[..], &b"1"[..])
    );
    let told = program.output();
    assert!(told.contains("Deployment/lamp: 1 applied"), "{told}");
    assert!(
        !program.output().contains("ON"),
        "payloads are not in the log: {}",
        program.output()
    );
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let home = Home::new().await;
    let mut program = home.start();
    home.ready().await;
    let _probe = home.hang().await;
    let began = Instant::now();
    program.terminate();
    program.prints("stopping", SOON).await;
    program.terminate();
    let ended = program.ended(Duration::from_secs(10)).await.unwrap();
    assert_eq!(ended.code(), Some(1), "{}", program.output());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_hanging_call_does_not_hold_up_the_end() {
    let home = Home::new().await;
    let mut program = home.start();
    home.ready().await;
    let _probe = home.hang().await;
    program.terminate();
    let ended = program.ended(Duration::from_secs(10)).await.unwrap();
    assert_eq!(ended.code(), Some(0), "{}", program.output());
}

#[tokio::test]
async fn an_api_server_and_a_broker_that_come_later_are_waited_for() {
    let mut home = Home::new().await;
    let port = home.server.as_ref().unwrap().address().port();
    home.server = None;
    home.broker.halt().await.unwrap();
    let program = home.start();
    let question = async || match get(home.http, "/readyz").await {
        Some((503, document))
            if document["reasons"]
                .as_array()
                .is_some_and(|reasons| reasons.len() >= 2) =>
        {
            Ok(())
        }
        other => Err(other),
    };
    wait::until_ok(SOON, "two reasons not to be ready", question).await;
    assert_eq!(
        get(home.http, "/livez").await.unwrap().0,
        200,
        "a restart would not help"
    );
    home.server = Some(home.api.gate().serve_on(port).await.unwrap());
    home.broker.restart().await.unwrap();
    home.ready().await;
    drop(program);
}

#[tokio::test]
async fn a_bad_file_starts_nothing() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("bad.yaml"),
        "bindings:\n  - resource: Deployment\n    nmae: lamp\n",
    )
    .unwrap();
    let mut program = start(&["run", "bad.yaml"], folder.path());
    let ended = program.ended(SOON).await.unwrap();
    assert_eq!(ended.code(), Some(2));
    let told = program.output();
    assert!(
        told.contains(r#"bad.yaml:3:5: error: unknown key "nmae""#),
        "{told}"
    );
}

#[tokio::test]
async fn the_demo_tells_its_story_and_ends() {
    let folder = TempDir::new().unwrap();
    let mut program = start(&["demo", "--once"], folder.path());
    let ended = program.ended(Duration::from_secs(10)).await.unwrap();
    let story = program.output();
    assert_eq!(ended.code(), Some(0), "{story}");
    for word in [
        "mqtt://127.0.0.1:",
        "http://127.0.0.1:",
        "jellyfin/power/set",
        "PATCH /apis/apps/v1/",
        r#"{"spec":{"replicas":1}}"#,
    ] {
        assert!(story.contains(word), "{word} is missing in:\n{story}");
    }
}
