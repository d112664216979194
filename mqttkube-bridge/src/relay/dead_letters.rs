//! Messages that nobody takes.

use mqttkube_mqtt::{Client, Publish};

use super::Message;
use super::counters::{Counters, Dropped};

/// Where messages go that their destination refuses for good.
#[derive(Clone, Debug)]
pub(super) struct DeadLetters {
    pub(super) local: Client,
    pub(super) topic: Option<String>,
}

impl DeadLetters {
    /// Publishes the message at the local broker, with the reason and its topic as user properties. What is on its way
    /// to the dead-letter topic is counted as dropped already: it must never hold up the rest.
    pub(super) fn bury(&self, counters: &Counters, rule: Option<usize>, message: Message, reason: &str) {
        counters.dropped(rule, Dropped::Poison);
        tracing::warn!(topic = message.topic, reason, "a message is refused for good");
        let Some(topic) = &self.topic else { return };
        let mut letter = Publish::new(topic.clone(), message.payload.clone());
        letter.user_properties = message.properties.user;
        letter
            .user_properties
            .push(("mqttkube-topic".to_owned(), message.topic));
        letter
            .user_properties
            .push(("mqttkube-reason".to_owned(), reason.to_owned()));
        if let Err(error) = self.local.try_publish(letter) {
            tracing::warn!(%error, "the dead letter could not be published");
        }
    }
}
