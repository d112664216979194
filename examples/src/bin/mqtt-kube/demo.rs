//! `mqtt-kube demo`: the main job with everything embedded, told to somebody who sees it for the first time.

mod panel;

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mqttkube_core::config;
use mqttkube_core::runtime::{Handle, Runtime, RuntimeError};
use mqttkube_mqtt::{Availability, Options};
use mqttkube_tests::broker::EmbeddedBroker;
use mqttkube_tests::fake_api::{ApiServer, FakeApi};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::panel::Panel;
use crate::http;
use crate::settings::HttpSettings;
use crate::signals::Signals;

/// The configuration that the demo runs, and shows.
const CONFIG: &str = include_str!("demo.yaml");

const SET: &str = "jellyfin/power/set";
const STATE: &str = "jellyfin/power/state";

/// A step that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Switch a media server on and off, with a broker and a Kubernetes API inside this program.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Tell the story once and end.
    #[arg(long)]
    pub(crate) once: bool,
}

/// Runs the demo and says with which status the program ends.
///
/// # Errors
/// When something cannot be started, or the story does not go as it should.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(play(args.once))?;
    Ok(ExitCode::SUCCESS)
}

/// Everything that the demo starts.
struct Stage {
    broker: EmbeddedBroker,
    cluster: FakeApi,
    server: ApiServer,
    status: Option<u16>,
    runtime: JoinHandle<Result<(), RuntimeError>>,
    stop: oneshot::Sender<()>,
}

async fn play(once: bool) -> Result<()> {
    let mut signals = Signals::listen()?;
    let stage = Stage::set().await?;
    println!("{}", stage.introduction());
    let mut panel = Panel::connect(stage.broker.port()).await?;
    stage.story(&mut panel).await?;
    panel.close().await;
    if !once {
        println!("{}", stage.invitation());
        signals.next().await;
    }
    stage.end().await
}

impl Stage {
    async fn set() -> Result<Self> {
        let broker = EmbeddedBroker::start().await?;
        let cluster = FakeApi::new();
        cluster.with_controllers();
        cluster.namespace("media");
        cluster.put(deployment())?;
        let server = cluster.serve().await?;
        let client = kube::Config::new(server.url().parse()?);
        // There is no TLS here, but the client asks for a provider all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = mqttkube_core::runtime::client(client)?;
        let plan = config::parse(CONFIG, "demo.yaml", "", |_| ())
            .context("the demo's configuration")?
            .plan;
        let options = Options::builder("127.0.0.1", "mqtt-kube").port(broker.port());
        let options = options
            .availability(Availability::new("mqtt-kube/status"))
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let stop_signal = async move { drop(stopped.await) };
        let runtime = Runtime::builder(plan, client, options)
            .stop_when(stop_signal)
            .build();
        let status = serve_status(runtime.handle()).await;
        Ok(Self {
            broker,
            cluster,
            server,
            status,
            runtime: tokio::spawn(runtime.run()),
            stop,
        })
    }

    fn introduction(&self) -> String {
        let config = CONFIG
            .lines()
            .map(|line| format!("      {line}\n"))
            .collect::<String>();
        format!(
            "mqtt-kube demo: a media server that is switched on and off like a lamp\n\
             \n\
             Everything runs inside this one program, on this machine only:\n\
             \n\
             \x20 an MQTT broker     mqtt://{broker}\n\
             \x20 a Kubernetes API   {api}   (an imitation with one Deployment: media/jellyfin)\n\
             \x20 mqtt-kube          joins the two, as this file says:\n\
             \n\
             {config}",
            broker = self.broker.address(),
            api = self.server.url(),
        )
    }

    /// The lamp goes on and off again.
    async fn story(&self, panel: &mut Panel) -> Result<()> {
        panel.expect(STATE, "OFF").await?;
        println!(
            "1. The Deployment has no replicas, so the media server is off. mqtt-kube says so, and the broker"
        );
        println!("   keeps the message for everybody who asks later:\n");
        println!("      {STATE}  {}\n", bold("OFF"));
        self.switch(panel, "ON", 1).await?;
        println!("4. A replica comes up. mqtt-kube watches the Deployment and publishes its new state:\n");
        println!("      {STATE}  {}\n", bold("ON"));
        println!("5. And off again:\n");
        println!("      {SET}    {}", bold("OFF"));
        panel.publish(SET, "OFF").await?;
        self.patched(0).await?;
        panel.expect(STATE, "OFF").await?;
        println!("      {STATE}  {}\n", bold("OFF"));
        println!(
            "The command is acknowledged to the broker only now that Kubernetes has carried it out, so it is not"
        );
        println!("lost when mqtt-kube, the broker or the API server is away for a while.");
        Ok(())
    }

    async fn switch(&self, panel: &mut Panel, word: &str, replicas: u64) -> Result<()> {
        println!("2. Somebody presses a switch, which publishes a command:\n");
        println!("      {SET}    {}\n", bold(word));
        panel.publish(SET, word).await?;
        let patch = self.patched(replicas).await?;
        println!("3. The file maps {word} to {replicas}; mqtt-kube sends this patch to the API server:\n");
        println!("{patch}");
        panel.expect(STATE, word).await
    }

    /// Waits for the patch that sets `replicas` and shows it.
    async fn patched(&self, replicas: u64) -> Result<String> {
        let look = async {
            loop {
                let wanted = json!({ "spec": { "replicas": replicas } });
                let found = self
                    .cluster
                    .gate()
                    .log()
                    .filter(|one| one.method == "PATCH" && one.json() == wanted);
                if let Some(found) = found.last() {
                    let mut shown = String::new();
                    writeln!(shown, "      PATCH {}", found.path)?;
                    writeln!(shown, "      {}", bold(&found.json().to_string()))?;
                    return Ok(shown);
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, look)
            .await
            .context("no patch came out of the command")?
    }

    fn invitation(&self) -> String {
        let (port, api) = (self.broker.port(), self.server.url());
        let mut lines = format!(
            "\nJoin in from another terminal:\n\n\
             \x20 mosquitto_sub -h 127.0.0.1 -p {port} -v -t '#'\n\
             \x20 mosquitto_pub -h 127.0.0.1 -p {port} -q 1 -t {SET} -m ON\n\
             \x20 kubectl --server {api} -n media get deployment jellyfin -o yaml\n\
             \x20 kubectl --server {api} -n media scale deployment jellyfin --replicas 0\n"
        );
        if let Some(port) = self.status {
            lines.push_str(&format!("  curl http://127.0.0.1:{port}/api/status\n"));
        }
        lines.push_str("\nCtrl-C ends it.");
        lines
    }

    async fn end(self) -> Result<()> {
        // An error means that the runtime has ended already; its result says why.
        let _ = self.stop.send(());
        self.runtime.await.context("mqtt-kube failed")??;
        drop(self.server);
        self.broker.stop().await
    }
}

/// The deployment of the story, switched off.
fn deployment() -> serde_json::Value {
    let labels = json!({ "app": "jellyfin" });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "jellyfin", "namespace": "media" },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "jellyfin", "image": "docker.io/jellyfin/jellyfin" }] },
            },
        },
    })
}

/// Serves health and status on a free port; the demo goes on without where that is impossible.
async fn serve_status(handle: Handle) -> Option<u16> {
    let settings = HttpSettings {
        bind: "127.0.0.1".to_owned(),
        port: 0,
        ..HttpSettings::default()
    };
    let server = http::Server::bind(&settings).await.ok()?;
    let port = server.port();
    tokio::spawn(http::serve(server, handle));
    port
}

fn bold(text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\x1b[1m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
