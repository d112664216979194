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
    /// to the dead-letter topic is counted as dropped already: it must never hold up the rest. A letter for which there
    /// is no room is lost, which is counted.
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
            counters.letter_lost();
            tracing::warn!(%error, "the dead letter could not be published");
        }
    }
}

#[cfg(test)]
mod tests {
    use mqttkube_mqtt::{Options, connect};

    use super::*;

    /// Nobody listens on port 1, so that the one place of the outbox stays taken.
    #[tokio::test]
    async fn a_letter_without_room_is_counted() {
        let options = Options::builder("127.0.0.1", "bridge").port(1).outbox(1);
        let (local, _events) = connect(options.build().expect("they are good"));
        let letters = DeadLetters {
            local,
            topic: Some("dead".to_owned()),
        };
        let counters = Counters::new(Vec::new());
        for lost in 0..3 {
            letters.bury(&counters, None, Message::new("t", "p"), "it is refused");
            let status = counters.status();
            assert_eq!(
                (status.letters_lost, status.dropped_for("poison")),
                (lost, lost + 1)
            );
        }
    }
}
