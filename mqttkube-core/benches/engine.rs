//! What one event costs with 10 bindings and with 10,000: it must not depend on how many others there are.
//!
//! `cargo bench -p mqttkube-core --bench engine` prints medians of interleaved rounds, with the limit beside them.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mqttkube_core::config;
use mqttkube_core::engine::Engine;
use mqttkube_core::event::{ApiOutcome, Effect, Event, Message};
use mqttkube_core::ids::{MessageId, WatchId};
use serde_json::{Value, json};

const SMALL: usize = 10;
const LARGE: usize = 10_000;
const ROUNDS: usize = 41;
const EVENTS: u64 = 2_000;
const LIMIT: f64 = 1.2;

/// An engine over so many Deployments, and the objects and topics of ten of them, spread over all.
struct Bench {
    engine: Engine,
    now: Instant,
    objects: Vec<Value>,
    topics: Vec<String>,
    messages: u64,
}

impl Bench {
    fn new(bindings: usize) -> Self {
        let mut text = "bindings:\n".to_owned();
        for index in 0..bindings {
            writeln!(
                text,
                "  - {{namespace: ns, resource: Deployment, name: d{index}, \
                 watch: {{locus: status.n, topic: d{index}/n}}, \
                 patch: {{locus: spec.replicas, type: int, topic: d{index}/set}}}}"
            )
            .expect("writing to a string");
        }
        let plan = config::parse(&text, "bench.yaml", "", |_| ())
            .expect("nothing is wrong with it")
            .plan;
        let mut engine = Engine::new(Arc::new(plan));
        let now = Instant::now();
        engine.handle(
            Event::Online {
                epoch: 1,
                resumed: false,
            },
            now,
        );
        let names: Vec<String> = (0..SMALL)
            .map(|index| format!("d{}", index * bindings / SMALL))
            .collect();
        let object =
            |name: &String| json!({"metadata": {"name": name, "namespace": "ns"}, "status": {"n": 0}});
        Self {
            engine,
            now,
            objects: names.iter().map(object).collect(),
            topics: names.iter().map(|name| format!("{name}/set")).collect(),
            messages: 0,
        }
    }

    /// A command: from the message over the call and its answer to the acknowledgement.
    fn command(&mut self, index: u64) {
        self.messages += 1;
        let message = Message {
            id: MessageId(self.messages),
            epoch: 1,
            topic: self.topics[(index % SMALL as u64) as usize].clone(),
            payload: Bytes::from_static(b"3"),
            retain: false,
            dup: false,
            packet_id: Some(1),
            subscription_ids: Vec::new(),
            response_topic: None,
            correlation_data: None,
            at: 0,
        };
        let effects = self.engine.handle(Event::Message(message), self.now);
        let Some(Effect::Call { job, .. }) = effects.first() else {
            panic!("no call: {effects:?}")
        };
        let answer = Event::Done {
            job: *job,
            outcome: ApiOutcome::Ok(Box::default()),
        };
        black_box(self.engine.handle(answer, self.now));
    }

    /// A change of an object, up to its publish.
    fn change(&mut self, index: u64) {
        let object = &mut self.objects[(index % SMALL as u64) as usize];
        object["status"]["n"] = json!(self.messages + index);
        let event = Event::Object {
            watch: WatchId(0),
            object: Box::new(object.clone()),
        };
        black_box(self.engine.handle(event, self.now));
    }

    fn time(&mut self, event: fn(&mut Self, u64)) -> Duration {
        let start = Instant::now();
        for index in 0..EVENTS {
            event(self, index);
        }
        self.messages += EVENTS;
        start.elapsed()
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64 / EVENTS as f64
}

fn compare(name: &str, small: &mut Bench, large: &mut Bench, event: fn(&mut Bench, u64)) {
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        few.push(small.time(event));
        many.push(large.time(event));
    }
    let (few, many) = (median(few), median(many));
    let ratio = many / few;
    let verdict = if ratio <= LIMIT { "ok" } else { "TOO SLOW" };
    println!(
        "{name}: {few:.0} ns with {SMALL} bindings, {many:.0} ns with {LARGE}: {ratio:.2} x (limit {LIMIT} x) {verdict}"
    );
}

fn main() {
    let (mut small, mut large) = (Bench::new(SMALL), Bench::new(LARGE));
    compare(
        "command to acknowledgement",
        &mut small,
        &mut large,
        Bench::command,
    );
    compare("change to publish", &mut small, &mut large, Bench::change);
}
