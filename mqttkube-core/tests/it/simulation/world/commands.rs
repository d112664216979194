//! Commands: sent, delivered, delivered again, and what the engine owes for each.

use mqttkube_core::event::{Event, Message};

use super::World;
use crate::simulation::check::{Broken, Owed};

impl World {
    pub(super) fn publish(&mut self) {
        self.commands += 1;
        let command = self.commands;
        let (topic, payload) = match self.rng.below(12) {
            0..3 => ("web/replicas", command.to_string()),
            3..5 => ("web/image", format!("image-{command}")),
            5 => ("db/size", command.to_string()),
            6..8 => ("db/limits", format!("{{\"cpu\":{command}}}")),
            8 => ("task/run", "RUN".to_owned()),
            9 => ("task/run", "STOP".to_owned()),
            10 => ("job/run", command.to_string()),
            _ => ("web/replicas", "no number".to_owned()),
        };
        // Without correlation data a result is recognised by its value, which these do not have.
        let anonymous = matches!(payload.as_str(), "RUN" | "STOP" | "no number");
        let correlated = anonymous || self.rng.chance(70);
        if self.broker.accept(command, topic, payload, correlated) {
            self.accepted.insert(command);
        }
    }

    pub(in crate::simulation) fn deliver(&mut self) -> Result<(), Broken> {
        match self.broker.deliver(self.wall()) {
            Some((message, command)) => self.hand_over(message, command),
            None => Ok(()),
        }
    }

    pub(super) fn repeat(&mut self) -> Result<(), Broken> {
        match self.broker.repeat(self.wall()) {
            Some((message, command)) => self.hand_over(message, command),
            None => Ok(()),
        }
    }

    fn hand_over(&mut self, message: Message, command: u64) -> Result<(), Broken> {
        let packet_id = message.packet_id.expect("everything is at QoS 1");
        let known = self.process.unacked.insert(command, packet_id) == Some(packet_id);
        if !known && !self.process.draining {
            self.owe(&message, command);
        }
        self.process.hearing = Some(command);
        let told = self.tell(Event::Message(message));
        self.process.hearing = None;
        told
    }

    /// What the engine owes for a message that is new to it.
    fn owe(&mut self, message: &Message, command: u64) {
        let payload = String::from_utf8_lossy(&message.payload).into_owned();
        let number = || Some(command.to_string());
        let (kind, name, token) = match message.topic.as_str() {
            _ if message.retain && message.topic != "db/once" => return,
            "db/once" if std::mem::replace(&mut self.process.once, true) => return,
            "db/once" => ("StatefulSet", "db", Some(payload)),
            "web/replicas" if payload == "no number" => return self.owe_alone(command),
            "web/replicas" | "web/image" => ("Deployment", "web", number()),
            "db/size" | "db/limits" => ("StatefulSet", "db", number()),
            "task/run" => ("Job", "task", None),
            _ => return self.owe_alone(command),
        };
        let present = (kind == "Job").then(|| &message.payload[..] == b"RUN");
        let key = (kind.to_owned(), name.to_owned());
        self.process.owe(
            Some(key),
            Owed {
                command,
                token,
                present,
            },
        );
    }

    /// An outcome that no other one has to wait for: of a launch under a new name, or of a payload that is no use.
    fn owe_alone(&mut self, command: u64) {
        self.process.owe(
            None,
            Owed {
                command,
                token: None,
                present: None,
            },
        );
    }
}
