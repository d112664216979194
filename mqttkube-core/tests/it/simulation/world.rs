//! One schedule: what happens in which order.

mod calls;
mod commands;
mod links;
mod objects;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mqttkube_core::engine::Engine;
use mqttkube_core::event::{ApiOutcome, Effect, Event, Purpose, Request};
use mqttkube_core::ids::JobId;
use mqttkube_core::plan::Plan;

use super::api::Api;
use super::broker::Broker;
use super::check::{Broken, Ledger, Process};
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

    fn wall(&self) -> u64 {
        EPOCH + u64::try_from((self.now - self.start).as_millis()).expect("a short schedule")
    }
}
