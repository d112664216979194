//! The end of a schedule: everything works again, and in the end everything is as it should be.

use std::time::Duration;

use mqttkube_core::event::Event;

use super::check::{Broken, number_in};
use super::plan::WATCHED;
use super::world::World;

/// Rounds until everything must be quiet.
const ROUNDS: usize = 2_000;

impl World {
    /// Heals everything, waits until nothing moves, and looks at what became of it.
    pub(super) fn settle(&mut self) -> Result<(), Broken> {
        self.away = false;
        self.reconnect()?;
        for _ in 0..ROUNDS {
            if self.is_quiet() {
                return self.verify();
            }
            self.round()?;
        }
        Err(format!("nothing comes to an end: {:?}", self.engine.status()))
    }

    fn reconnect(&mut self) -> Result<(), Broken> {
        self.broker.cut();
        self.tell(Event::Offline)?;
        self.connect()
    }

    fn is_quiet(&self) -> bool {
        self.engine.is_idle() && self.broker.is_quiet() && !self.has_calls() && !self.api.has_changes()
    }

    fn round(&mut self) -> Result<(), Broken> {
        for _ in 0..8 {
            self.deliver()?;
        }
        for watch in 0..WATCHED.len() {
            while self.show(watch)? {}
        }
        self.answer_all()?;
        if let Some(due) = self.engine.next_deadline().filter(|_| !self.has_calls()) {
            self.now = self.now.max(due);
            self.tell(Event::Tick)?;
        } else {
            self.now += Duration::from_millis(1);
        }
        Ok(())
    }

    fn verify(&self) -> Result<(), Broken> {
        self.verify_commands()?;
        self.verify_values()?;
        self.verify_launches()?;
        self.verify_states()
    }

    fn verify_commands(&self) -> Result<(), Broken> {
        let status = self.engine.status().commands;
        if status.running + status.unacknowledged + status.in_flight + status.objects > 0 {
            return Err(format!("something is left over: {status:?}"));
        }
        if !self.process.is_settled() {
            return Err("the engine rests, and commands have no outcome".to_owned());
        }
        let lost = self
            .accepted
            .iter()
            .find(|command| !self.ledger.finals.contains_key(command));
        lost.map_or(Ok(()), |command| Err(format!("command {command} is lost")))
    }

    /// The last command that succeeded is what is there.
    fn verify_values(&self) -> Result<(), Broken> {
        for ((kind, name), owed) in &self.ledger.last {
            let object = self.api.object(kind, name);
            if let Some(present) = owed.present
                && object.is_some() != present
            {
                return Err(format!(
                    "{name} is there: {}; command {} wanted {present}",
                    !present, owed.command
                ));
            }
            let text = object.map(ToString::to_string).unwrap_or_default();
            if let Some(token) = &owed.token
                && !text.contains(token.as_str())
            {
                return Err(format!(
                    "{name} has not the value of command {}: {text}",
                    owed.command
                ));
            }
        }
        Ok(())
    }

    /// One object for each command, unless the broker itself sent the command anew.
    fn verify_launches(&self) -> Result<(), Broken> {
        for (command, names) in &self.api.created {
            if names.len() > 1 && !self.was_resent(*command) {
                return Err(format!("command {command} created several objects: {names:?}"));
            }
        }
        Ok(())
    }

    /// What is retained is what is there, and nothing else.
    fn verify_states(&self) -> Result<(), Broken> {
        let mut expected = Vec::new();
        for ((kind, name), object) in self.api.objects() {
            let topic = match kind.as_str() {
                "Deployment" => "web/n".to_owned(),
                "StatefulSet" => "db/status".to_owned(),
                "Pod" => format!("pods/{name}"),
                _ => continue,
            };
            expected.push((topic, object["status"]["n"].as_i64()));
        }
        expected.sort();
        let retained = self.broker.retained().iter();
        let mut found: Vec<_> = retained
            .map(|(topic, payload)| (topic.clone(), number_in(payload)))
            .collect();
        found.sort();
        if found != expected {
            return Err(format!("retained is {found:?}, and it should be {expected:?}"));
        }
        let slow = self.process.last_on("web/slow").and_then(number_in);
        let web = self
            .api
            .object("Deployment", "web")
            .and_then(|object| object["status"]["n"].as_i64());
        if slow != web {
            return Err(format!("web/slow says {slow:?} and the object {web:?}"));
        }
        Ok(())
    }
}
