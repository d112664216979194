//! The loop that owns the engine.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::calls::Calls;
use super::diary::{self, Diary};
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::{LinkStatus, RuntimeError, Snapshot};
use crate::engine::{Effects, Engine};
use crate::event::{ApiOutcome, Effect, Event};
use crate::health::{Health, engine_reasons};
use crate::plan::Plan;

/// The part of the grace that is kept for the last publishes and the DISCONNECT.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The one place where everything meets. It owns the engine, and nothing in it waits for anything but the next event.
pub(super) struct MainLoop {
    pub(super) engine: Engine,
    pub(super) calls: Calls,
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) session: mqttkube_mqtt::Client,
    pub(super) events: mqttkube_mqtt::Events,
    pub(super) cluster: mpsc::Receiver<Event>,
    pub(super) answered: Arc<Notify>,
    /// Rung when a command is answered with a success.
    pub(super) back: Arc<Notify>,
    pub(super) relist: Vec<Arc<Notify>>,
    pub(super) asked: mpsc::Receiver<oneshot::Sender<Snapshot>>,
    pub(super) grace: Duration,
    pub(super) plan: Arc<Plan>,
    pub(super) diary: Diary,
    /// When the diary is written next; `None` while nothing has happened.
    pub(super) look: Option<Instant>,
}

/// What the loop woke up for.
enum Turn {
    Event(Event),
    Session(Option<mqttkube_mqtt::Event>),
    Asked(oneshot::Sender<Snapshot>),
    ReadBack,
    Look,
    Stop,
    /// Something that the part itself has dealt with.
    Nothing,
}

impl MainLoop {
    pub(super) async fn run(mut self, mut stop: BoxFuture<'static, ()>) -> Result<(), RuntimeError> {
        let mut end: Option<Instant> = None;
        while end.is_none_or(|end| Instant::now() < end && !self.is_drained()) {
            let turn = tokio::select! {
                () = &mut stop, if end.is_none() => Turn::Stop,
                () = until(end) => Turn::Nothing,
                turn = self.turn() => turn,
            };
            match turn {
                Turn::Event(event) => self.handle(event),
                Turn::Session(Some(event)) => {
                    for event in self.incoming.translate(event, &self.plan) {
                        self.handle(event);
                    }
                }
                Turn::Session(None) => return Err(RuntimeError::SessionEnded),
                // Whoever asked may have lost interest.
                Turn::Asked(answer) => drop(answer.send(self.snapshot())),
                Turn::ReadBack => self.incoming.finish_readback(),
                Turn::Look => self.write_diary(end.is_some()),
                Turn::Stop => {
                    tracing::info!("stopping");
                    end = Some(Instant::now() + self.grace.saturating_sub(LAST_WORDS));
                    self.handle(Event::Drain);
                }
                Turn::Nothing => {}
            }
        }
        let left = end.map_or(Duration::ZERO, |end| {
            end.saturating_duration_since(Instant::now())
        });
        self.write_diary(true);
        self.calls.stop().await;
        let given_up = self.session.close(left + self.grace.min(LAST_WORDS)).await;
        tracing::info!(given_up, "stopped");
        Ok(())
    }

    /// Waits for the next thing to do. Cancelling it loses nothing: every branch either has its event or has not.
    async fn turn(&mut self) -> Turn {
        let (tick, read) = (
            self.engine.next_deadline().map(Instant::from_std),
            self.incoming.readback().deadline(),
        );
        let room = self.outgoing.has_room();
        tokio::select! {
            (job, outcome) = self.calls.next() => {
                if matches!(outcome, ApiOutcome::Ok(_)) {
                    self.back.notify_waiters();
                }
                Turn::Event(Event::Done { job, outcome })
            }
            event = self.events.next(), if room => Turn::Session(event),
            Some(event) = self.cluster.recv(), if room => Turn::Event(event),
            () = self.outgoing.work() => Turn::Nothing,
            () = self.answered.notified() => Turn::Event(Event::Reachable),
            () = until(tick) => Turn::Event(Event::Tick),
            () = until(read) => Turn::ReadBack,
            () = until(self.look) => Turn::Look,
            Some(answer) = self.asked.recv() => Turn::Asked(answer),
        }
    }

    fn handle(&mut self, event: Event) {
        let now = Instant::now();
        self.look.get_or_insert(now + diary::PAUSE);
        let effects = self.engine.handle(event, now.into_std());
        self.perform(effects);
    }

    fn write_diary(&mut self, stopping: bool) {
        self.look = None;
        let Snapshot {
            mut health, engine, ..
        } = self.snapshot();
        if stopping {
            // Everybody knows why it is not ready now.
            health.reasons.clear();
        }
        self.diary.write(&health, &engine.bindings);
    }

    fn perform(&mut self, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Call {
                    job,
                    request,
                    deadline,
                } => self.calls.start(job, request, deadline),
                Effect::Publish(publish) => self.outgoing.push(publish),
                Effect::Ack(id) => self.incoming.ack(id),
                Effect::Relist(watch) => {
                    if let Some(bell) = self.relist.get(watch.0 as usize) {
                        bell.notify_one();
                    }
                }
            }
        }
    }

    fn is_drained(&self) -> bool {
        self.engine.is_drained() && self.outgoing.is_empty()
    }

    fn snapshot(&self) -> Snapshot {
        let engine = self.engine.status();
        let mut reasons = self.link_reasons();
        reasons.extend(engine_reasons(&engine));
        Snapshot {
            health: Health::from_reasons(reasons),
            mqtt: self.link_status(),
            engine,
        }
    }

    fn link_reasons(&self) -> Vec<String> {
        let link = self.incoming.link();
        let mut reasons = Vec::new();
        match &link.offline {
            Some(reason) => reasons.push(format!("no connection to the broker: {reason}")),
            None => reasons.extend(
                link.asked
                    .keys()
                    .map(|filter| format!("not subscribed to {filter} yet")),
            ),
        }
        reasons.extend(
            link.refused
                .iter()
                .map(|(filter, why)| format!("not subscribed to {filter}: {why}")),
        );
        let refused = self.outgoing.refused().iter();
        reasons.extend(refused.map(|(topic, why)| format!("cannot publish to {topic}: {why}")));
        reasons
    }

    fn link_status(&self) -> LinkStatus {
        let status = self.session.status();
        LinkStatus {
            state: match status.state {
                mqttkube_mqtt::State::Online => "online",
                mqttkube_mqtt::State::Kicked => "kicked",
                mqttkube_mqtt::State::Closed => "closed",
                _ => "offline",
            },
            version: status.version.to_string(),
            connections: status.epoch,
            last_offline: status.last_offline,
            received: status.received,
            acknowledged: status.acknowledged,
            published: status.published,
            waiting: status.queued + status.in_flight,
            superseded: status.superseded,
            dropped: status.dropped_large + status.dropped_overrun + status.dropped_topic,
            takeovers: status.takeovers,
            hostname_not_verified: status.hostname_not_verified,
            refused_filters: self.incoming.link().refused.clone(),
            refused_topics: self.outgoing.refused().clone(),
        }
    }
}

/// Waits for a moment, or for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
