//! The program between a local Mosquitto and a cloud in this process that checks tokens.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mqttkube_bridge::credential::{Clock, JwtSource, Source as _};
use mqttkube_tests::fake_cloud::{CloudOptions, Door, FakeCloud, Key, Verdict};
use mqttkube_tests::mqtt_probe::Message;
use mqttkube_tests::process::{Mosquitto, MosquittoOptions, Spec, free_port};
use mqttkube_tests::{program, wait};

use super::load::Listener;
use super::program::Program;
use crate::bridge::scene::{Folder, Publisher, SOON};

/// RFC 7515 A.3: a private key on P-256.
pub(super) const KEY: &str = include_str!("../../../mqttkube-bridge/tests/keys/rfc7515-a3.pem");
pub(super) const AUDIENCE: &str = "my-project";

/// The public half of [`KEY`], from the text of the RFC.
fn public() -> Key {
    let coordinate = |text| URL_SAFE_NO_PAD.decode(text).unwrap();
    let x = coordinate("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    let y = coordinate("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    Key::Es256([vec![4], x, y].concat())
}

/// A good token that lives for so many seconds.
pub(super) fn token(lifetime: u64) -> String {
    let mut source = JwtSource::new(KEY.as_bytes(), AUDIENCE, lifetime).unwrap();
    source.issue(Clock::now().wall).unwrap().secret.to_string()
}

/// Everything but the program.
pub(super) struct Prepared {
    pub(super) folder: Folder,
    local: Mosquitto,
    cloud: FakeCloud,
    spec: Spec,
    http: u16,
}

/// All of it.
pub(super) struct Checked {
    pub(super) program: Program,
    pub(super) cloud: FakeCloud,
    pub(super) folder: Folder,
    home: Listener,
    local: Mosquitto,
    sent: u64,
}

impl Checked {
    /// Starts everything else for a program with these two sections, each as a flow mapping.
    pub(super) async fn prepare(relay: &str, credential: &str) -> Prepared {
        let options = CloudOptions {
            door: Door::new(AUDIENCE, Duration::ZERO).client("bridge", public()),
            ..CloudOptions::default()
        };
        let cloud = FakeCloud::start(options).await.unwrap();
        let local = MosquittoOptions::default().persistent(1_000_000);
        let local = local.start().await.unwrap();
        let (folder, http) = (Folder::new(), free_port());
        let text = format!(
            "local: {{port: {}, client-id: bridge-local}}\n\
             cloud: {{profile: plain, host: 127.0.0.1, port: {}, client-id: bridge, tls: false, credential: {credential}}}\n\
             rules: [\"# out 1 home/up/ cloud/up/\", \"# in 1 home/down/ cloud/down/\"]\nrelay: {relay}\n\
             http: {{bind: 127.0.0.1, port: {http}}}\nlogging: {{level: debug}}\n",
            local.port(),
            cloud.port()
        );
        let config = folder.write("bridge.yaml", text);
        let spec = program::spec("cloud-bridge", folder.path("relay.log"));
        Prepared {
            spec: spec.arg("run").arg(config),
            folder,
            local,
            cloud,
            http,
        }
    }

    /// Sends some messages each way, and waits until they are at the other end, whole and in order.
    pub(super) async fn carries(&mut self) {
        let mut publisher = Publisher::new(self.local.address());
        for _ in 0..10 {
            let number = self.sent.to_string();
            publisher.publish("home/up/0", &number).await;
            self.cloud.publish(&Message::new("cloud/down/0", number));
            self.sent += 1;
        }
        let sent = self.sent;
        let arrived = wait::until_ok(2 * SOON, "arrival", async || {
            let tallies = [self.cloud.ledger().total(), self.home.tally()];
            if tallies.iter().all(|tally| tally.distinct == sent) {
                Ok(tallies)
            } else {
                Err((tallies, self.cloud.counts(), self.program.tail()))
            }
        });
        for tally in arrived.await {
            assert_eq!((tally.gaps, tally.inversions), (0, 0), "{tally:?}");
        }
    }

    /// The cloud takes a message, and its connection ends before anybody says so. An end without a message under way would
    /// look like another client with the same id, if it came often.
    pub(super) async fn is_cut(&mut self) {
        let before = self.cloud.counts();
        self.cloud.when_publishing("cloud/up/#", 1, Verdict::TakeAndCut);
        let number = self.sent.to_string();
        Publisher::new(self.local.address())
            .publish("home/up/0", &number)
            .await;
        self.cloud.publish(&Message::new("cloud/down/0", number));
        self.sent += 1;
        self.cloud
            .wait(SOON, "another attempt", |counts, _| {
                counts.connections > before.connections || counts.refused.len() > before.refused.len()
            })
            .await;
    }

    /// Tokens that could not be had.
    pub(super) async fn failures(&self) -> u64 {
        let failed = self.program.metric("token_refreshes_total{result=\"failed\"}");
        failed.await.unwrap() as u64
    }
}

impl Prepared {
    /// Starts the program in some way, and waits until it is ready.
    pub(super) async fn start(self, how: impl FnOnce(Spec) -> Spec) -> Checked {
        let program = Program::start(how(self.spec), self.http);
        program.ready().await;
        Checked {
            home: Listener::start(self.local.address(), "home", "home/down/").await,
            program,
            cloud: self.cloud,
            folder: self.folder,
            local: self.local,
            sent: 0,
        }
    }
}
