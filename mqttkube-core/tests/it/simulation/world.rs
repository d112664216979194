//! One schedule: what happens in which order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mqttkube_core::engine::Engine;
use mqttkube_core::event::{ApiOutcome, Effect, Event, Message, Purpose, Refusal, Request, Verb};
use mqttkube_core::ids::{JobId, WatchId};
use mqttkube_core::plan::Plan;
use serde_json::json;

use super::api::{Api, Change, refuse, text};
use super::broker::Broker;
use super::check::{Broken, Ledger, Owed, Process};
use super::plan::WATCHED;
use super::rng::Rng;

/// 2026-01-01T00:00:00Z in milliseconds: when everything in the API server was created.
const EPOCH: u64 = 1_767_225_600_000;

/// A call on its way, and its answer if there will be one.
struct Pending {
    job: JobId,
    request: Request,
    command: Option<u64>,
}

pub(super) struct World {
    plan: Arc<Plan>,
    pub(super) rng: Rng,
    start: Instant,
    pub(super) now: Instant,
    pub(super) engine: Engine,
    pub(super) broker: Broker,
    pub(super) api: Api,
    pub(super) away: bool,
    calls: Vec<Pending>,
    /// Answers that come long after everybody stopped waiting, or twice.
    ghosts: Vec<(JobId, ApiOutcome)>,
    pub(super) process: Process,
    pub(super) ledger: Ledger,
    commands: u64,
    counter: i64,
    /// Commands that the broker took, and that nobody but us may lose.
    pub(super) accepted: BTreeSet<u64>,
    /// Commands that the broker may send again as if they were new.
    resent: BTreeSet<u64>,
    sent_retained: u64,
    trace: bool,
}

