//! Commands from outside the cluster, without a pause, and what became of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mqttkube_tests::mqtt_probe::{Consumer, Message, Options, Probe};
use mqttkube_tests::wait;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::kubernetes::SOON;

/// The time between two commands: 20 in a second.
const PACE: Duration = Duration::from_millis(50);
/// However soon they are to finish, there are some before and after.
const AT_LEAST: usize = 40;

/// A pod that goes away takes its network with it: what is sent to it is swallowed. Then a new connection is tried.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the last answer may take: a token stays in memory for up to a minute, and then a retry has its pause.
const ANSWERED: Duration = Duration::from_secs(120);

/// The outcome that says that another one will follow.
const RETRYING: &str = "retrying";

/// Switches the media server on and off at a steady pace until it is told to finish. Each command asks for an answer
/// with its number.
pub(super) struct Steady {
    answer_topic: String,
    broker: SocketAddr,
    finish: Arc<AtomicBool>,
    task: JoinHandle<Vec<u64>>,
    answers: Consumer,
}

/// What became of steady commands.
#[derive(Debug)]
pub(super) struct Settled {
    commands: usize,
    /// How many had to be published again because the broker had not answered.
    repeated: usize,
    /// Answers by outcome. A command that was published or delivered again has two; every command has a final one.
    outcomes: BTreeMap<String, usize>,
}

impl Settled {
    /// Whether every command took effect. One that comes a second time may find that nothing is left to do.
    pub(super) fn all_done(&self) -> bool {
        let fine = ["applied", "unchanged", RETRYING];
        self.outcomes
            .keys()
            .all(|outcome| fine.contains(&outcome.as_str()))
    }
}

impl Steady {
    /// The answers come under `name`, so that none counts for the commands of another time.
    pub(super) async fn start(broker: SocketAddr, name: &str) -> Self {
        let answer_topic = format!("home/answers/{name}");
        let answers = listen(broker, &answer_topic).await;
        let finish = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(publish(broker, answer_topic.clone(), finish.clone()));
        Self {
            answer_topic,
            broker,
            finish,
            task,
            answers,
        }
    }

    /// Publishes the last command, `ON`, and waits until every command that the broker has taken was answered.
    pub(super) async fn settle(self) -> Settled {
        self.finish.store(true, Ordering::Relaxed);
        let attempts = tokio::time::timeout(SOON, self.task)
            .await
            .expect("the broker takes the last command")
            .unwrap();
        let commands = attempts.len();
        // Who only listens does not notice that the pod of the broker was replaced, and that the network between
        // them went with it. The session is the same; a new connection goes on with it.
        let earlier = self.answers.messages();
        drop(self.answers);
        let resumed = listen(self.broker, &self.answer_topic).await;
        let answers = || earlier.iter().cloned().chain(resumed.messages());
        wait::until_ok(ANSWERED, "answer to every command", async || {
            let answered: BTreeSet<u64> = answers()
                .filter(|answer| outcome(answer) != RETRYING)
                .filter_map(|answer| number(&answer))
                .collect();
            let missing: Vec<u64> = (0..commands as u64)
                .filter(|number| !answered.contains(number))
                .collect();
            if missing.is_empty() {
                Ok(())
            } else {
                Err(format!("{commands} commands, no answer to {missing:?}"))
            }
        })
        .await;
        let mut outcomes = BTreeMap::new();
        for answer in answers() {
            *outcomes.entry(outcome(&answer)).or_default() += 1;
        }
        Settled {
            commands,
            repeated: attempts.iter().filter(|attempts| **attempts > 1).count(),
            outcomes,
        }
    }
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            commands,
            repeated,
            outcomes,
        } = self;
        write!(
            f,
            "{commands} commands, {repeated} published again, outcomes {outcomes:?}"
        )
    }
}

/// Receives the answers, in a session that stays.
async fn listen(broker: SocketAddr, topic: &str) -> Consumer {
    let session = Options {
        client_id: topic.replace('/', "-"),
        session_expiry: 3600,
        ..Options::default()
    };
    Consumer::start(broker, session, &[topic]).await
}

/// The number of the command that a message answers.
fn number(message: &Message) -> Option<u64> {
    std::str::from_utf8(message.correlation_data.as_deref()?)
        .ok()?
        .parse()
        .ok()
}

fn outcome(answer: &Message) -> String {
    let document: Value = serde_json::from_slice(&answer.payload).unwrap();
    document["outcome"].as_str().unwrap_or("none").to_owned()
}

/// Publishes until it is told to finish, and returns how many attempts each command took. The last is `ON`.
async fn publish(broker: SocketAddr, answer_topic: String, finish: Arc<AtomicBool>) -> Vec<u64> {
    let mut attempts = Vec::new();
    let mut link = None;
    loop {
        let number = attempts.len();
        let payload = if number.is_multiple_of(2) { "OFF" } else { "ON" };
        let last = finish.load(Ordering::Relaxed) && payload == "ON" && number >= AT_LEAST;
        let mut command = Message::new("home/jellyfin/power/set", payload);
        command.response_topic = Some(answer_topic.clone());
        command.correlation_data = Some(number.to_string().into_bytes().into());
        let next = Instant::now() + PACE;
        attempts.push(deliver(broker, &mut link, &command).await);
        if last {
            return attempts;
        }
        tokio::time::sleep_until(next.into()).await;
    }
}

/// Publishes until the broker has taken the message, and returns how many attempts it took.
async fn deliver(broker: SocketAddr, link: &mut Option<Probe>, message: &Message) -> u64 {
    let mut attempts = 0;
    loop {
        attempts += 1;
        if link.is_none() {
            let connecting = Probe::connect(broker, Options::default());
            *link = tokio::time::timeout(PATIENCE, connecting)
                .await
                .ok()
                .and_then(Result::ok);
        }
        match link {
            Some(probe) => match tokio::time::timeout(PATIENCE, probe.publish(message)).await {
                Ok(Ok(0)) => return attempts,
                Ok(Ok(reason)) => panic!("the session of mqtt-kube is gone: reason code {reason:#x}"),
                Ok(Err(_)) | Err(_) => *link = None,
            },
            // A broker that is away refuses at once.
            None => tokio::time::sleep(PACE).await,
        }
    }
}
