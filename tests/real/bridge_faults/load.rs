//! Numbered messages at a steady pace, and who counts them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use mqttkube_tests::fake_cloud::{Ledger, Tally};
use mqttkube_tests::mqtt_probe::{Consumer, Message, Options, Probe};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::bridge::scene::SOON;

/// 100 messages per second.
const PACE: Duration = Duration::from_millis(10);

/// One direction: where it begins, where it ends, and under which names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    /// Before the topic's number, at the source.
    pub(super) from: &'static str,
    /// The same at the destination.
    pub(super) to: &'static str,
    pub(super) topics: u64,
    /// Bytes after the number.
    pub(super) padding: usize,
}

impl Route {
    /// The message of this number: every topic has numbers of its own, without gaps.
    fn message(self, number: u64) -> Message {
        let (topic, place) = (number % self.topics, number / self.topics);
        let payload = format!("{place}{}", " ".repeat(self.padding));
        Message::new(format!("{}{topic}", self.from), payload)
    }
}

/// How far the load is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Messages that the source has taken.
    sent: u64,
    resting: bool,
}

/// A task that publishes; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Load {
    route: Route,
    source: SocketAddr,
    held: watch::Sender<bool>,
    progress: watch::Sender<Progress>,
    task: JoinHandle<()>,
}

impl Load {
    /// Starts it at rest.
    pub(super) fn new(source: SocketAddr, route: Route) -> Self {
        let held = watch::Sender::new(true);
        let progress = watch::Sender::new(Progress::default());
        let task = tokio::spawn(publish(source, route, held.subscribe(), progress.clone()));
        Self {
            route,
            source,
            held,
            progress,
            task,
        }
    }

    /// Messages that the source has taken so far.
    pub(super) fn sent(&self) -> u64 {
        self.progress.borrow().sent
    }

    /// The number of the last message that a topic was given so far, for each topic that has one.
    pub(super) fn highest(&self) -> BTreeMap<u64, u64> {
        let (sent, topics) = (self.sent(), self.route.topics);
        (0..topics.min(sent))
            .map(|topic| (topic, (sent - 1 - topic) / topics))
            .collect()
    }

    pub(super) fn go_on(&self) {
        self.held.send_replace(false);
    }

    /// Publishes nothing from now on, and returns when nothing is on its way to the source.
    pub(super) async fn rest(&self) {
        self.held.send_replace(true);
        let mut progress = self.progress.subscribe();
        let resting = tokio::time::timeout(2 * SOON, progress.wait_for(|progress| progress.resting));
        let at_rest = resting.await.is_ok_and(|resting| resting.is_ok());
        assert!(at_rest, "the source does not take messages");
    }

    /// Waits until so many further messages were taken.
    pub(super) async fn messages(&self, count: u64) {
        let mut progress = self.progress.subscribe();
        let target = self.sent() + count;
        let sent = tokio::time::timeout(2 * SOON, progress.wait_for(|progress| progress.sent >= target));
        assert!(sent.await.is_ok(), "the source does not take messages");
    }

    /// Publishes so many messages as fast as the source takes them, while the load rests.
    pub(super) async fn storm(&self, count: u64) {
        let probe = Probe::connect(self.source, Options::default()).await.unwrap();
        let first = self.sent();
        let messages = (first..first + count).map(|number| self.route.message(number));
        let mut answers = stream::iter(messages)
            .map(|message| {
                let probe = &probe;
                async move { probe.publish(&message).await }
            })
            .buffered(500);
        while let Some(answer) = answers.next().await {
            answer.unwrap();
            self.progress.send_modify(|progress| progress.sent += 1);
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn publish(
    source: SocketAddr,
    route: Route,
    mut held: watch::Receiver<bool>,
    progress: watch::Sender<Progress>,
) {
    let mut probe = None;
    let mut pace = tokio::time::interval(PACE);
    loop {
        if *held.borrow() {
            progress.send_modify(|progress| progress.resting = true);
            // The sender lives as long as the load.
            let _ = held.wait_for(|held| !held).await;
            progress.send_modify(|progress| progress.resting = false);
            pace.reset();
        }
        pace.tick().await;
        let message = route.message(progress.borrow().sent);
        while !taken(source, &mut probe, &message).await {
            // A broker that is down refuses at once.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        progress.send_modify(|progress| progress.sent += 1);
    }
}

/// Whether the broker has acknowledged the message; the connection is kept for the next one if it has.
async fn taken(source: SocketAddr, probe: &mut Option<Probe>, message: &Message) -> bool {
    let connected = match probe.take() {
        Some(probe) => probe,
        None => match Probe::connect(source, Options::default()).await {
            Ok(probe) => probe,
            Err(_) => return false,
        },
    };
    let taken = connected.publish(message).await.is_ok();
    *probe = taken.then_some(connected);
    taken
}

/// Who listens at one end of a direction, over every fault of the broker there.
#[derive(Debug)]
pub(super) struct Listener {
    broker: SocketAddr,
    id: &'static str,
    filter: String,
    present: Option<Consumer>,
    /// What was heard so far; storms are too large to be counted again at every look.
    heard: RefCell<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    ledger: Ledger,
    /// The highest number on each topic.
    highest: BTreeMap<u64, u64>,
    /// Messages with repetitions: all, and those of the present consumer.
    count: usize,
    of_present: usize,
}

impl Heard {
    fn note(&mut self, message: &Message) {
        self.ledger.note(&message.topic, &message.payload);
        self.count += 1;
        self.of_present += 1;
        let topic = message
            .topic
            .rsplit('/')
            .next()
            .and_then(|topic| topic.parse().ok());
        if let (Some(topic), Ok(number)) = (topic, message.text().trim().parse()) {
            let known: &mut u64 = self.highest.entry(topic).or_insert(number);
            *known = number.max(*known);
        }
    }
}

impl Listener {
    pub(super) async fn start(broker: SocketAddr, id: &'static str, prefix: &str) -> Self {
        let mut listener = Self {
            broker,
            id,
            filter: format!("{prefix}#"),
            present: None,
            heard: RefCell::default(),
        };
        listener.come_back().await;
        listener
    }

    /// Goes away; the session stays.
    pub(super) fn leave(&mut self) {
        self.look(|_| ());
        self.present = None;
        self.heard.borrow_mut().of_present = 0;
    }

    pub(super) async fn come_back(&mut self) {
        let options = Options {
            client_id: self.id.to_owned(),
            session_expiry: 3_600,
            // As the relay's.
            receive_maximum: 100,
            ..Options::default()
        };
        let consumer = Consumer::start(self.broker, options, &[&self.filter]).await;
        self.present = Some(consumer);
    }

    /// How often it has connected since it came.
    pub(super) fn connections(&self) -> usize {
        self.present.as_ref().map_or(0, Consumer::connections)
    }

    /// How many messages it has, with repetitions.
    pub(super) fn count(&self) -> usize {
        self.look(|heard| heard.count)
    }

    /// What it has.
    pub(super) fn tally(&self) -> Tally {
        self.look(|heard| heard.ledger.total())
    }

    /// The highest number that was heard on each topic.
    pub(super) fn highest(&self) -> BTreeMap<u64, u64> {
        self.look(|heard| heard.highest.clone())
    }

    fn look<T>(&self, what: impl FnOnce(&Heard) -> T) -> T {
        let mut heard = self.heard.borrow_mut();
        if let Some(present) = &self.present {
            let news = present.messages_after(heard.of_present);
            news.iter().for_each(|message| heard.note(message));
        }
        what(&heard)
    }
}