impl World {
    pub(super) fn new(plan: Arc<Plan>, seed: u64, trace: bool) -> Self {
        let start = Instant::now();
        let mut world = Self {
            engine: Engine::new(Arc::clone(&plan)),
            plan,
            rng: Rng::new(seed),
            start,
            now: start,
            broker: Broker::default(),
            api: Api::default(),
            away: false,
            calls: Vec::new(),
            ghosts: Vec::new(),
            process: Process::default(),
            ledger: Ledger::default(),
            commands: 1_000_000,
            counter: 0,
            accepted: BTreeSet::new(),
            resent: BTreeSet::new(),
            sent_retained: 0,
            trace,
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        for (kind, name) in [
            ("Deployment", "web"),
            ("StatefulSet", "db"),
            ("Pod", "p0"),
            ("Pod", "p1"),
        ] {
            if self.rng.chance(80) {
                self.create(kind, name);
            }
        }
        for kind in WATCHED {
            self.api.relist(kind);
        }
    }

    fn create(&mut self, kind: &str, name: &str) {
        self.counter += 1;
        let spec = json!({"replicas": 1, "size": 1, "limits": {"old": 1}, "containers": [{"name": "b", "image": "b"}, {"name": "c", "image": "c"}]});
        let object = json!({
            "kind": kind,
            "metadata": {"name": name, "namespace": "ns", "annotations": {}},
            "spec": spec,
            "status": {"n": self.counter},
        });
        self.api.put(kind, name, object);
    }

    /// Runs the schedule, heals everything, and looks at what became of it.
    pub(super) fn run(mut self) -> Result<(), Broken> {
        let steps = 20 + self.rng.below(40);
        for _ in 0..steps {
            self.step()?;
        }
        self.settle()
    }

    fn step(&mut self) -> Result<(), Broken> {
        match self.rng.below(100) {
            0..22 => self.publish(),
            22..42 => self.deliver()?,
            42..60 => self.answer()?,
            60..70 => self.change(),
            70..80 => self.watch()?,
            80..86 => self.pass()?,
            86..91 => self.link()?,
            91..93 => self.away = !self.away,
            93..95 => self.broker.save(),
            95 => self.kill_broker()?,
            96 => self.relist()?,
            97 => self.ghost()?,
            98 => self.restart()?,
            _ => self.repeat()?,
        }
        Ok(())
    }

    /// Tells the engine something and performs what it wants.
    pub(super) fn tell(&mut self, event: Event) -> Result<(), Broken> {
        if self.trace {
            println!("{:>9.3?}  {event:?}", self.now - self.start);
        }
        let effects = self.engine.handle(event, self.now);
        for effect in effects {
            if self.trace {
                println!("           -> {effect:?}");
            }
            self.perform(effect)?;
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect) -> Result<(), Broken> {
        match effect {
            Effect::Call { job, request, .. } => {
                let command = self.process.call(job, &request, self.now)?;
                self.calls.push(Pending {
                    job,
                    request,
                    command,
                });
            }
            Effect::Ack(id) => {
                if let Some(command) = self.broker.acknowledge(id)? {
                    self.process
                        .acknowledged(command, self.resent.contains(&command))?;
                }
            }
            Effect::Publish(publish) => match publish.purpose {
                Purpose::Result => self.process.result(&publish, &mut self.ledger, self.now)?,
                Purpose::DeadLetter => {}
                Purpose::State | Purpose::Clear => {
                    self.process.state(&publish, &mut self.ledger, self.now)?;
                    self.broker.publish(&publish);
                }
            },
            Effect::Relist(watch) => self.api.relist(WATCHED[watch.0 as usize]),
        }
        Ok(())
    }

    // === commands ===

    fn publish(&mut self) {
        self.commands += 1;
        let command = self.commands;
        let (topic, payload) = match self.rng.below(12) {
            0..3 => ("web/replicas", command.to_string()),
            3..5 => ("web/image", format!("image-{command}")),
            5 => ("db/size", command.to_string()),
            6..8 => ("db/limits", format!("{{\"cpu\":{command}}}")),
            8 => ("task/run", "RUN".to_owned()),
            9 => ("task/run", "STOP".to_owned()),
            10 => ("job/run", command.to_string()),
            _ => ("web/replicas", "no number".to_owned()),
        };
        // Without correlation data a result is recognised by its value, which these do not have.
        let anonymous = matches!(payload.as_str(), "RUN" | "STOP" | "no number");
        let correlated = anonymous || self.rng.chance(70);
        if self.broker.accept(command, topic, payload, correlated) {
            self.accepted.insert(command);
        }
    }

    pub(super) fn deliver(&mut self) -> Result<(), Broken> {
        match self.broker.deliver(self.wall()) {
            Some((message, command)) => self.hand_over(message, command),
            None => Ok(()),
        }
    }

    fn repeat(&mut self) -> Result<(), Broken> {
        match self.broker.repeat(self.wall()) {
            Some((message, command)) => self.hand_over(message, command),
            None => Ok(()),
        }
    }

    fn hand_over(&mut self, message: Message, command: u64) -> Result<(), Broken> {
        let packet_id = message.packet_id.expect("everything is at QoS 1");
        let known = self.process.unacked.insert(command, packet_id) == Some(packet_id);
        if !known && !self.process.draining {
            self.owe(&message, command);
        }
        self.process.hearing = Some(command);
        let told = self.tell(Event::Message(message));
        self.process.hearing = None;
        told
    }

    /// What the engine owes for a message that is new to it.
    fn owe(&mut self, message: &Message, command: u64) {
        let payload = String::from_utf8_lossy(&message.payload).into_owned();
        let number = || Some(command.to_string());
        let (kind, name, token) = match message.topic.as_str() {
            _ if message.retain && message.topic != "db/once" => return,
            "db/once" if std::mem::replace(&mut self.process.once, true) => return,
            "db/once" => ("StatefulSet", "db", Some(payload)),
            "web/replicas" if payload == "no number" => return self.owe_alone(command),
            "web/replicas" | "web/image" => ("Deployment", "web", number()),
            "db/size" | "db/limits" => ("StatefulSet", "db", number()),
            "task/run" => ("Job", "task", None),
            _ => return self.owe_alone(command),
        };
        let present = (kind == "Job").then(|| &message.payload[..] == b"RUN");
        let key = (kind.to_owned(), name.to_owned());
        self.process.owe(
            Some(key),
            Owed {
                command,
                token,
                present,
            },
        );
    }

    /// An outcome that no other one has to wait for: of a launch under a new name, or of a payload that is no use.
    fn owe_alone(&mut self, command: u64) {
        self.process.owe(
            None,
            Owed {
                command,
                token: None,
                present: None,
            },
        );
    }

    fn wall(&self) -> u64 {
        EPOCH + u64::try_from((self.now - self.start).as_millis()).expect("a short schedule")
    }

    // === calls ===

    fn answer(&mut self) -> Result<(), Broken> {
        if self.calls.is_empty() {
            return Ok(());
        }
        let index = self.rng.index(self.calls.len());
        let pending = self.calls.swap_remove(index);
        if !self.process.waits_for(pending.job, self.now) {
            // Its deadline is over: the client hung up before anything happened.
            return Ok(());
        }
        let fate = if self.away {
            90 + self.rng.below(6)
        } else {
            self.rng.below(100)
        };
        match fate {
            0..76 => {
                let outcome = self.serve(&pending)?;
                self.finish(pending.job, outcome)
            }
            76..80 => self.finish(pending.job, refuse(409, "Conflict")),
            80..82 => self.finish(pending.job, refuse(403, "Forbidden")),
            82..86 => self.throttle(pending.job),
            86..90 => {
                let outcome = self.serve(&pending)?;
                // The answer comes when nobody waits for it any more.
                self.ghosts.push((pending.job, outcome));
                Ok(())
            }
            90..94 => self.finish(pending.job, refuse(503, "ServiceUnavailable")),
            94..96 => self.finish(pending.job, unreachable()),
            96..98 => {
                self.serve(&pending)?;
                self.finish(pending.job, refuse(504, "Timeout"))
            }
            _ => {
                self.serve(&pending)?;
                self.finish(pending.job, unreachable())
            }
        }
    }

    fn throttle(&mut self, job: JobId) -> Result<(), Broken> {
        let outcome = ApiOutcome::Refused(Refusal {
            code: 429,
            reason: "TooManyRequests".to_owned(),
            message: String::new(),
            retry_after: Some(Duration::from_secs(2)),
        });
        self.finish(job, outcome)
    }

    fn finish(&mut self, job: JobId, outcome: ApiOutcome) -> Result<(), Broken> {
        let (code, wait) = match &outcome {
            ApiOutcome::Ok(_) => (Some(200), None),
            ApiOutcome::Refused(refusal) => (Some(refusal.code), refusal.retry_after),
            ApiOutcome::Unreachable { .. } => (None, None),
        };
        self.process.answer(job, code, wait, self.now);
        if self.rng.chance(5) {
            self.ghosts.push((job, outcome.clone()));
        }
        self.tell(Event::Done { job, outcome })
    }

    fn serve(&mut self, pending: &Pending) -> Result<ApiOutcome, Broken> {
        let deleted = self.api.deleted.len();
        let outcome = self.api.serve(&pending.request);
        let Some(command) = pending.command else {
            self.note_found(&pending.request, &outcome);
            return Ok(outcome);
        };
        let writes = !matches!(pending.request.verb, Verb::Get);
        if writes && matches!(outcome, ApiOutcome::Ok(_)) {
            self.ledger.effects.insert(command);
        }
        for uid in &self.api.deleted[deleted..] {
            let killed = self.process.killed.entry(command).or_default();
            killed.insert(uid.clone());
            if killed.len() > 1 && !self.resent.contains(&command) {
                return Err(format!("command {command} deleted two objects: {killed:?}"));
            }
        }
        Ok(outcome)
    }

    /// A redelivered launch looks for what it created before.
    fn note_found(&mut self, request: &Request, outcome: &ApiOutcome) {
        if let (Verb::List { .. }, ApiOutcome::Ok(list)) = (&request.verb, outcome) {
            for object in list["items"].as_array().into_iter().flatten() {
                self.process
                    .found(&text(&object["metadata"]["name"]), &object["spec"]["n"]);
            }
        }
    }

    fn ghost(&mut self) -> Result<(), Broken> {
        if self.ghosts.is_empty() {
            return Ok(());
        }
        let index = self.rng.index(self.ghosts.len());
        let (job, outcome) = self.ghosts.swap_remove(index);
        if self.process.waits_for(job, self.now) {
            // It is not late after all.
            return self.finish(job, outcome);
        }
        self.tell(Event::Done { job, outcome })
    }

    /// Every call gets its answer.
    pub(super) fn answer_all(&mut self) -> Result<(), Broken> {
        for pending in std::mem::take(&mut self.calls) {
            if !self.process.waits_for(pending.job, self.now) {
                continue;
            }
            let outcome = self.serve(&pending)?;
            self.finish(pending.job, outcome)?;
        }
        Ok(())
    }

    // === objects ===

    fn change(&mut self) {
        let (kind, name) = [
            ("Deployment", "web"),
            ("StatefulSet", "db"),
            ("Pod", "p0"),
            ("Pod", "p1"),
            ("Pod", "p2"),
        ][self.rng.index(5)];
        let Some(mut object) = self.api.object(kind, name).cloned() else {
            return self.create(kind, name);
        };
        if self.rng.chance(12) {
            let key = (kind.to_owned(), name.to_owned());
            self.ledger.last.remove(&key);
            self.ledger.deleted.insert(key, self.api.version());
            return self.api.remove(kind, name);
        }
        self.counter += i64::from(self.rng.chance(80));
        let pad = if self.rng.chance(10) { 5000 } else { 0 };
        object["status"] = json!({"n": self.counter});
        if pad > 0 {
            object["status"]["pad"] = json!("x".repeat(pad));
        }
        self.api.put(kind, name, object);
    }

    fn watch(&mut self) -> Result<(), Broken> {
        if self.away {
            return Ok(());
        }
        let watch = self.rng.index(WATCHED.len());
        self.show(watch).map(|_| ())
    }

    /// The next change of one watch. Returns whether there was one.
    pub(super) fn show(&mut self, index: usize) -> Result<bool, Broken> {
        let watch = WatchId(u32::try_from(index).expect("few watches"));
        let Some(change) = self.api.next_change(WATCHED[index]) else {
            return Ok(false);
        };
        let event = match change {
            Change::Listing => Event::Listing { watch },
            Change::Listed => Event::Listed { watch },
            Change::Object(object) => Event::Object {
                watch,
                object: Box::new(object),
            },
            Change::Deleted((_, name)) => Event::Deleted {
                watch,
                namespace: Some("ns".to_owned()),
                name,
            },
        };
        if matches!(event, Event::Object { .. } | Event::Deleted { .. }) {
            self.process.object_seen(self.now);
        }
        self.tell(event)?;
        Ok(true)
    }

    fn relist(&mut self) -> Result<(), Broken> {
        let index = self.rng.index(WATCHED.len());
        let watch = WatchId(u32::try_from(index).expect("few watches"));
        self.tell(Event::WatchFailed {
            watch,
            error: "410 Gone".to_owned(),
        })?;
        self.api.relist(WATCHED[index]);
        Ok(())
    }

    // === links and processes ===

    fn link(&mut self) -> Result<(), Broken> {
        if !self.broker.is_linked() {
            return self.connect();
        }
        match self.rng.below(10) {
            0..3 => {
                self.broker.break_silently();
                Ok(())
            }
            3..8 => self.cut(),
            _ => {
                self.forget_session();
                self.cut()
            }
        }
    }

    pub(super) fn connect(&mut self) -> Result<(), Broken> {
        let (epoch, resumed) = self.broker.connect();
        if !resumed {
            self.process.unacked.clear();
            self.send_retained();
        }
        self.process.online();
        self.tell(Event::Online { epoch, resumed })?;
        let topics = self.broker.retained().keys();
        let pods: Vec<String> = topics
            .filter(|topic| topic.starts_with("pods/"))
            .cloned()
            .collect();
        for topic in pods {
            self.tell(Event::RetainedSeen { topic })?;
        }
        Ok(())
    }

    /// A new subscription brings what is retained.
    fn send_retained(&mut self) {
        self.sent_retained += 2;
        self.broker
            .send_retained(self.sent_retained, "web/replicas", "77");
        self.broker
            .send_retained(self.sent_retained + 1, "db/once", "keep");
    }

    fn cut(&mut self) -> Result<(), Broken> {
        self.broker.cut();
        self.tell(Event::Offline)
    }

    fn forget_session(&mut self) {
        for command in self.broker.lose_session() {
            self.accepted.remove(&command);
        }
    }

    fn kill_broker(&mut self) -> Result<(), Broken> {
        for command in self.broker.kill() {
            self.accepted.remove(&command);
        }
        // Old messages come back, some of them as if they had never been sent.
        self.resent.extend(self.broker.held());
        self.tell(Event::Offline)
    }

    /// The process ends, in one way or the other, and a new one starts.
    fn restart(&mut self) -> Result<(), Broken> {
        if self.rng.chance(50) {
            self.process.draining = true;
            self.tell(Event::Drain)?;
            while self.has_calls() {
                self.answer_all()?;
            }
        }
        for key in self.process.unsure() {
            self.ledger.last.remove(key);
        }
        self.broker.cut();
        (self.calls, self.ghosts) = (Vec::new(), Vec::new());
        self.process = Process::default();
        self.engine = Engine::new(Arc::clone(&self.plan));
        for kind in WATCHED {
            self.api.relist(kind);
        }
        Ok(())
    }

    fn pass(&mut self) -> Result<(), Broken> {
        let random = Duration::from_millis(self.rng.below(4000));
        let due = self
            .engine
            .next_deadline()
            .map(|due| due.saturating_duration_since(self.now));
        let step = match due {
            Some(due) if self.rng.chance(60) => due,
            _ => random,
        };
        self.now += step;
        self.tell(Event::Tick)
    }

    /// Whether a command may have been carried out more than once, because the broker sent it anew.
    pub(super) fn was_resent(&self, command: u64) -> bool {
        self.resent.contains(&command)
    }

    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }
}

fn unreachable() -> ApiOutcome {
    ApiOutcome::Unreachable {
        error: "connection refused".to_owned(),
    }
}
