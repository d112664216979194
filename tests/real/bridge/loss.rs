//! What is lost at QoS 1 when a bridge or its remote broker ends, and when a token is replaced: a stock Mosquitto with
//! the refresher beside the native relay, side by side.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use mqttkube_tests::mqtt_probe::{Consumer, Options};
use mqttkube_tests::process::{Mosquitto, MosquittoOptions, Process, Spec, free_port};
use mqttkube_tests::program;
use mqttkube_tests::skip::{Need, lacks};
use rustix::process::Signal;

use super::scene::{Folder, Publisher, SOON, Supervised, unprivileged, until_ready};

/// Messages and their pace in the experiments with traffic.
const FLOW: usize = 2_000;
const PACE: Duration = Duration::from_millis(2);
const ROLLOVERS: usize = 5;
/// What is published while the remote broker is down.
const QUEUED: usize = 5;

/// The life of tokens; the short one is for experiments about their replacement.
const LONG: &str = "1h";
const SHORT: &str = "2s";

/// Client id of both kinds of bridge at the remote broker.
const ID: &str = "bridge-remote";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Stock,
    Native,
}

/// What carries the messages, and the local broker.
enum Bridge {
    /// A Mosquitto with a bridge, and its refresher.
    Stock(
        Supervised,
        #[expect(dead_code, reason = "it works as long as it lives")] Process,
    ),
    /// A Mosquitto without, and the relay.
    Native(Mosquitto, Spec, Option<Process>),
}

struct Scene {
    bridge: Bridge,
    /// The relay's or the refresher's port for probes.
    http: u16,
    remote: Mosquitto,
    /// Has everything that arrives at the remote broker.
    receiver: Consumer,
    /// Stands for all local clients.
    bystander: Consumer,
    publisher: Publisher,
    sent: usize,
    _folder: Folder,
}

/// One cell of the table.
#[derive(Clone, Copy, Debug)]
struct Cell {
    sent: usize,
    lost: usize,
    twice: usize,
    /// How often local clients lost their connection.
    dropped: usize,
}

/// One row: what is done to both.
#[derive(Clone, Copy, Debug)]
enum Experiment {
    RemoteAway,
    Terminated,
    Killed,
    Rollovers,
    RemoteRestart,
}

impl Experiment {
    const ALL: [(Self, &'static str); 5] = [
        (Self::RemoteAway, "5 queued, the remote broker returns"),
        (Self::Terminated, "5 queued, SIGTERM and restart of the bridge"),
        (Self::Killed, "5 queued, kill -9 and restart of the bridge"),
        (Self::Rollovers, "2,000 at 500/s over 5 new tokens"),
        (Self::RemoteRestart, "2,000 at 500/s, the remote broker restarts"),
    ];
}

fn session(id: &str) -> Options {
    Options {
        client_id: id.to_owned(),
        session_expiry: 3_600,
        ..Options::default()
    }
}

/// The configuration of both programs. Only the refresher looks at `sidecar`, only the relay at `http`.
fn config(folder: &Folder, local: u16, remote: u16, lifetime: &str, http: u16) -> String {
    let place = |name: &str| folder.path(name).display().to_string();
    format!(
        "local: {{port: {local}, client-id: bridge-local}}\n\
         cloud:\n  profile: plain\n  host: 127.0.0.1\n  port: {remote}\n  client-id: {ID}\n  tls: false\n  \
         credential: {{type: jwt, key: key.pem, audience: loss, lifetime: {lifetime}}}\n\
         rules: [\"# out 1 gcp/ up/\"]\n\
         http: {{bind: 127.0.0.1, port: {http}}}\n\
         sidecar: {{template: bridge.tmpl, output: {}, pid-file: {}}}\n",
        place("mosquitto.conf"),
        place("pid"),
    )
}

/// A Mosquitto with persistence, and a bridge that looks for its remote broker every second.
fn template(folder: &Folder, local: u16, remote: u16) -> String {
    let place = folder.path("").display().to_string();
    format!(
        "listener {local} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\npid_file {place}pid\n\
         persistence true\npersistence_location {place}\nmax_queued_messages 100000\nset_tcp_nodelay true\n\
         connection cloud\naddress 127.0.0.1:{remote}\ntopic # out 1 gcp/ up/\ncleansession false\nrestart_timeout 1\n\
         remote_clientid {ID}\nlocal_clientid bridge-local\nremote_username unused\nremote_password GOOGLE_CLOUD_JWT\n\
         notifications false\ntry_private false\n"
    )
}

impl Scene {
    async fn start(kind: Kind, lifetime: &str) -> Self {
        let folder = Folder::new();
        let remote = MosquittoOptions::default().persistent(1).start().await.unwrap();
        let receiver = Consumer::start(remote.address(), session("receiver"), &["up/#"]).await;
        let http = free_port();
        folder.key("key.pem");
        let bridge = match kind {
            Kind::Stock => {
                let local = free_port();
                let text = config(&folder, local, remote.port(), lifetime, http);
                let path = folder.write("bridge.yaml", text);
                folder.write("bridge.tmpl", template(&folder, local, remote.port()));
                let program = folder.program("jwt-refresher");
                let refresher = unprivileged(&program, folder.path("refresher.log")).arg(path);
                let refresher = refresher.start().unwrap();
                until_ready(&refresher, http).await;
                Bridge::Stock(Supervised::start(&folder, local).await, refresher)
            }
            Kind::Native => {
                let local = MosquittoOptions::default().persistent(1).start().await.unwrap();
                let text = config(&folder, local.port(), remote.port(), lifetime, http);
                let path = folder.write("bridge.yaml", text);
                let spec = program::spec("cloud-bridge", folder.path("relay.log"))
                    .arg("run")
                    .arg(path);
                let relay = spec.start().unwrap();
                Bridge::Native(local, spec, Some(relay))
            }
        };
        let local = bridge.local();
        let mut scene = Self {
            bridge,
            http,
            remote,
            receiver,
            bystander: Consumer::start(local, session("bystander"), &["local/#"]).await,
            publisher: Publisher::new(local),
            sent: 0,
            _folder: folder,
        };
        scene.carries().await;
        scene
    }

