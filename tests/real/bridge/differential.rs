//! A real bridge of Mosquitto and the native relay, with the same rules between brokers of the same kind: what is
//! published arrives on the other side under the same names. The model of both is asked too, so that a disagreement says
//! who is alone with its opinion.
//!
//! Known faults of Mosquitto that are kept out, and counted instead:
//! - `rule-empty-name`: a message of which no topic is left ends the connection of the bridge.
//! - UNSUBSCRIBE for `out` rules: a bridge takes back the subscription of an `in` rule when an `out` rule behind it has the
//!   same filter at the remote broker. Configurations of ours have `bridge_attempt_unsubscribe false`.
//! - `rule-dropped`: 2.1 takes rules for duplicates that are none. The Mosquitto here is 2.0, which does not.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use mqttkube_bridge::endpoint::Limits;
use mqttkube_bridge::relay::{Mode, Relay, Routes};
use mqttkube_mosquitto::setting::Ranged;
use mqttkube_mosquitto::{Config, Connection, Direction, Global, RuleSet, TopicRule, Version, Way};
use mqttkube_mqtt::connect;
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::{Mosquitto, MosquittoOptions};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait::scale;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::scene::SOON;

/// The rules of one bridge. Several bridges share two brokers, so every rule names the space of its bridge somewhere.
#[derive(Clone, Debug)]
struct Rules {
    space: String,
    rules: Vec<TopicRule>,
}

/// Name of a message and the name it arrived under.
type Names = BTreeSet<(String, String)>;

/// A source of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).expect("it is below a usize")
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const PATTERNS: &[&str] = &["#", "+", "a", "a/#", "+/b", "a/+", "+/#", ""];
const PREFIXES: &[&str] = &["", "", "a/", "b/", "c/d/", "a"];

/// A rule of a bridge with brokers of its own.
fn free_rule(dice: &mut Dice) -> Option<TopicRule> {
    let direction = [Direction::Out, Direction::In, Direction::Both][dice.below(3)];
    let (local, remote) = (dice.pick(PREFIXES), dice.pick(PREFIXES));
    TopicRule::new(dice.pick(PATTERNS), direction, 1, local, remote).ok()
}

/// A rule that names a space: in its pattern, so that it can do without prefixes, or in both prefixes.
fn rule_in(space: &str, dice: &mut Dice) -> Option<TopicRule> {
    let direction = [Direction::Out, Direction::In, Direction::Both][dice.below(3)];
    let (local, remote) = (dice.pick(PREFIXES), dice.pick(PREFIXES));
    if dice.below(2) == 0 {
        let end = dice.pick(&["", "/#", "/+", "/a", "/a/#", "/+/b", "/a/+"]);
        TopicRule::new(format!("{space}{end}"), direction, 1, local, remote).ok()
    } else {
        let within = |prefix: &str| format!("{space}/{prefix}");
        TopicRule::new(dice.pick(PATTERNS), direction, 1, within(local), within(remote)).ok()
    }
}

impl Rules {
    fn random(space: String, dice: &mut Dice) -> Self {
        let count = 1 + dice.below(5);
        let rule = |dice: &mut Dice| loop {
            let found = if space.is_empty() {
                free_rule(dice)
            } else {
                rule_in(&space, dice)
            };
            if let Some(rule) = found {
                return rule;
            }
        };
        let rules = (0..count).map(|_| rule(dice)).collect();
        Self { space, rules }
    }

    /// The rules and, behind them, one that takes markers.
    fn with_marker(&self) -> Vec<TopicRule> {
        let marker = format!("zz{}/# both 1", self.space).parse().expect("a rule");
        self.rules.iter().cloned().chain([marker]).collect()
    }

    fn marker(&self) -> String {
        format!("zz{}/m", self.space)
    }

    fn model(&self) -> RuleSet {
        RuleSet::new(self.with_marker(), Version::V2_0)
    }

    /// Topics near those that the rules name.
    fn topics(&self, way: Way) -> Vec<String> {
        let space = &self.space;
        let all: BTreeSet<String> = if space.is_empty() {
            let levels = ["a", "b", "c", "d", "aa"];
            let pairs = levels
                .iter()
                .flat_map(|a| levels.iter().map(move |b| format!("{a}/{b}")));
            let more = [
                "a", "b", "c", "aa", "a/a/b", "b/a/b", "c/d/a", "c/d/a/b", "x/y/z", "b/", "a//b", "/a",
            ];
            pairs.chain(more.map(str::to_owned)).collect()
        } else {
            let ends = [
                "", "/", "/a", "/b", "/a/b", "/b/a", "/x/y", "/a/a", "/aa", "/c/d/a",
            ];
            let heads = ["", "a/", "b/", "c/d/", "a"];
            heads
                .iter()
                .flat_map(|head| ends.map(|end| format!("{head}{space}{end}")))
                .collect()
        };
        let model = self.model();
        let named = |topic: &String| {
            model
                .forward(topic, way)
                .is_none_or(|forward| !forward.topic.is_empty())
        };
        all.into_iter().filter(named).collect()
    }

    fn sign(&self, way: Way) -> String {
        format!("{}|{way:?}|", self.space)
    }

    fn expected(&self, way: Way) -> Names {
        let model = self.model();
        let names = self.topics(way).into_iter().filter_map(|topic| {
            let name = model.forward(&topic, way)?.topic;
            Some((topic, name))
        });
        names.collect()
    }

    fn shown(&self) -> String {
        self.rules.iter().map(|rule| format!("topic {rule}\n")).collect()
    }
}

/// Two brokers with bridges between them, and somebody who sees everything on each side.
struct World {
    local: Probe,
    remote: Probe,
}

