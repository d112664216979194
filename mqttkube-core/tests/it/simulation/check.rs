//! The promises, checked against the stream of effects.

mod calls;
mod outcomes;
mod states;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Instant;

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