    /// Publishes something new that counts.
    async fn send(&mut self) {
        self.publisher.publish("gcp/a", &self.sent.to_string()).await;
        self.sent += 1;
    }

    /// Publishes until something arrives: messages keep their order, so what has not arrived by then never will.
    async fn carries(&mut self) {
        if let Bridge::Native(_, _, Some(relay)) = &self.bridge {
            until_ready(relay, self.http).await;
        }
        let before = self.count("mark");
        let end = tokio::time::Instant::now() + SOON;
        while self.count("mark") == before {
            assert!(tokio::time::Instant::now() < end, "nothing is carried");
            self.publisher.publish("gcp/a", "mark").await;
            // A pace of the load: marks lie in the same queues as what is counted, so they must be few.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn count(&self, payload: &str) -> usize {
        let messages = self.receiver.messages();
        messages
            .iter()
            .filter(|message| message.payload == payload.as_bytes())
            .count()
    }

    /// Connections that the remote broker has accepted from the bridge.
    fn connections(&self) -> usize {
        self.remote.log().matches(&format!(" as {ID} (")).count()
    }

    /// Does one experiment and says what came of it.
    async fn experience(mut self, experiment: Experiment) -> Cell {
        match experiment {
            Experiment::RemoteAway => self.queue(None).await,
            Experiment::Terminated => self.queue(Some(Signal::TERM)).await,
            Experiment::Killed => self.queue(Some(Signal::KILL)).await,
            Experiment::Rollovers => {
                let before = self.connections();
                let mut pace = tokio::time::interval(PACE);
                while self.sent < FLOW || self.connections() < before + ROLLOVERS {
                    pace.tick().await;
                    self.send().await;
                }
            }
            Experiment::RemoteRestart => {
                let mut pace = tokio::time::interval(PACE);
                for number in 0..FLOW {
                    pace.tick().await;
                    self.send().await;
                    match number {
                        600 => self.remote.terminate().await.unwrap(),
                        1_000 => self.remote.start().await.unwrap(),
                        _ => {}
                    }
                }
            }
        }
        self.carries().await;
        let messages = self.receiver.messages();
        let numbers = messages
            .iter()
            .filter_map(|message| message.text().parse::<usize>().ok());
        let arrived: BTreeSet<usize> = numbers.clone().collect();
        Cell {
            sent: self.sent,
            lost: self.sent - arrived.len(),
            twice: numbers.count() - arrived.len(),
            dropped: self.bystander.connections() - 1,
        }
    }

    /// Publishes while the remote broker is away, ends the bridge if a signal is given, and has the remote broker return.
    async fn queue(&mut self, signal: Option<Signal>) {
        self.remote.terminate().await.unwrap();
        for _ in 0..QUEUED {
            self.send().await;
        }
        if let Some(signal) = signal {
            self.bridge.end(signal).await;
        }
        self.remote.start().await.unwrap();
    }
}

impl Bridge {
    fn local(&self) -> SocketAddr {
        match self {
            Self::Stock(broker, _) => broker.address(),
            Self::Native(broker, ..) => broker.address(),
        }
    }

    /// Ends the program that bridges, and has it started again.
    async fn end(&mut self, signal: Signal) {
        match self {
            Self::Stock(broker, _) => broker.end(signal).await,
            Self::Native(_, spec, relay) => {
                let mut running = relay.take().expect("it runs");
                if signal == Signal::TERM {
                    running.terminate();
                    running.ended(SOON).await.unwrap();
                }
                drop(running);
                *relay = Some(spec.start().unwrap());
            }
        }
    }
}

fn table(rows: &[(&str, [Cell; 2])]) -> String {
    let mut text = format!(
        "{:44}| {:>34} | {:>34}\n",
        "", "Mosquitto and refresher", "native relay"
    );
    let cell = |cell: &Cell| {
        let Cell {
            sent,
            lost,
            twice,
            dropped,
        } = cell;
        format!("{lost} of {sent} lost, {twice} twice, {dropped} drops")
    };
    for (name, cells) in rows {
        writeln!(
            text,
            "{name:44}| {:>34} | {:>34}",
            cell(&cells[0]),
            cell(&cells[1])
        )
        .unwrap();
    }
    text
}

/// The same experiments as those whose results made the relay necessary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weaknesses_4_and_5_the_relay_loses_nothing_where_a_bridge_of_mosquitto_does() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let mut rows = Vec::new();
    for (experiment, name) in Experiment::ALL {
        let lifetime = match experiment {
            Experiment::Rollovers => SHORT,
            _ => LONG,
        };
        let run = async |kind| Scene::start(kind, lifetime).await.experience(experiment).await;
        let (stock, native) = tokio::join!(run(Kind::Stock), run(Kind::Native));
        rows.push((name, [stock, native]));
    }
    let text = table(&rows);
    println!("{text}");
    for (name, [stock, native]) in &rows {
        assert_eq!((native.lost, native.dropped), (0, 0), "{name}\n{text}");
        // What the table is about: should Mosquitto stop losing, it is out of date.
        let killed = name.contains("kill -9");
        assert!(!killed || stock.lost == QUEUED, "{name}\n{text}");
    }
    let rollovers = rows[3].1[0];
    assert!(
        rollovers.dropped >= ROLLOVERS,
        "every new token drops the local clients of a Mosquitto\n{text}"
    );
}
