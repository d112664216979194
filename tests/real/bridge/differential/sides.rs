//! Two brokers with bridges between them: of Mosquitto, and of relays.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use mqttkube_bridge::endpoint::Limits;
use mqttkube_bridge::relay::{Mode, Relay, Routes};
use mqttkube_mosquitto::setting::Ranged;
use mqttkube_mosquitto::{Config, Connection, Global, Version, Way};
use mqttkube_mqtt::connect;
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::{Mosquitto, MosquittoOptions};
use mqttkube_tests::wait;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::scene::SOON;
use super::rules::{Names, Rules};

/// Two brokers with bridges between them, and somebody who sees everything on each side.
pub(super) struct World {
    local: Probe,
    remote: Probe,
}

impl World {
    pub(super) async fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        let watch = async |address| {
            let probe = Probe::connect(address, Options::default()).await.unwrap();
            probe.subscribe("#", 1).await.unwrap();
            probe
        };
        Self {
            local: watch(local).await,
            remote: watch(remote).await,
        }
    }

    fn ends(&self, way: Way) -> (&Probe, &Probe) {
        match way {
            Way::Out => (&self.local, &self.remote),
            Way::In => (&self.remote, &self.local),
        }
    }

    /// Waits until every bridge carries messages both ways; its marker rule stands behind the others.
    pub(super) async fn is_up(&self, all: &[Rules]) {
        for way in [Way::In, Way::Out] {
            let (from, to) = self.ends(way);
            for rules in all {
                let payload = format!("up{}", rules.sign(way));
                let what = format!("message over the bridge with\n{}", rules.shown());
                wait::until_ok(SOON, &what, async || {
                    let came = |message: &Message| message.payload == payload.as_bytes();
                    if to.messages().iter().any(came) {
                        return Ok(());
                    }
                    let marker = Message::new(rules.marker(), payload.clone());
                    from.publish(&marker).await.unwrap();
                    Err("not yet")
                })
                .await;
            }
        }
    }

    /// Publishes every topic at one side, and gives for each bridge the names that arrived at the other.
    pub(super) async fn carry(&self, all: &[Rules], way: Way) -> Vec<Names> {
        let (from, to) = self.ends(way);
        for rules in all {
            let sign = rules.sign(way);
            let messages: Vec<_> = rules
                .topics(way)
                .into_iter()
                .map(|topic| {
                    let payload = format!("{sign}{topic}");
                    Message::new(topic, payload)
                })
                .collect();
            try_join_all(messages.iter().map(|message| from.publish(message)))
                .await
                .unwrap();
            let last = Message::new(rules.marker(), format!("last{sign}"));
            from.publish(&last).await.unwrap();
        }
        let last: BTreeSet<String> = all
            .iter()
            .map(|rules| format!("last{}", rules.sign(way)))
            .collect();
        to.wait(SOON, |messages| {
            let ended = messages
                .iter()
                .rev()
                .map(Message::text)
                .filter(|text| last.contains(text));
            ended.collect::<BTreeSet<_>>().len() == last.len()
        })
        .await;
        let messages = to.messages();
        let names = |rules: &Rules| {
            let sign = rules.sign(way);
            let ours = messages.iter().filter_map(|message| {
                let text = message.text();
                Some((text.strip_prefix(&sign)?.to_owned(), message.topic.clone()))
            });
            let ours: Vec<_> = ours.collect();
            let set: Names = ours.iter().cloned().collect();
            assert_eq!(ours.len(), set.len(), "something came twice:\n{}", rules.shown());
            set
        };
        all.iter().map(names).collect()
    }
}

pub(super) fn plain() -> MosquittoOptions {
    let quiet = MosquittoOptions::default().line("log_type none");
    quiet.line("max_inflight_messages 0")
}

/// A local broker with a bridge for each set of rules, from a configuration of ours.
pub(super) async fn mosquitto(all: &[Rules], remote: u16) -> Mosquitto {
    let connections = all.iter().enumerate().map(|(index, rules)| {
        let name = format!("bridge{index}").parse().expect("a name");
        let address = format!("127.0.0.1:{remote}").parse().expect("an address");
        let mut connection = Connection::new(name, vec![address], rules.with_marker());
        connection.options.cleansession = Some(true);
        connection.options.notifications = Some(false);
        connection.options.attempt_unsubscribe = Some(false);
        connection
    });
    let config = Config {
        global: Global {
            sys_interval: Ranged::new(0),
            ..Global::default()
        },
        connections: connections.collect(),
        ..Config::default()
    };
    let text = config.write(Version::V2_0).expect("2.0 has all of this");
    plain().line(&text).start().await.unwrap()
}

/// A relay for each set of rules. They end when this does.
pub(super) struct Relays(Vec<(oneshot::Sender<()>, JoinHandle<()>)>);

impl Relays {
    pub(super) fn start(all: &[Rules], local: SocketAddr, remote: SocketAddr) -> Self {
        let session = |address: SocketAddr, id: String| {
            let options = mqttkube_mqtt::Options::builder(address.ip().to_string(), id).port(address.port());
            connect(options.session_expiry(Duration::ZERO).build().expect("options"))
        };
        let relays = all.iter().enumerate().map(|(index, rules)| {
            let relay = Relay {
                local: session(local, format!("local{index}")),
                cloud: session(remote, format!("cloud{index}")),
                routes: Routes::new(rules.with_marker(), Limits::default()),
                mode: Mode::Relay,
                dead_letter: None,
            };
            let (stop, stopped) = oneshot::channel();
            let (_, run) = relay.start(async { drop(stopped.await) });
            (stop, tokio::spawn(run))
        });
        Self(relays.collect())
    }

    pub(super) async fn end(self) {
        let tasks = self.0.into_iter().map(|(stop, task)| {
            drop(stop);
            task
        });
        for ended in join_all(tasks).await {
            ended.expect("a relay does not panic");
        }
    }
}
