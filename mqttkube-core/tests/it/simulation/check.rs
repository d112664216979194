//! The promises, checked against the stream of effects.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use mqttkube_core::event::{Publish, Purpose, Request, Verb};
use mqttkube_core::ids::JobId;
use serde_json::Value;

/// An object by kind and name.
pub(super) type Key = (String, String);

/// A promise that was broken, in words.
pub(super) type Broken = String;

/// One execution that the engine owes.
#[derive(Debug, Clone)]
pub(super) struct Owed {
    pub(super) command: u64,
    /// Found in every write of this command and of no other one.
    pub(super) token: Option<String>,
    /// Whether the object is there afterwards, for commands that create or delete it.
    pub(super) present: Option<bool>,
}

/// A call in flight as the promises see it.
#[derive(Debug)]
struct Flight {
    key: Option<Key>,
    until: Instant,
}

/// What one process owes. It is new after every restart.
#[derive(Debug, Default)]
pub(super) struct Process {
    /// Executions in order, per object.
    lanes: HashMap<Key, VecDeque<Owed>>,
    /// Launches whose object is known only when it is created.
    launches: HashMap<u64, usize>,
    names: HashMap<String, u64>,
    /// Deliveries that were not acknowledged, so the engine knows them: packet ids by command.
    pub(super) unacked: HashMap<u64, u16>,
    flights: HashMap<JobId, Flight>,
    pub(super) once: bool,
    pub(super) draining: bool,
    /// Uids that a deletion of ours removed, by command.
    pub(super) killed: HashMap<u64, BTreeSet<String>>,
    first_call: HashMap<u64, Instant>,
    /// Labels that were looked for, with the command where it is known: a launch whose look-up is in flight at a drain may
    /// go on, and a look-up that is refused is its end.
    looked_for: HashMap<String, Option<u64>>,
    /// The command whose message the engine is hearing of.
    pub(super) hearing: Option<u64>,
    not_before: HashMap<Key, Instant>,
    last_good: Option<Instant>,
    /// What was published last on a topic, and when.
    published: HashMap<String, (Vec<u8>, Instant)>,
    /// Topics that may be published again without a change.
    again: bool,
    fresh: HashSet<String>,
}

/// What outlives a process.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Outcomes by command.
    pub(super) finals: BTreeMap<u64, String>,
    /// Commands whose write took effect.
    pub(super) effects: HashSet<u64>,
    /// The last successful value per object.
    pub(super) last: HashMap<Key, Owed>,
    /// The version at which somebody else deleted an object last.
    pub(super) deleted: HashMap<Key, u64>,
    newest: HashMap<String, i64>,
}

const ANSWER: Duration = Duration::from_secs(15);
const DEADLINE: Duration = Duration::from_secs(30);
const SLOW: Duration = Duration::from_secs(2);

impl Process {
    /// The engine owes an execution.
    pub(super) fn owe(&mut self, key: Option<Key>, owed: Owed) {
        match key {
            Some(key) => self.lanes.entry(key).or_default().push_back(owed),
            None => *self.launches.entry(owed.command).or_default() += 1,
        }
    }

    fn owes(&self, command: u64) -> bool {
        let queued = |lane: &VecDeque<Owed>| lane.iter().any(|owed| owed.command == command);
        self.launches.contains_key(&command) || self.lanes.values().any(queued)
    }

    /// Nothing is owed any more.
    pub(super) fn is_settled(&self) -> bool {
        self.launches.is_empty() && self.lanes.values().all(VecDeque::is_empty)
    }

    /// Objects whose front command has called and has no outcome: it may or may not have taken effect.
    pub(super) fn unsure(&self) -> impl Iterator<Item = &Key> {
        let begun = |lane: &VecDeque<Owed>| {
            let front = lane.front();
            front.is_some_and(|owed| self.first_call.contains_key(&owed.command))
        };
        self.lanes
            .iter()
            .filter(move |(_, lane)| begun(lane))
            .map(|(key, _)| key)
    }

    /// The answer to a call is not late.
    pub(super) fn waits_for(&self, job: JobId, now: Instant) -> bool {
        self.flights.get(&job).is_some_and(|flight| flight.until > now)
    }

    /// A launch of an earlier process was found again.
    pub(super) fn found(&mut self, name: &str, payload: &Value) {
        if let Some(command) = command_in(payload) {
            self.names.insert(name.to_owned(), command);
        }
    }

    fn in_flight(&self) -> impl Iterator<Item = &Key> {
        self.flights.values().filter_map(|flight| flight.key.as_ref())
    }

