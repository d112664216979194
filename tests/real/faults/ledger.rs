//! What was asked, what became of it, and what is demanded of every row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use mqttkube_tests::mqtt_probe::{Consumer, Message, Options, Probe};
use mqttkube_tests::wait;
use serde_json::Value;

use super::config::{OBJECTS, name};
use super::log::{Log, Writes, number};

/// How long after the load has ended no further command may come to its end. A slow machine has many on their way.
const REST: Duration = Duration::from_secs(30);

/// Within this time the topics must show the present state.
pub(super) const CONVERGENCE: Duration = Duration::from_secs(2);

/// Everything that is written down while a row runs.
pub(super) struct Ledger {
    broker: SocketAddr,
    maps: Api<ConfigMap>,
    /// What anybody with the session options of the program receives of the commands.
    control: Consumer,
    results: Consumer,
    states: Consumer,
    log: Log,
}

/// The figures of a row.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) sent: u64,
    pub(super) received: usize,
    /// Commands whose value an object had, or whose object was created.
    pub(super) applied: usize,
    /// Commands that ended otherwise, by a final outcome.
    pub(super) refused: usize,
    pub(super) lost: Vec<u64>,
    pub(super) inversions: Vec<(String, u64)>,
    pub(super) repeated: usize,
    pub(super) launched: usize,
    /// Launches that made more than one object.
    pub(super) doubled: Vec<u64>,
    /// Objects that do not show their last command.
    pub(super) wrong: Vec<String>,
    /// States that came for the first time after a newer one.
    pub(super) stale: usize,
    pub(super) results: BTreeMap<String, usize>,
}

impl Ledger {
    /// `broker` is the broker itself, and `maps` reach the API server directly.
    pub(super) async fn open(
        row: &str,
        broker: SocketAddr,
        receive_maximum: u16,
        maps: Api<ConfigMap>,
    ) -> Self {
        let session = |role: &str| Options {
            client_id: format!("{role}-{row}"),
            session_expiry: 3600,
            receive_maximum,
            ..Options::default()
        };
        Self {
            control: Consumer::start(broker, session("control"), &["cmd/#", "launch/#"]).await,
            results: Consumer::start(broker, session("results"), &["res/#"]).await,
            states: Consumer::start(broker, session("states"), &["state/#"]).await,
            log: Log::start(maps.clone()),
            broker,
            maps,
        }
    }

    /// The messages on a topic of results or states, in their order.
    pub(super) fn messages(&self, topic: &str) -> Vec<Message> {
        let consumer = if topic.starts_with("res/") {
            &self.results
        } else {
            &self.states
        };
        let messages = consumer.messages().into_iter();
        messages.filter(|message| message.topic == topic).collect()
    }

    /// The commands that had an effect so far.
    pub(super) fn writes(&self) -> Writes {
        self.log.writes()
    }

    /// The retained states.
    pub(super) async fn retained(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let retained = Probe::retained(self.broker, "state/#").await?;
        let text = |payload: &[u8]| String::from_utf8_lossy(payload).into_owned();
        Ok(retained
            .into_iter()
            .map(|(topic, payload)| (topic, text(&payload)))
            .collect())
    }

    /// Waits until the retained state of every object is at least as new as `present`, and returns how long that
    /// took since `since`.
    pub(super) async fn converged(&self, present: &BTreeMap<String, u64>, since: Instant) -> Duration {
        let what = format!("retained topics that are as new as {present:?}");
        wait::until_ok(CONVERGENCE.saturating_sub(since.elapsed()), &what, async || {
            let retained = self.retained().await?;
            let shown = |object: &str| retained.get(&format!("state/{object}"))?.parse::<u64>().ok();
            let old: Vec<_> = present
                .iter()
                .filter(|(object, change)| shown(object) < Some(**change))
                .collect();
            anyhow::ensure!(old.is_empty(), "old: {old:?} in {retained:?}");
            Ok(since.elapsed())
        })
        .await
    }

    /// Waits until the retained topics are exactly the present state of the objects.
    pub(super) async fn settled(&self) {
        wait::until_ok(CONVERGENCE, "retained topics equal to the objects", async || {
            let retained = self.retained().await?;
            for map in self.maps.list(&ListParams::default()).await? {
                let (name, state) = (map.name_any(), number(&map, "state"));
                let shown = retained.get(&format!("state/{name}"));
                anyhow::ensure!(
                    state.is_none() || shown == state.map(|state| state.to_string()).as_ref(),
                    "{name} has {state:?}, retained is {shown:?}"
                );
            }
            Ok(())
        })
        .await;
    }

    /// The last command of each object that the control consumer received, of `last` commands in all.
    fn expected(&self) -> BTreeMap<String, u64> {
        let mut last = BTreeMap::new();
        for (topic, command) in self.received() {
            if let Some(object) = topic.strip_prefix("cmd/") {
                last.insert(object.to_owned(), command);
            }
        }
        last
    }

    /// The commands of the load that the control consumer received, with their topics.
    fn received(&self) -> Vec<(String, u64)> {
        let messages = self.control.messages().into_iter();
        let number = |message: Message| match message.topic.strip_prefix("launch/") {
            Some(launch) => Some((message.topic.clone(), launch.split_once('/')?.1.parse().ok()?)),
            None => Some((message.topic.clone(), message.text().parse().ok()?)),
        };
        messages.filter_map(number).collect()
    }

