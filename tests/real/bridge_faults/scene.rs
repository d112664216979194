//! One row: two brokers, the program between them, its load both ways, and its end.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use mqttkube_tests::fake_cloud::Tally;
use mqttkube_tests::process::{Mosquitto, MosquittoOptions, Spec, free_port};
use mqttkube_tests::proxy::TcpProxy;
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::{program, wait};

use super::load::{Listener, Load, Route};
use super::program::Program;
use crate::bridge::scene::{Folder, SOON};

/// Messages that may be on their way to the destination at a cut: the relay's receive maximum of 100, and 256 from the store.
const ON_THE_WAY: u64 = 356;

/// What Mosquitto logs when it sends the relay a message once more. At a reconnection 2.0 sends its whole queue, whatever the
/// receive maximum, so a cut soon after that can double all of it.
const SENT_AGAIN: &str = "Sending PUBLISH to bridge (d1";

/// Messages that are on their way at any time.
const NEXT_TO_NOTHING: u64 = 10;

/// What a row breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Local,
    Cloud,
}

impl Side {
    pub(super) const ALL: [Self; 2] = [Self::Local, Self::Cloud];

    /// Its name in the status.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Cloud => "cloud",
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Local => Self::Cloud,
            Self::Cloud => Self::Local,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Relay,
    Store,
}

impl Mode {
    pub(super) const ALL: [Self; 2] = [Self::Relay, Self::Store];

    /// The section of the configuration, without its last brace.
    const fn section(self) -> &'static str {
        match self {
            Self::Relay => "{mode: relay",
            Self::Store => "{mode: store, store: {path: outbox/messages}",
        }
    }
}

/// What a row may choose.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) mode: Mode,
    /// The local broker and the cloud's.
    pub(super) brokers: [MosquittoOptions; 2],
    /// Where they let everybody in without TLS; their first listener if there is no such port.
    pub(super) doors: [Option<u16>; 2],
    /// Further keys of the sections `local` and `cloud`.
    pub(super) keys: [String; 2],
    /// Topics out and in.
    pub(super) topics: [u64; 2],
    /// Bytes after the number in every payload.
    pub(super) padding: usize,
}

impl Setup {
    /// Brokers that save what they have when they are told to end.
    pub(super) fn new(mode: Mode) -> Self {
        Self::with(mode, &MosquittoOptions::default().persistent(1_000_000))
    }

    pub(super) fn with(mode: Mode, broker: &MosquittoOptions) -> Self {
        // As many as the relay takes at once.
        let broker = broker.clone().line("max_inflight_messages 100");
        Self {
            mode,
            brokers: [broker.clone(), broker],
            doors: [None; 2],
            keys: [", tls: false", ", tls: false"].map(str::to_owned),
            topics: [4; 2],
            padding: 0,
        }
    }

    fn yaml(&self, ways: &[TcpProxy; 2], http: u16) -> String {
        let mut text = String::new();
        for (head, (way, keys)) in ["local: {", "cloud: {profile: plain, "]
            .iter()
            .zip(ways.iter().zip(&self.keys))
        {
            let port = way.port();
            writeln!(
                text,
                "{head}host: 127.0.0.1, port: {port}, client-id: bridge, keepalive: 5s{keys}}}"
            )
            .unwrap();
        }
        let mode = self.mode.section();
        format!(
            "{text}rules: [\"# out 1 home/up/ cloud/up/\", \"# in 1 home/down/ cloud/down/\"]\n\
             relay: {mode}}}\nhttp: {{bind: 127.0.0.1, port: {http}}}\nlogging: {{level: debug}}\n"
        )
    }
}

/// One direction.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) load: Load,
    /// At the source, with the relay's session options.
    pub(super) control: Listener,
    /// At the destination.
    pub(super) receiver: Listener,
}

/// A running row.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) mode: Mode,
    pub(super) program: Program,
    /// Out and in.
    pub(super) lanes: [Lane; 2],
    /// From the program to the brokers, local first.
    pub(super) ways: [TcpProxy; 2],
    pub(super) brokers: [Mosquitto; 2],
    pub(super) folder: Folder,
    /// Connections of the program that were cut, or ended with it.
    pub(super) cuts: u64,
}

/// Whether a row can run here at all.
pub(super) fn impossible() -> bool {
    lacks(&[Need::Mosquitto])
}

/// Plays a row in both modes at once.
pub(super) async fn in_both_modes(setup: impl Fn(Mode) -> Setup, play: impl AsyncFn(Scene)) {
    let run = async |mode| play(Scene::start(setup(mode)).await).await;
    tokio::join!(run(Mode::Relay), run(Mode::Store));
}

impl Scene {
    /// Starts everything, and the load as soon as the program is ready.
    pub(super) async fn start(setup: Setup) -> Self {
        let scene = Self::start_with(setup, |spec, _| spec).await;
        scene.program.ready().await;
        scene.go_on();
        scene
    }