impl World {
    async fn new(local: SocketAddr, remote: SocketAddr) -> Self {
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
    async fn is_up(&self, all: &[Rules]) {
        for way in [Way::In, Way::Out] {
            let (from, to) = self.ends(way);
            let end = tokio::time::Instant::now() + SOON;
            for rules in all {
                let payload = format!("up{}", rules.sign(way));
                while !to
                    .messages()
                    .iter()
                    .any(|message| message.payload == payload.as_bytes())
                {
                    let late = tokio::time::Instant::now() > end;
                    assert!(!late, "a bridge does not come up:\n{}", rules.shown());
                    from.publish(&Message::new(rules.marker(), payload.clone()))
                        .await
                        .unwrap();
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    /// Publishes every topic at one side, and gives for each bridge the names that arrived at the other.
    async fn carry(&self, all: &[Rules], way: Way) -> Vec<Names> {
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

fn plain() -> MosquittoOptions {
    let quiet = MosquittoOptions::default().line("log_type none");
    quiet.line("max_inflight_messages 0")
}

/// A local broker with a bridge for each set of rules, from a configuration of ours.
async fn mosquitto(all: &[Rules], remote: u16) -> Mosquitto {
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
struct Relays(Vec<(oneshot::Sender<()>, JoinHandle<()>)>);

impl Relays {
    fn start(all: &[Rules], local: SocketAddr, remote: SocketAddr) -> Self {
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

    async fn end(self) {
        let tasks = self.0.into_iter().map(|(stop, task)| {
            drop(stop);
            task
        });
        for ended in join_all(tasks).await {
            ended.expect("a relay does not panic");
        }
    }
}

/// The brokers that stay over all rounds.
struct Stage {
    remote: Mosquitto,
    relay_local: Mosquitto,
    relay_remote: Mosquitto,
}

/// What both sides made of one set of rules.
#[derive(Debug)]
#[expect(dead_code, reason = "what its debug form shows is all that is wanted of it")]
struct Difference {
    way: Way,
    mosquitto: Names,
    relay: Names,
    model: Names,
}

impl Stage {
    async fn build() -> Self {
        Self {
            remote: plain().start().await.unwrap(),
            relay_local: plain().start().await.unwrap(),
            relay_remote: plain().start().await.unwrap(),
        }
    }

    /// Runs all sets at once, and gives the differences of each.
    async fn compare(&self, all: &[Rules]) -> Vec<Vec<Difference>> {
        let local = mosquitto(all, self.remote.port()).await;
        let (near, far) = (self.relay_local.address(), self.relay_remote.address());
        let relays = Relays::start(all, near, far);
        let stock = World::new(local.address(), self.remote.address()).await;
        let native = World::new(near, far).await;
        tokio::join!(stock.is_up(all), native.is_up(all));
        let mut differences: Vec<Vec<Difference>> = all.iter().map(|_| Vec::new()).collect();
        for way in [Way::Out, Way::In] {
            let (mosquitto, relay) = tokio::join!(stock.carry(all, way), native.carry(all, way));
            for (index, (mosquitto, relay)) in mosquitto.into_iter().zip(relay).enumerate() {
                let model = all[index].expected(way);
                if mosquitto != relay || relay != model {
                    differences[index].push(Difference {
                        way,
                        mosquitto,
                        relay,
                        model,
                    });
                }
            }
        }
        relays.end().await;
        differences
    }

    /// Takes rules away as long as there is a difference, and tells of what is left.
    async fn explain(&self, mut rules: Rules) -> String {
        let mut difference = Vec::new();
        let mut index = 0;
        while index < rules.rules.len() {
            let mut fewer = rules.clone();
            fewer.rules.remove(index);
            match self.compare(std::slice::from_ref(&fewer)).await.remove(0) {
                same if same.is_empty() => index += 1,
                found => (rules, difference) = (fewer, found),
            }
        }
        if difference.is_empty() {
            difference = self.compare(std::slice::from_ref(&rules)).await.remove(0);
        }
        format!("{}{difference:#?}", rules.shown())
    }
}

/// Bridges in one broker, and brokers that are started. Never more than 200 starts, whatever the scale.
fn plan() -> (usize, usize, usize) {
    let scale = scale() as usize;
    let together = if scale >= 10 { 70 } else { 25 };
    (together, (5 * scale).min(150), (8 * scale).min(40))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_and_the_relay_carry_the_same_topics_under_the_same_names() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let (together, shared, alone) = plan();
    let stage = Stage::build().await;
    let mut dice = Dice(1);
    let (mut sets, mut comparisons, mut dropped) = (0, 0, 0);
    for round in 0..shared + alone {
        let spaces = if round < shared {
            (0..together).map(|index| format!("n{index}")).collect()
        } else {
            vec![String::new()]
        };
        let all: Vec<_> = spaces
            .into_iter()
            .map(|space| Rules::random(space, &mut dice))
            .collect();
        for (rules, differences) in all.iter().zip(stage.compare(&all).await) {
            if !differences.is_empty() {
                panic!(
                    "round {round}, the smallest that differs:\n{}",
                    stage.explain(rules.clone()).await
                );
            }
            sets += 1;
            comparisons += rules.topics(Way::Out).len() + rules.topics(Way::In).len();
            let later = RuleSet::new(rules.rules.clone(), Version::V2_1);
            dropped += usize::from(later.dropped().next().is_some());
        }
    }
    println!(
        "{sets} sets of rules, {comparisons} topics, {} brokers started; in {dropped} sets 2.1 would leave out a rule \
         (rule-dropped)",
        shared + alone + 3
    );
    assert!(comparisons >= 10_000, "{comparisons}");
}
