//! Links that are cut, a broker that is killed, and a process that ends.

use std::sync::Arc;

use mqttkube_core::engine::Engine;
use mqttkube_core::event::Event;

use super::World;
use crate::simulation::check::{Broken, Process};
use crate::simulation::plan::WATCHED;

impl World {
    pub(super) fn link(&mut self) -> Result<(), Broken> {
        if !self.broker.is_linked() {
            return self.connect();
        }
        match self.rng.below(10) {
            0..3 => {
                self.broker.break_silently();
                Ok(())
            }
            3..8 => self.cut(),
            _ => {
                self.forget_session();
                self.cut()
            }
        }
    }

    pub(in crate::simulation) fn connect(&mut self) -> Result<(), Broken> {
        let (epoch, resumed) = self.broker.connect();
        if !resumed {
            self.process.unacked.clear();
            self.send_retained();
        }
        self.process.online();
        self.tell(Event::Online { epoch, resumed })?;
        let topics = self.broker.retained().keys();
        let pods: Vec<String> = topics
            .filter(|topic| topic.starts_with("pods/"))
            .cloned()
            .collect();
        for topic in pods {
            self.tell(Event::RetainedSeen { topic })?;
        }
        Ok(())
    }

    /// A new subscription brings what is retained.
    fn send_retained(&mut self) {
        self.sent_retained += 2;
        self.broker
            .send_retained(self.sent_retained, "web/replicas", "77");
        self.broker
            .send_retained(self.sent_retained + 1, "db/once", "keep");
    }

    fn cut(&mut self) -> Result<(), Broken> {
        self.broker.cut();
        self.tell(Event::Offline)
    }

    fn forget_session(&mut self) {
        for command in self.broker.lose_session() {
            self.accepted.remove(&command);
        }
    }

    pub(super) fn kill_broker(&mut self) -> Result<(), Broken> {
        for command in self.broker.kill() {
            self.accepted.remove(&command);
        }
        // Old messages come back, some of them as if they had never been sent.
        self.resent.extend(self.broker.held());
        self.tell(Event::Offline)
    }

    /// The process ends, in one way or the other, and a new one starts.
    pub(super) fn restart(&mut self) -> Result<(), Broken> {
        if self.rng.chance(50) {
            self.process.draining = true;
            self.tell(Event::Drain)?;
            while self.has_calls() {
                self.answer_all()?;
            }
        }
        for key in self.process.unsure() {
            self.ledger.last.remove(key);
        }
        self.broker.cut();
        (self.calls, self.ghosts) = (Vec::new(), Vec::new());
        self.process = Process::default();
        self.engine = Engine::new(Arc::clone(&self.plan));
        for kind in WATCHED {
            self.api.relist(kind);
        }
        Ok(())
    }
}
