//! Calls to the API server, and everything that can become of their answers.

use std::time::Duration;

use mqttkube_core::event::{ApiOutcome, Event, Refusal, Request, Verb};
use mqttkube_core::ids::JobId;

use super::{Pending, World};
use crate::simulation::api::{refuse, text};
use crate::simulation::check::Broken;

impl World {
    pub(super) fn answer(&mut self) -> Result<(), Broken> {
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

    pub(super) fn ghost(&mut self) -> Result<(), Broken> {
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
    pub(in crate::simulation) fn answer_all(&mut self) -> Result<(), Broken> {
        for pending in std::mem::take(&mut self.calls) {
            if !self.process.waits_for(pending.job, self.now) {
                continue;
            }
            let outcome = self.serve(&pending)?;
            self.finish(pending.job, outcome)?;
        }
        Ok(())
    }

    pub(in crate::simulation) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }
}

fn unreachable() -> ApiOutcome {
    ApiOutcome::Unreachable {
        error: "connection refused".to_owned(),
    }
}
