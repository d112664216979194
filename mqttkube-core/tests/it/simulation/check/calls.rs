//! Calls: one at a time for an object, in the order of its commands, none too early and none without a reason.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mqttkube_core::event::{Request, Verb};
use mqttkube_core::ids::JobId;
use serde_json::Value;

use super::{Broken, Flight, Key, Process, command_in};

/// How long the engine waits for an answer: the request timeout of the plan and a grace of 5 s.
const ANSWER: Duration = Duration::from_secs(15);

impl Process {
    /// The answer to a call is not late.
    pub(in crate::simulation) fn waits_for(&self, job: JobId, now: Instant) -> bool {
        self.flights.get(&job).is_some_and(|flight| flight.until > now)
    }

    /// A launch of an earlier process was found again.
    pub(in crate::simulation) fn found(&mut self, name: &str, payload: &Value) {
        if let Some(command) = command_in(payload) {
            self.names.insert(name.to_owned(), command);
        }
    }

    fn in_flight(&self) -> impl Iterator<Item = &Key> {
        self.flights.values().filter_map(|flight| flight.key.as_ref())
    }

    /// The engine calls. Returns the command on whose behalf.
    pub(in crate::simulation) fn call(
        &mut self,
        job: JobId,
        request: &Request,
        now: Instant,
    ) -> Result<Option<u64>, Broken> {
        let key = key_of(request);
        let command = self.on_behalf(key.as_ref(), request)?;
        self.flights.retain(|_, flight| flight.until > now);
        if let Some(key) = &key {
            if self.in_flight().any(|other| other == key) {
                return Err(format!("a second call for {key:?} is in flight: {request:?}"));
            }
            if self.not_before.get(key).is_some_and(|moment| now < *moment) {
                return Err(format!("Retry-After of {key:?} was not kept"));
            }
            let begun = self.first_call.contains_key(&command.unwrap_or(0))
                || label_of(request).is_some_and(|label| self.looked_for.contains_key(&label));
            if self.draining && !begun {
                return Err(format!("work on {key:?} began after the drain"));
            }
        }
        if let Some(command) = command {
            self.first_call.entry(command).or_insert(now);
        }
        if let Verb::List { label } = &request.verb {
            self.looked_for.insert(label.clone(), self.hearing);
        }
        let until = now + ANSWER;
        self.flights.insert(job, Flight { key, until });
        Ok(command)
    }

    fn on_behalf(&mut self, key: Option<&Key>, request: &Request) -> Result<Option<u64>, Broken> {
        let Some(key) = key else { return Ok(None) };
        if key.1.starts_with("job-") {
            return self.launch_of(key, request).map(Some);
        }
        let owed = self.lanes.get(key).and_then(VecDeque::front);
        let Some(owed) = owed else {
            return Err(format!(
                "a call for {key:?} that no command asked for: {request:?}"
            ));
        };
        let body = match &request.verb {
            Verb::Patch { body, .. } => body.to_string(),
            _ => String::new(),
        };
        if let Some(token) = &owed.token
            && !body.is_empty()
            && !body.contains(token.as_str())
        {
            return Err(format!(
                "{key:?} is written with {body} before command {} ({token})",
                owed.command
            ));
        }
        Ok(Some(owed.command))
    }

    fn launch_of(&mut self, key: &Key, request: &Request) -> Result<u64, Broken> {
        if let Verb::Create { body } = &request.verb {
            let command = command_in(&body["spec"]["n"])
                .ok_or_else(|| format!("a launch without its payload: {body}"))?;
            self.names.insert(key.1.clone(), command);
        }
        let command = self.names.get(&key.1).copied();
        command
            .filter(|command| self.launches.contains_key(command))
            .ok_or_else(|| format!("a launch of {key:?} that no command asked for"))
    }

    /// An answer reaches the engine.
    pub(in crate::simulation) fn answer(
        &mut self,
        job: JobId,
        code: Option<u16>,
        retry_after: Option<Duration>,
        now: Instant,
    ) {
        let flight = self.flights.remove(&job).filter(|flight| flight.until > now);
        let Some(flight) = flight else { return };
        if code.is_some_and(|code| code < 500) {
            self.last_good = Some(now);
        }
        if let (Some(key), Some(wait)) = (flight.key, retry_after) {
            self.not_before.insert(key, now + wait);
        }
    }

    pub(in crate::simulation) fn object_seen(&mut self, now: Instant) {
        self.last_good = Some(now);
    }
}

/// By which label the object of a launch is found again.
fn label_of(request: &Request) -> Option<String> {
    let Verb::Create { body } = &request.verb else {
        return None;
    };
    let command = body["metadata"]["labels"]["mqttkube/command"].as_str()?;
    Some(format!("mqttkube/command={command}"))
}

/// The object of a request; none for a list.
fn key_of(request: &Request) -> Option<Key> {
    let name = match &request.verb {
        Verb::List { .. } => return None,
        Verb::Create { body } => body["metadata"]["name"].as_str().unwrap_or_default(),
        _ => request.name.as_str(),
    };
    Some((request.resource.kind.clone(), name.to_owned()))
}
