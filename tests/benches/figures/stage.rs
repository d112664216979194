//! Mosquitto, an API server with 64 Deployments, and the program bound to them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::{
    ControlPlane, ControlPlaneOptions, Mosquitto, MosquittoOptions, Process, Spec,
};
use mqttkube_tests::program;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(crate) const OBJECTS: usize = 64;

/// How long anything may take before the measurement is given up.
pub(crate) const SOON: Duration = Duration::from_secs(60);

const NAMESPACE: &str = "figures";

/// What stands still around the program.
pub(crate) struct Stage {
    plane: ControlPlane,
    pub(crate) deployments: Api<Deployment>,
    pub(crate) program: PathBuf,
    pub(crate) folder: TempDir,
    /// The number of replicas that was asked for last: no two writes ask for the same.
    replicas: i32,
}

/// The program at work, and those who look at it.
pub(crate) struct Running {
    pub(crate) broker: Peers,
    pub(crate) reader: Reader,
    _program: Process,
    _mosquitto: Mosquitto,
}

/// Those who talk to the broker beside the program.
pub(crate) struct Peers {
    pub(crate) publisher: Probe,
    /// Sees every state that the program publishes.
    pub(crate) subscriber: Probe,
}

impl Stage {
    pub(crate) async fn build() -> Result<Self> {
        let program = program::release("mqtt-kube");
        let plane = ControlPlaneOptions::default().start().await?;
        let client = plane.client().await?;
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE } }))?;
        Api::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await?;
        let deployments = Api::namespaced(client, NAMESPACE);
        for index in 0..OBJECTS {
            deployments
                .create(&PostParams::default(), &deployment(&name(index))?)
                .await?;
        }
        Ok(Self {
            plane,
            deployments,
            program,
            folder: TempDir::with_prefix("figures-")?,
            replicas: 0,
        })
    }

    pub(crate) async fn broker() -> Result<Mosquitto> {
        // What is unacknowledged is limited by the program, not by the broker's default of 20.
        MosquittoOptions::default()
            .line("max_inflight_messages 1000")
            .start()
            .await
    }

    /// Writes a configuration that binds so many objects, and says how to start the program with it.
    pub(crate) fn spec(&self, broker: &Mosquitto, objects: usize) -> Result<Spec> {
        let mut text = format!("mqtt: {{port: {}}}\nbindings:\n", broker.port());
        for name in (0..objects).map(name) {
            writeln!(
                text,
                "  - {{namespace: {NAMESPACE}, resource: Deployment, name: {name}, \
                 watch: {{locus: spec.replicas, topic: {name}/state}}, \
                 patch: {{locus: spec.replicas, type: int, topic: {name}/set}}}}"
            )?;
        }
        let config = self.folder.path().join(format!("{objects}.yaml"));
        std::fs::write(&config, text)?;
        let log = self.folder.path().join("mqtt-kube.log");
        let spec = Spec::new(&self.program, log).arg("run").arg(config);
        Ok(spec.env("KUBECONFIG", self.plane.kubeconfig()))
    }

    /// Starts the program with all objects, and waits until each of them has been published.
    pub(crate) async fn run(&self) -> Result<Running> {
        let broker = Self::broker().await?;
        let publisher = Probe::connect(broker.address(), Options::default()).await?;
        let subscriber = Probe::connect(broker.address(), Options::default()).await?;
        subscriber.subscribe("+/state", 1).await?;
        subscriber.subscribe("hop", 1).await?;
        let program = self.spec(&broker, OBJECTS)?.start()?;
        subscriber
            .wait(SOON, |messages| {
                let topics = messages.iter().map(|message| &message.topic);
                topics.collect::<BTreeSet<_>>().len() >= OBJECTS
            })
            .await;
        Ok(Running {
            broker: Peers {
                publisher,
                subscriber,
            },
            reader: Reader::start(self.deployments.clone()).await?,
            _program: program,
            _mosquitto: broker,
        })
    }

    /// A number of replicas that nobody has asked for yet.
    pub(crate) fn next_replicas(&mut self) -> i32 {
        self.replicas += 1;
        self.replicas
    }
}