    /// The engine calls. Returns the command on whose behalf.
    pub(super) fn call(
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
    pub(super) fn answer(
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

    pub(super) fn object_seen(&mut self, now: Instant) {
        self.last_good = Some(now);
    }

    /// A result is published.
    pub(super) fn result(
        &mut self,
        publish: &Publish,
        ledger: &mut Ledger,
        now: Instant,
    ) -> Result<(), Broken> {
        let result: Value = serde_json::from_slice(&publish.payload).map_err(|error| error.to_string())?;
        let outcome = result["outcome"].as_str().unwrap_or_default().to_owned();
        if outcome == "retrying" {
            return Ok(());
        }
        let Some(command) = self.command_of(publish, &result) else {
            return Err(format!("a result of nobody knows which command: {result}"));
        };
        if outcome == "gave_up" {
            self.check_given_up(command, now)?;
        }
        self.settle(command, &outcome, &result, ledger)?;
        ledger.finals.insert(command, outcome);
        Ok(())
    }

    fn command_of(&self, publish: &Publish, result: &Value) -> Option<u64> {
        if let Some(data) = &publish.correlation_data {
            return std::str::from_utf8(data).ok()?.parse().ok();
        }
        if let Some(command) = result["object"]["name"]
            .as_str()
            .and_then(|name| self.names.get(name))
        {
            return Some(*command);
        }
        let label = format!("mqttkube/command={}", result["id"].as_str().unwrap_or_default());
        if let Some(Some(command)) = self.looked_for.get(&label) {
            return Some(*command);
        }
        let value = result["value"].to_string();
        let lanes = self.lanes.values().filter_map(VecDeque::front);
        let mut matching = lanes.filter(|owed| {
            owed.token
                .as_ref()
                .is_some_and(|token| value.contains(token.as_str()))
        });
        matching.next().map(|owed| owed.command)
    }

    fn check_given_up(&self, command: u64, now: Instant) -> Result<(), Broken> {
        let Some(first) = self.first_call.get(&command) else {
            return Err(format!("command {command} was given up without a call"));
        };
        if now - *first < DEADLINE {
            return Err(format!("command {command} was given up after {:?}", now - *first));
        }
        if self.last_good.is_none_or(|good| good < *first) {
            return Err(format!(
                "command {command} was given up while the API server was away"
            ));
        }
        Ok(())
    }

    fn settle(
        &mut self,
        command: u64,
        outcome: &str,
        result: &Value,
        ledger: &mut Ledger,
    ) -> Result<(), Broken> {
        if outcome == "applied" && !ledger.effects.contains(&command) {
            return Err(format!(
                "command {command} is reported as applied, but nothing was: {result}"
            ));
        }
        if let Some(count) = self.launches.get_mut(&command) {
            *count -= 1;
            if *count == 0 {
                self.launches.remove(&command);
            }
            return Ok(());
        }
        for (key, lane) in &mut self.lanes {
            if lane.iter().any(|owed| owed.command == command) {
                let front = lane.pop_front().expect("it has the command");
                if front.command != command {
                    return Err(format!(
                        "{key:?}: command {command} ended before command {}",
                        front.command
                    ));
                }
                // The answer can be on its way while somebody deletes what was written.
                let version = result["object"]["resourceVersion"].as_str();
                let version = version.and_then(|version| version.parse().ok());
                let deleted = ledger.deleted.get(key);
                if deleted.is_some_and(|deleted| version.is_some_and(|version: u64| version <= *deleted)) {
                    return Ok(());
                }
                match (outcome, front.present) {
                    // Nothing was there, or a redelivery rightly left a newer object alone.
                    ("unchanged", Some(false)) => drop(ledger.last.remove(key)),
                    ("applied" | "unchanged", _) => drop(ledger.last.insert(key.clone(), front)),
                    _ => {}
                }
                return Ok(());
            }
        }
        Err(format!(
            "command {command} ended twice, or was never to be executed: {result}"
        ))
    }

    /// The engine acknowledges.
    pub(super) fn acknowledged(&mut self, command: u64, resent: bool) -> Result<(), Broken> {
        // Of two executions of a command that was sent anew, either may be the one of this delivery.
        if self.owes(command) && !resent {
            return Err(format!("command {command} is acknowledged before its outcome"));
        }
        self.unacked.remove(&command);
        Ok(())
    }

    /// A connection began.
    pub(super) fn online(&mut self) {
        self.again = true;
        self.fresh.clear();
    }

    /// A state is published.
    pub(super) fn state(
        &mut self,
        publish: &Publish,
        ledger: &mut Ledger,
        now: Instant,
    ) -> Result<(), Broken> {
        let topic = publish.topic.as_str();
        let repeated = self.again && self.fresh.insert(topic.to_owned());
        if let Some((payload, at)) = self.published.get(topic) {
            // A deletion is news even when the value in between was held back.
            let news = repeated || publish.purpose == Purpose::Clear;
            if *payload == publish.payload && !news {
                return Err(format!(
                    "{topic} is published again without a change: {payload:?}"
                ));
            }
            let early = topic == "web/slow" && publish.purpose == Purpose::State && now - *at < SLOW;
            if early && !repeated && !payload.is_empty() && !self.draining {
                return Err(format!(
                    "{topic} is published {:?} after the last time",
                    now - *at
                ));
            }
        }
        self.published
            .insert(topic.to_owned(), (publish.payload.to_vec(), now));
        let Some(number) = number_in(&publish.payload) else {
            return Ok(());
        };
        let newest = ledger.newest.entry(topic.to_owned()).or_insert(number);
        if number < *newest {
            return Err(format!("{topic}: {number} is published after {newest}"));
        }
        *newest = number;
        Ok(())
    }

    /// What was published last on a topic.
    pub(super) fn last_on(&self, topic: &str) -> Option<&[u8]> {
        self.published.get(topic).map(|(payload, _)| payload.as_slice())
    }
}

/// The number of a command, as number or text.
pub(super) fn command_in(payload: &Value) -> Option<u64> {
    let text = payload.as_str().and_then(|text| text.parse().ok());
    text.or_else(|| payload.as_u64())
}

/// The counter in a state: the payload itself, or its member `n`.
pub(super) fn number_in(payload: &[u8]) -> Option<i64> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    value.as_i64().or_else(|| value["n"].as_i64())
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
