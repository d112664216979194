//! Outcomes: one for each execution, in order, true, and given up only by the rule; acknowledgements after them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mqttkube_core::event::Publish;
use serde_json::Value;

use super::{Broken, Ledger, Process};

/// How long a command is tried, by the plan.
const DEADLINE: Duration = Duration::from_secs(30);

impl Process {
    /// A result is published.
    pub(in crate::simulation) fn result(
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
    pub(in crate::simulation) fn acknowledged(&mut self, command: u64, resent: bool) -> Result<(), Broken> {
        // Of two executions of a command that was sent anew, either may be the one of this delivery.
        if self.owes(command) && !resent {
            return Err(format!("command {command} is acknowledged before its outcome"));
        }
        self.unacked.remove(&command);
        Ok(())
    }
}