impl Peers {
    /// Sends a command without waiting for its effect.
    pub(crate) async fn command(&self, name: &str, replicas: i32) -> Result<()> {
        let message = Message::new(format!("{name}/set"), replicas.to_string());
        self.publisher.publish(&message).await?;
        Ok(())
    }

    /// When the subscriber was told that an object has so many replicas.
    pub(crate) async fn told(&self, name: &str, replicas: i32) -> Instant {
        self.arrived(&format!("{name}/state"), &replicas.to_string())
            .await
    }

    /// When a message arrived at the subscriber.
    pub(crate) async fn arrived(&self, topic: &str, payload: &str) -> Instant {
        let expected = |message: &Message| message.topic == topic && message.payload == payload.as_bytes();
        let condition = |messages: &[Message]| messages.iter().any(expected);
        self.subscriber.wait(SOON, condition).await;
        Instant::now()
    }
}

/// The request that the program makes for a command, with a plain client.
pub(crate) async fn raw_patch(deployments: &Api<Deployment>, name: &str, replicas: i32) -> Result<()> {
    let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    let params = PatchParams::apply("figures");
    deployments.patch_scale(name, &params, &patch).await?;
    Ok(())
}

pub(crate) fn name(index: usize) -> String {
    format!("d{index}")
}

fn deployment(name: &str) -> Result<Deployment> {
    Ok(serde_json::from_value(json!({
        "metadata": { "name": name },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "web", "image": "example.com/web:1" }] },
            },
        },
    }))?)
}

/// A change as a plain watch sees it.
#[derive(Debug)]
struct Change {
    at: Instant,
    name: String,
    replicas: i32,
}

/// A plain watch on the Deployments.
#[derive(Debug)]
pub(crate) struct Reader(mpsc::UnboundedReceiver<Change>);

impl Reader {
    async fn start(deployments: Api<Deployment>) -> Result<Self> {
        let list = deployments
            .list_metadata(&kube::api::ListParams::default())
            .await?;
        let version = list.metadata.resource_version.unwrap_or_default();
        let (sender, changes) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            if let Err(error) = read(&deployments, version, &sender).await {
                eprintln!("the watch ended: {error:#}");
            }
        });
        Ok(Self(changes))
    }

    /// When each of these objects was seen with so many replicas; the last of those moments.
    pub(crate) async fn committed(&mut self, names: &[String], replicas: i32) -> Result<Instant> {
        let mut missing: BTreeSet<_> = names.iter().map(String::as_str).collect();
        loop {
            let change = timeout(SOON, self.0.recv())
                .await
                .with_context(|| format!("{} objects do not get {replicas} replicas", missing.len()))?;
            let change = change.context("the watch has ended")?;
            if change.replicas == replicas && missing.remove(change.name.as_str()) && missing.is_empty() {
                return Ok(change.at);
            }
        }
    }
}

async fn read(
    deployments: &Api<Deployment>,
    mut version: String,
    changes: &mpsc::UnboundedSender<Change>,
) -> Result<()> {
    while !changes.is_closed() {
        // The API server ends a watch after some minutes; the next one goes on from there.
        let events = deployments.watch(&WatchParams::default(), &version).await?;
        let mut events = events.boxed();
        while let Some(event) = events.try_next().await? {
            let at = Instant::now();
            let WatchEvent::Modified(object) = event else {
                continue;
            };
            version = object.metadata.resource_version.unwrap_or_default();
            let change = Change {
                at,
                name: object.metadata.name.unwrap_or_default(),
                replicas: object.spec.and_then(|spec| spec.replicas).unwrap_or_default(),
            };
            // Nobody looks any more: the loop ends.
            let _ = changes.send(change);
        }
    }
    Ok(())
}
