//! One row: its components, its load, and its end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use mqttkube_tests::process::{ControlPlane, Mosquitto, MosquittoOptions, free_port};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use super::config::{OBJECTS, Settings, name};
use super::ledger::{Figures, Ledger};
use super::load::{Load, is_identified};
use super::program::Program;
use crate::suite::World;

const SOON: Duration = Duration::from_secs(60);

/// Rows run one after the other: each is about load, and a test machine has few cores.
static TURN: Mutex<()> = Mutex::const_new(());

/// What a row may choose before it starts.
pub(super) struct Setup {
    pub(super) settings: Settings,
    pub(super) broker: Mosquitto,
    world: World,
    turn: MutexGuard<'static, ()>,
}

/// A running row.
pub(super) struct Scenario {
    // The load ends first, the folder goes last.
    pub(super) load: Load,
    pub(super) ledger: Ledger,
    pub(super) program: Program,
    pub(super) broker: Mosquitto,
    pub(super) world: World,
    row: String,
    recoveries: Vec<Duration>,
    /// Packets were repeated that nothing marks as repeated: only identified launches can be told apart then.
    pub(super) unmarked_repetitions: bool,
    _folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// Whether a row can run here at all.
pub(super) fn impossible() -> bool {
    lacks(&[Need::Mosquitto, Need::ApiServer])
}

/// A broker that saves what it has when it is told to end, else after so many changes.
pub(super) fn broker(autosave: u32) -> MosquittoOptions {
    MosquittoOptions::default()
        .persistent(autosave)
        .line("max_inflight_messages 100")
}

/// A broker that is not killed in its row. Saving every change would slow it down.
pub(super) fn lasting_broker() -> MosquittoOptions {
    broker(1_000_000)
}

impl Setup {
    /// A broker, a namespace with the objects, and a configuration that leads to both directly.
    pub(super) async fn new(row: &str, broker: MosquittoOptions, plane: &ControlPlane) -> Self {
        let turn = TURN.lock().await;
        let broker = broker.start().await.unwrap();
        let world = World::new(plane.client().await.unwrap(), row).await;
        for object in 0..OBJECTS {
            world.config_map(&name(object), json!({ "state": "0" })).await;
        }
        let settings = Settings {
            kubeconfig: plane.kubeconfig(),
            broker: broker.address(),
            http_port: free_port(),
            namespace: world.namespace.clone(),
            receive_maximum: 100,
            request_timeout: "3s",
            watch_timeout: "10s",
            more: String::new(),
        };
        Self {
            settings,
            broker,
            world,
            turn,
        }
    }

    /// Leads the program to the broker by another way.
    #[must_use]
    pub(super) fn broker_at(mut self, address: SocketAddr) -> Self {
        self.settings.broker = address;
        self
    }

    /// Leads the program to the API server by another way.
    #[must_use]
    pub(super) fn kubeconfig(mut self, path: PathBuf) -> Self {
        self.settings.kubeconfig = path;
        self
    }

    /// The objects of the row, reached directly.
    pub(super) fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.world.client.clone(), &self.world.namespace)
    }

    /// The objects and the broker without the program, for rows in which something must be there before it.
    pub(super) fn world(&self) -> &World {
        &self.world
    }

    /// Starts the program, and the load as soon as it is ready.
    pub(super) async fn start(self) -> Scenario {
        let scenario = self.start_unready().await;
        scenario.program.ready().await;
        scenario
    }

    /// Starts the program and the load.
    pub(super) async fn start_unready(self) -> Scenario {
        let folder = TempDir::with_prefix("fault-").unwrap();
        let maps = self.maps();
        let (address, window) = (self.broker.address(), self.settings.receive_maximum);
        let row = self.world.namespace.clone();
        let ledger = Ledger::open(&row, address, window, maps.clone()).await;
        let program = Program::start(folder.path(), &self.settings.yaml(), self.settings.http_port);
        // Its subscriptions must stand before the first command, as those of the control consumer do.
        program
            .until("connection to the broker", |status| {
                let reasons = status["reasons"].to_string();
                status["mqtt"]["state"] == "online" && !reasons.contains("not subscribed")
            })
            .await;
        Scenario {
            load: Load::start(address, maps),
            ledger,
            program,
            broker: self.broker,
            world: self.world,
            row,
            recoveries: Vec::new(),
            unmarked_repetitions: false,
            _folder: folder,
            _turn: self.turn,
        }
    }
}

impl Scenario {
    /// Lets the load run until so many further commands were sent.
    pub(super) async fn commands(&self, count: u64) {
        let target = self.load.done(|done| done.sent) + count;
        wait::until(SOON, "commands sent", || {
            self.load.done(|done| done.sent) >= target
        })
        .await;
    }

    /// Everything works again since `recovered`: the topics must soon show what was present then.
    pub(super) async fn recovered(&mut self, recovered: Instant) {
        let took = self.ledger.converged(&self.load.present(), recovered).await;
        self.recoveries.push(took);
    }

    /// Ends the load, waits for what is on its way, prints the figures and demands what every row must keep.
    #[must_use = "a row may demand more"]
    pub(super) async fn finish(&mut self) -> Figures {
        self.commands(50).await;
        self.load.stop().await;
        let mut figures = self.ledger.close(self.load.done(|done| done.sent)).await;
        let seconds: Vec<_> = self
            .recoveries
            .iter()
            .map(|took| format!("{:.2}", took.as_secs_f64()))
            .collect();
        println!("{}: {figures}, recovery {} s", self.row, seconds.join(" "));
        if self.unmarked_repetitions {
            figures.doubled.retain(|number| is_identified(*number));
        }
        figures.check();
        self.ledger.settled().await;
        figures
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The folder goes with the row, and only the logs can say what happened.
            println!(
                "{} ended early; the program said:\n{}",
                self.row,
                self.program.tail()
            );
        }
    }
}
