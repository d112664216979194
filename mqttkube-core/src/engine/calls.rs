//! From work that may begin to calls, and from answers to outcomes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::acks::ExecId;
use super::answer::{Answer, Failure};
use super::command::Command;
use super::kinds::KindState;
use super::retry::{After, Retry};
use super::work::{Cx, End, Next, ObjectKey, Work};
use super::{Effects, Engine};
use crate::binding::{ItemRef, Verb};
use crate::event::{ApiOutcome, Effect};
use crate::hash::hash64;
use crate::ids::JobId;
use crate::report::Outcome;

/// So much later than the deadline of a call its answer is no longer waited for. The caller reports the deadline
/// itself; this only keeps an object from being stuck when it does not.
const GRACE: Duration = Duration::from_secs(5);

/// After so much silence a failure without an answer means that the API server is away.
const SILENCE: Duration = Duration::from_secs(1);

/// When the API server is back, waiting commands come within this time.
const COMEBACK: Duration = Duration::from_millis(300);

/// One command on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) exec: ExecId,
    pub(super) item: ItemRef,
    pub(super) command: Arc<Command>,
    pub(super) work: Work,
    /// What an action was asked to do.
    pub(super) verb: Option<Verb>,
    /// What identifies the command, for the result.
    pub(super) id: Option<String>,
    pub(super) retry: Retry,
    /// The version of the object, as far as it was known when the last call was made.
    pub(super) version: Option<u64>,
}

impl Job {
    /// What a result message shows: the value, or the verb.
    pub(super) fn value(&self) -> Option<Value> {
        let verb = self.verb.map(|verb| Value::from(verb.as_str()));
        verb.or_else(|| self.work.value().cloned())
    }
}

/// Whether the API server as a whole is at work.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// When it last showed that it can do more than answer from a cache.
    alive: Option<Instant>,
    away: bool,
}

impl Reach {
    pub(super) fn is_reachable(&self) -> bool {
        !self.away
    }

    /// An answer to a command. Returns whether the API server is back.
    fn hear(&mut self, answer: &Answer, now: Instant) -> bool {
        if answer.shows_life() {
            self.alive = Some(now);
            return std::mem::take(&mut self.away);
        }
        self.away |= self.alive.is_none_or(|alive| now - alive > SILENCE);
        false
    }
}

impl Engine {
    /// Lets every object call whose turn it is.
    pub(super) fn pump(&mut self, now: Instant, effects: &mut Effects) {
        while let Some(key) = self.queues.next_ready() {
            self.call(key, now, effects);
        }
    }

    fn call(&mut self, key: ObjectKey, now: Instant, effects: &mut Effects) {
        let kind = self.kinds.get(key.kind);
        if kind.state != KindState::Resolved {
            let failure = Failure {
                error: format!("the API server does not know the kind {} yet", kind.full_name()),
                retry_after: None,
                reachable: kind.state == KindState::Missing,
                ambiguous: false,
            };
            self.fail(key, failure, now, effects);
            return;
        }
        let version = self.versions.get(&key).copied();
        let Some(job) = self.queues.front(&key) else {
            return;
        };
        job.version = version;
        if let Work::Delete(delete) = &mut job.work {
            delete.aim(self.launched.get(&key));
        }
        let cx = Cx {
            plan: &self.plan,
            kind,
            key: &key,
        };
        if let Some(end) = job.work.refused(&cx) {
            self.end(&key, end, effects);
            return;
        }
        let request = job.work.request(&cx);
        let deadline = self.plan.settings().request_timeout;
        let job = self.queues.depart(key, now + deadline + GRACE);
        effects.push(Effect::Call {
            job,
            request,
            deadline,
        });
    }

    /// Ends pauses, and calls whose answer is long overdue.
    pub(super) fn expire(&mut self, now: Instant, effects: &mut Effects) {
        while let Some(job) = self.queues.expire(now) {
            let outcome = ApiOutcome::Unreachable {
                error: "no answer within the deadline".to_owned(),
            };
            self.done(job, outcome, now, effects);
        }
    }