    /// Starts everything but the load, and the program in a way of its own.
    pub(super) async fn start_with(setup: Setup, how: impl FnOnce(Spec, &Folder) -> Spec) -> Self {
        let [local, cloud] = setup.brokers.clone();
        let brokers = [local.start().await.unwrap(), cloud.start().await.unwrap()];
        let ways = [
            TcpProxy::start(brokers[0].address()).await.unwrap(),
            TcpProxy::start(brokers[1].address()).await.unwrap(),
        ];
        let door = |side: Side| {
            let broker = brokers[side as usize].address();
            SocketAddr::new(
                broker.ip(),
                setup.doors[side as usize].unwrap_or_else(|| broker.port()),
            )
        };
        let route = |[from, to]: [&'static str; 2], lane: usize| Route {
            from,
            to,
            topics: setup.topics[lane],
            padding: setup.padding,
        };
        let (local, cloud) = (door(Side::Local), door(Side::Cloud));
        let lanes = [
            Lane::start([local, cloud], route(["home/up/", "cloud/up/"], 0)).await,
            Lane::start([cloud, local], route(["cloud/down/", "home/down/"], 1)).await,
        ];
        let (folder, http) = (Folder::new(), free_port());
        std::fs::create_dir(folder.path("outbox")).unwrap();
        let config = folder.write("bridge.yaml", setup.yaml(&ways, http));
        let spec = program::spec("cloud-bridge", folder.path("relay.log"))
            .arg("run")
            .arg(config);
        let spec = how(spec, &folder);
        Self {
            mode: setup.mode,
            program: Program::start(spec, http),
            lanes,
            ways,
            brokers,
            folder,
            cuts: 0,
        }
    }

    pub(super) fn broker(&mut self, side: Side) -> &mut Mosquitto {
        &mut self.brokers[side as usize]
    }

    /// The way from the program to a broker.
    pub(super) fn way(&self, side: Side) -> &TcpProxy {
        &self.ways[side as usize]
    }

    /// The direction that begins at a side.
    pub(super) fn from(&self, side: Side) -> &Lane {
        &self.lanes[side as usize]
    }

    /// Lets the load run.
    pub(super) fn go_on(&self) {
        self.lanes.iter().for_each(|lane| lane.load.go_on());
    }

    /// Stops the load.
    pub(super) async fn rest(&self) {
        for lane in &self.lanes {
            lane.load.rest().await;
        }
    }

    /// Lets the load run until so many further messages were taken each way.
    pub(super) async fn messages(&self, count: u64) {
        self.go_on();
        let [out, back] = &self.lanes;
        tokio::join!(out.load.messages(count), back.load.messages(count));
    }

    /// Ends a broker in one way, and starts it again after a while. Returns when the program is back.
    pub(super) async fn restart(&mut self, side: Side, signal: Ending, stop: Duration) {
        let before = self.program.connections(side).await;
        match signal {
            Ending::Term => self.broker(side).terminate().await.unwrap(),
            Ending::Kill => self.broker(side).kill(),
        }
        tokio::time::sleep(stop).await;
        self.broker(side).start().await.unwrap();
        self.cuts += 1;
        self.program.reconnected(side, before).await;
    }

    /// Waits until next to nothing is on its way, while the load goes on.
    pub(super) async fn caught_up(&self) {
        for lane in &self.lanes {
            let behind = || lane.load.sent().saturating_sub(lane.receiver.tally().distinct);
            wait::until(2 * SOON, "a bridge that has caught up", || {
                behind() <= NEXT_TO_NOTHING
            })
            .await;
        }
    }

    /// Waits until everything that the sources took has arrived at their destinations.
    pub(super) async fn arrive(&self) -> [Tally; 2] {
        let [out, back] = &self.lanes;
        tokio::join!(self.arrives(out), self.arrives(back)).into()
    }

    async fn arrives(&self, lane: &Lane) -> Tally {
        let sent = lane.load.sent();
        let arrived = |listener: &Listener| {
            if (listener.count() as u64) < sent {
                return Err(format!("{} of {sent}", listener.count()));
            }
            let tally = listener.tally();
            if tally.distinct < sent {
                return Err(format!("{tally:?} of {sent}"));
            }
            Ok(tally)
        };
        wait::until_ok(2 * SOON, "arrival of everything", async || {
            arrived(&lane.control).map_err(|error| format!("the control consumer has {error}"))?;
            arrived(&lane.receiver)
        })
        .await
    }

    /// Stops the load, waits for what is on its way, and demands what every row must keep.
    pub(super) async fn settle(&self) -> [Tally; 2] {
        self.rest().await;
        let tallies = self.arrive().await;
        for ((lane, source), tally) in self.lanes.iter().zip(&self.brokers).zip(tallies) {
            assert_eq!((tally.gaps, tally.inversions), (0, 0), "{tally:?}");
            let of_the_control = lane.control.tally().duplicates;
            let sent_again = source.log().matches(SENT_AGAIN).count() as u64;
            assert!(
                tally.duplicates <= of_the_control + sent_again + self.cuts * ON_THE_WAY,
                "{tally:?}, {of_the_control} twice at the source, {sent_again} sent again by it, {} cuts",
                self.cuts
            );
        }
        tallies
    }

    /// Settles, prints the figures, and has the program end well.
    pub(super) async fn finish(mut self, row: &str) {
        let tallies = self.settle().await;
        let status = self.program.status().await;
        for lane in ["out", "in"] {
            assert_eq!(status[lane]["dropped"], serde_json::json!([]), "{status}");
        }
        let sent = [0, 1].map(|lane: usize| self.lanes[lane].load.sent());
        let twice = tallies.map(|tally| tally.duplicates);
        println!(
            "{row} {:?}: sent {sent:?}, lost 0, twice {twice:?}, {} cuts",
            self.mode, self.cuts
        );
        self.program.terminate().await;
    }
}

/// How a broker is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Term,
    Kill,
}

impl Lane {
    async fn start([from, to]: [SocketAddr; 2], route: Route) -> Self {
        Self {
            control: Listener::start(from, "control", route.from).await,
            receiver: Listener::start(to, "receiver", route.to).await,
            load: Load::new(from, route),
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The folder goes with the row, and only the log can say what happened.
            println!(
                "{:?} ended early; the program said:\n{}",
                self.mode,
                self.program.tail()
            );
        }
    }
}