    /// Waits until every command that the control consumer received has come to its end, and adds up.
    pub(super) async fn close(&self, sent: u64) -> Figures {
        let begun = Instant::now();
        let (mut open, mut progress) = (usize::MAX, begun);
        loop {
            let figures = self.add_up(sent).await;
            let still_open = figures.lost.len() + figures.wrong.len();
            if still_open < open {
                (open, progress) = (still_open, Instant::now());
            }
            let complete = figures.lost.is_empty() && figures.wrong.is_empty();
            let last = self.expected();
            let all = (0..OBJECTS).all(|object| last.contains_key(&name(object)));
            if (complete && all && figures.received as u64 >= sent) || progress.elapsed() > REST {
                return figures;
            }
            if complete && all && begun.elapsed() > Duration::from_secs(3) {
                // The broker has lost some for everybody.
                return figures;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn add_up(&self, sent: u64) -> Figures {
        let received = self.received();
        let numbers: BTreeSet<u64> = received.iter().map(|(_, command)| *command).collect();
        let writes = self.writes();
        let results = Results::read(&self.results.messages(), &writes);
        let objects = self.maps.list(&ListParams::default()).await.unwrap().items;
        let launched = launched(&objects);
        let done = |command: &u64| writes.written.contains(command) || launched.contains_key(command);
        let ended = |command: &u64| results.ended.contains(command);
        let commanded = |object: &str| {
            let map = objects.iter().find(|map| map.name_any() == object)?;
            number(map, "command")
        };
        let expected = self.expected();
        let wrong = expected
            .iter()
            .filter(|(object, last)| commanded(object) != Some(**last));
        Figures {
            sent,
            received: numbers.len(),
            applied: numbers.iter().filter(|command| done(command)).count(),
            refused: results.refused.len(),
            lost: numbers
                .iter()
                .copied()
                .filter(|command| !done(command) && !ended(command))
                .collect(),
            inversions: writes.inverted.iter().chain(&results.inverted).cloned().collect(),
            repeated: writes.repeated,
            launched: launched.len(),
            doubled: launched
                .iter()
                .filter(|(_, objects)| **objects > 1)
                .map(|(n, _)| *n)
                .collect(),
            wrong: wrong
                .map(|(object, last)| format!("{object}: {last}, not {:?}", commanded(object)))
                .collect(),
            stale: stale(&self.states.messages()),
            results: results.outcomes,
        }
    }
}

/// What the results say of the commands of the load.
#[derive(Default)]
struct Results {
    ended: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    inverted: Vec<(String, u64)>,
    outcomes: BTreeMap<String, usize>,
}

impl Results {
    fn read(messages: &[Message], writes: &Writes) -> Self {
        let mut results = Self::default();
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for message in messages {
            let Ok(result) = serde_json::from_slice::<Value>(&message.payload) else {
                continue;
            };
            let outcome = result["outcome"].as_str().unwrap_or_default();
            *results.outcomes.entry(outcome.to_owned()).or_default() += 1;
            let name = result["object"]["name"].as_str().unwrap_or_default();
            let launched = name.strip_prefix("run-").and_then(|rest| rest.split('-').next());
            let Some(command) = launched.or(result["value"].as_str()).and_then(|n| n.parse().ok()) else {
                continue;
            };
            if outcome == "retrying" {
                continue;
            }
            if outcome != "applied" {
                results.refused.insert(command);
            }
            let last = last.entry(&message.topic).or_default();
            let first = results.ended.insert(command);
            // A result may be lost with its broker, and that of a repetition is then the first one.
            if first && launched.is_none() && command < *last && !writes.written.contains(&command) {
                results.inverted.push((message.topic.clone(), command));
            }
            *last = (*last).max(command);
        }
        results
    }
}

/// The launches that have objects, with the number of these.
fn launched(objects: &[ConfigMap]) -> BTreeMap<u64, usize> {
    let mut launched = BTreeMap::new();
    for map in objects {
        let name = map.name_any();
        let command = name
            .strip_prefix("run-")
            .and_then(|rest| rest.split('-').next()?.parse().ok());
        if let Some(command) = command {
            *launched.entry(command).or_default() += 1;
        }
    }
    launched
}

/// How many states came for the first time after a newer one of the same object.
fn stale(messages: &[Message]) -> usize {
    let mut known: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    let live = messages.iter().filter(|message| !message.retain);
    live.filter(|message| {
        let Ok(state) = message.text().parse::<u64>() else {
            return false;
        };
        let known = known.entry(&message.topic).or_default();
        let newer = known.last().is_some_and(|last| *last > state);
        known.insert(state) && newer
    })
    .count()
}

impl Figures {
    /// Demands what every row must keep.
    #[track_caller]
    pub(super) fn check(&self) {
        assert!(self.lost.is_empty(), "lost: {self}");
        assert!(self.inversions.is_empty(), "out of order: {self}");
        assert!(self.doubled.is_empty(), "launched twice: {self}");
        assert!(self.wrong.is_empty(), "wrong in the end: {self}");
        assert_eq!(self.stale, 0, "older states after newer ones: {self}");
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sent {}, control received {}, applied {}, refused {}, lost {:?}, inversions {:?}, repeated {}, \
             launched {}, doubled {:?}, wrong {:?}, stale {}, results {:?}",
            self.sent,
            self.received,
            self.applied,
            self.refused,
            self.lost,
            self.inversions,
            self.repeated,
            self.launched,
            self.doubled,
            self.wrong,
            self.stale,
            self.results,
        )
    }
}