    /// A call ended.
    pub(super) fn done(&mut self, job: JobId, outcome: ApiOutcome, now: Instant, effects: &mut Effects) {
        let Some(key) = self.queues.land(job) else {
            self.counters.late_answers += 1;
            return;
        };
        let answer = Answer::new(outcome);
        if self.reach.hear(&answer, now) {
            self.wake(now);
        }
        let Some(job) = self.queues.front(&key) else {
            return;
        };
        let next = job.work.answer(
            answer,
            &Cx {
                plan: &self.plan,
                kind: self.kinds.get(key.kind),
                key: &key,
            },
        );
        match next {
            Next::Call => self.call(key, now, effects),
            Next::Pause(failure) => self.fail(key, failure, now, effects),
            Next::End(end) => self.end(&key, end, effects),
        }
    }

    /// The front job of an object failed in a way that may pass.
    fn fail(&mut self, key: ObjectKey, failure: Failure, now: Instant, effects: &mut Effects) {
        if self.draining {
            // Its message was not acknowledged, so the next process gets it.
            self.queues.finish(&key);
            return;
        }
        let deadline = self.plan.settings().retry_deadline;
        let alive = self.reach.alive;
        let Some(job) = self.queues.front(&key) else {
            return;
        };
        let first = !job.retry.has_failed();
        let after = job.retry.fail(&failure, now, alive, deadline, &mut self.jitter);
        let mut end = End {
            object: Some(
                Cx {
                    plan: &self.plan,
                    kind: self.kinds.get(key.kind),
                    key: &key,
                }
                .object_ref(None),
            ),
            ..End::plain(Outcome::GaveUp, Some(failure.error))
        };
        match after {
            After::GiveUp => self.end(&key, end, effects),
            After::Again { at, firm } => {
                if first {
                    end.outcome = Outcome::Retrying;
                    let (item, value, id) = (job.item, job.value(), job.id.clone());
                    let command = Arc::clone(&job.command);
                    self.report(item, &command, &end, value.as_ref(), id.as_deref(), effects);
                }
                self.queues.pause(key, at, firm);
            }
        }
    }

    /// The front job of an object is over.
    fn end(&mut self, key: &ObjectKey, mut end: End, effects: &mut Effects) {
        let Some(job) = self.queues.finish(key) else {
            return;
        };
        self.remember(key, &job, &mut end);
        let value = job.value();
        self.report(
            job.item,
            &job.command,
            &end,
            value.as_ref(),
            job.id.as_deref(),
            effects,
        );
        self.acks.end_part(job.exec);
    }

    /// Keeps what later commands need to know of this one.
    fn remember(&mut self, key: &ObjectKey, job: &Job, end: &mut End) {
        let version = end
            .object
            .as_ref()
            .and_then(|object| object.resource_version.as_ref());
        if let Some(version) = version.map(|version| hash64(&[version.as_bytes()])) {
            let patched = matches!(job.work, Work::Field(_) | Work::Fixed(_));
            if patched && end.outcome == Outcome::Applied && job.version == Some(version) {
                end.outcome = Outcome::Unchanged;
            }
            if patched {
                self.versions.insert(key.clone(), version);
            }
        }
        if let Some(uid) = end.created.take() {
            self.launched.insert(key.clone(), uid);
        }
        if let (Some(uid), Some(id)) = (end.deleted.take(), &job.id) {
            self.deleted.insert(id.clone(), uid);
        }
    }

    /// The API server showed signs of life outside of commands.
    pub(super) fn recover(&mut self, now: Instant) {
        if std::mem::take(&mut self.reach.away) {
            self.wake(now);
        }
    }

    /// An object changed: the API server can do more than answer from a cache.
    pub(super) fn alive(&mut self, now: Instant) {
        self.reach.alive = Some(now);
        self.recover(now);
    }

    fn wake(&mut self, now: Instant) {
        let jitter = &mut self.jitter;
        self.queues.wake(now, |_| true, || jitter.up_to(COMEBACK));
    }
}
