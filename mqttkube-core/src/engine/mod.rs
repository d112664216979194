//! The engine: everything that is decided, and nothing that is done.
//!
//! [`Engine::handle`] is told what happened and says what to do. It has no clock, no random source and no I/O, so
//! the same events give the same effects, and every promise of the product is a property of the stream of effects:
//!
//! - A delivery is acknowledged when everything that its message caused has a final outcome, not before; in the
//!   order of arrival; never on another connection than its own.
//! - The writes to one object keep their order and have one call in flight. Different objects do not wait for
//!   each other.
//! - A failure of one object is repeated up to the retry deadline. While the API server as a whole is away,
//!   commands are kept without a deadline.
//! - A watch publishes when the bytes change, and again after a connection that may have lost them.

mod acks;
mod answer;
mod calls;
mod command;
mod jitter;
mod kinds;
mod memory;
mod queue;
mod retry;
mod routes;
mod watch;
mod work;

use std::sync::Arc;
use std::time::Instant;

use self::acks::Acks;
use self::calls::{Job, Reach};
use self::jitter::Jitter;
use self::kinds::{KindState, Kinds};
use self::memory::{Recent, RetainedOnce};
use self::queue::Queues;
use self::routes::Routes;
use self::watch::Watches;
use self::work::ObjectKey;
use crate::event::{Effect, Event};
use crate::hash::hash64;
use crate::plan::Plan;
use crate::report::{BindingStatus, CommandStatus, Status};

/// What the engine wants done, in order.
pub type Effects = Vec<Effect>;

/// The state of all bindings of one plan.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    routes: Routes,
    kinds: Kinds,
    acks: Acks,
    queues: Queues<ObjectKey, Job>,
    watches: Watches,
    retained: RetainedOnce,
    /// Objects that a launch of ours created, and their uids.
    launched: Recent<ObjectKey, String>,
    /// Deletions by the identity of their command, and the uids of what they deleted.
    deleted: Recent<String, String>,
    /// The version of an object as far as our own writes know it, as a hash.
    versions: Recent<ObjectKey, u64>,
    reach: Reach,
    jitter: Jitter,
    counters: CommandStatus,
    bindings: Vec<BindingStatus>,
    online: bool,
    draining: bool,
}

impl Engine {
    /// An engine that knows nothing yet of the broker and the cluster.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let bindings = plan.bindings().iter().map(|binding| BindingStatus {
            id: binding.id().to_owned(),
            ..BindingStatus::default()
        });
        let seed = hash64(&[plan.settings().client_id.as_bytes()]);
        Self {
            routes: Routes::new(&plan),
            kinds: Kinds::new(&plan),
            acks: Acks::default(),
            queues: Queues::default(),
            watches: Watches::new(&plan),
            retained: RetainedOnce::default(),
            launched: Recent::default(),
            deleted: Recent::default(),
            versions: Recent::default(),
            reach: Reach::default(),
            jitter: Jitter::new(seed),
            counters: CommandStatus::default(),
            bindings: bindings.collect(),
            online: false,
            draining: false,
            plan,
        }
    }

    /// Something happened at `now`, which never goes back. The effects are to be performed in their order.
    pub fn handle(&mut self, event: Event, now: Instant) -> Effects {
        let mut effects = Effects::new();
        match event {
            Event::Online { epoch, resumed } => {
                self.online = true;
                self.acks.online(epoch, resumed);
                self.republish(resumed, now, &mut effects);
            }
            Event::Offline => {
                self.online = false;
                self.acks.offline();
            }
            Event::Message(message) => self.message(message, &mut effects),
            Event::Done { job, outcome } => self.done(job, outcome, now, &mut effects),
            Event::Kind {
                kind,
                resource,
                scale,
            } => {
                self.kinds.resolve(kind, resource, scale);
                self.recover(now);
                self.queues
                    .wake(now, |key| key.kind == kind, std::time::Duration::default);
            }
            Event::KindMissing { kind } => self.kinds.lose(kind),
            Event::Reachable => self.recover(now),
            Event::Tick => {}
            Event::Drain => self.drain(now, &mut effects),
            Event::Listing { .. }
            | Event::Object { .. }
            | Event::Deleted { .. }
            | Event::Listed { .. }
            | Event::Watching { .. }
            | Event::WatchFailed { .. }
            | Event::RetainedSeen { .. } => self.watched(event, now, &mut effects),
        }
        self.pass(now, &mut effects);
        effects
    }

    /// Time passed, and perhaps something became free.
    fn pass(&mut self, now: Instant, effects: &mut Effects) {
        self.tick_watches(now, effects);
        self.expire(now, effects);
        self.pump(now, effects);
        self.acks.release(effects);
    }

    /// When [`Event::Tick`] is due. It changes with every event.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let moments = [self.queues.next_deadline(), self.watches.next_deadline()];
        moments.into_iter().flatten().min()
    }

    /// Whether, after [`Event::Drain`], nothing is in flight any more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.draining && self.queues.in_flight() == 0
    }

    /// Whether nothing waits: no command is unfinished, no publish is held back.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.acks.running() == 0 && self.next_deadline().is_none()
    }

    fn drain(&mut self, now: Instant, effects: &mut Effects) {
        self.draining = true;
        self.queues.keep_only_flights();
        self.flush_watches(now, effects);
    }

    /// Counters and states, for people and for health.
    #[must_use]
    pub fn status(&self) -> Status {
        let missing = self.kinds.iter().filter(|kind| kind.state == KindState::Missing);
        Status {
            online: self.online,
            api_reachable: self.reach.is_reachable(),
            draining: self.draining,
            commands: CommandStatus {
                running: self.acks.running(),
                unacknowledged: self.acks.held(),
                in_flight: self.queues.in_flight(),
                objects: self.queues.objects(),
                ..self.counters.clone()
            },
            bindings: self.bindings.clone(),
            watches: self.watches.status(&self.plan, &self.kinds),
            missing_kinds: missing.map(kinds::KindNow::full_name).collect(),
        }
    }
}
