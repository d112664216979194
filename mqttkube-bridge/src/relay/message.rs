//! A message on its way from one broker to the other.

use std::fmt;

use bytes::Bytes;
use mqttkube_mqtt::{Publish, QoS, Received};
use serde::{Deserialize, Serialize};

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// From the local broker to the cloud.
    Out,
    /// From the cloud to the local broker.
    In,
}

impl Lane {
    /// Both, in this order everywhere.
    pub const ALL: [Self; 2] = [Self::Out, Self::In];

    /// `out` or `in`, as in a rule.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

/// A message under the name that it will have at its destination.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The topic at the destination.
    pub topic: String,
    /// The bytes of the publisher.
    pub payload: Bytes,
    /// 0 or 1: what the rule allows of what the publisher chose.
    pub qos: u8,
    /// The retain flag, as far as the destination knows it.
    pub retain: bool,
    /// Everything else that MQTT 5 carries along.
    pub properties: Properties,
}

impl fmt::Debug for Message {
    /// Shows the payload's length, not its content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .finish_non_exhaustive()
    }
}

/// The properties of MQTT 5 (section 3.3.2.3) that are end to end. Topic aliases and subscription identifiers belong to
/// one connection and are never carried over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Properties {
    /// Where an answer is expected, under its name at the destination.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response_topic: Option<String>,
    /// What an answer must carry.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub correlation_data: Option<Vec<u8>>,
    /// Name and value pairs, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub user: Vec<(String, String)>,
    /// Seconds left to live at the time of arrival.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expiry: Option<u32>,
    /// MIME type of the payload.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_type: Option<String>,
    /// The payload is declared to be UTF-8 text.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub text: bool,
}

/// The user property that counts the bridges which a message has crossed.
pub const HOPS: &str = "mqttkube-hops";

/// A message that has crossed as many bridges as this is going round in a circle.
pub const MOST_HOPS: u32 = 4;

impl Message {
    /// A message at QoS 1, not retained, without properties.
    #[must_use]
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            qos: 1,
            retain: false,
            properties: Properties::default(),
        }
    }

    /// What arrived, renamed. The topic for answers is renamed by `answer`, which knows the rules of the way back; where
    /// it has no name for it, it is left out, because an answer there would get lost.
    #[must_use]
    pub fn carry(received: Received, topic: String, qos: u8, retain: bool, answer: Option<String>) -> Self {
        let properties = Properties {
            response_topic: answer,
            correlation_data: received.correlation_data.map(|data| data.to_vec()),
            user: received.user_properties,
            expiry: received.message_expiry,
            content_type: received.content_type,
            text: received.payload_is_text,
        };
        Self {
            topic,
            payload: received.payload,
            qos,
            retain,
            properties,
        }
    }

    /// Counts one more bridge; `None` when the message goes round in a circle.
    #[must_use]
    pub fn hop(mut self) -> Option<Self> {
        let user = &mut self.properties.user;
        let before = user
            .iter()
            .find(|(name, _)| name == HOPS)
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(0u32);
        if before >= MOST_HOPS {
            return None;
        }
        user.retain(|(name, _)| name != HOPS);
        user.push((HOPS.to_owned(), (before + 1).to_string()));
        Some(self)
    }

    /// The message after `waited` seconds here; `None` when its life is over.
    #[must_use]
    pub fn aged(mut self, waited: u64) -> Option<Self> {
        if let Some(left) = &mut self.properties.expiry {
            *left = u32::try_from(u64::from(*left).checked_sub(waited)?)
                .ok()
                .filter(|left| *left > 0)?;
        }
        Some(self)
    }

    /// What it takes in a store or queue, in bytes: topic, payload and every property, with 64 for what else there is.
    #[must_use]
    pub fn weight(&self) -> u64 {
        weight(&self.topic, &self.payload, &self.properties)
    }

    /// As the session takes it.
    #[must_use]
    pub fn into_publish(self) -> Publish {
        let mut publish = Publish::new(self.topic, self.payload);
        publish.qos = if self.qos == 0 {
            QoS::AtMostOnce
        } else {
            QoS::AtLeastOnce
        };
        publish.retain = self.retain;
        publish.response_topic = self.properties.response_topic;
        publish.correlation_data = self.properties.correlation_data.map(Bytes::from);
        publish.user_properties = self.properties.user;
        publish.message_expiry = self.properties.expiry;
        publish.content_type = self.properties.content_type;
        publish.payload_is_text = self.properties.text;
        publish
    }
}

/// What the parts of a message take together.
pub(super) fn weight(topic: &str, payload: &[u8], properties: &Properties) -> u64 {
    const OVERHEAD: usize = 64;
    let user: usize = properties
        .user
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let texts = [&properties.response_topic, &properties.content_type];
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    let correlation = properties.correlation_data.as_ref().map_or(0, Vec::len);
    (topic.len() + payload.len() + user + texts + correlation + OVERHEAD) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_message_has_its_weight() {
        let plain = Message::new("t", "");
        let with = |properties| Message {
            properties,
            ..plain.clone()
        };
        let long = || Some("x".repeat(1_000));
        let heavy = [
            with(Properties {
                response_topic: long(),
                ..Properties::default()
            }),
            with(Properties {
                correlation_data: long().map(String::into_bytes),
                ..Properties::default()
            }),
            with(Properties {
                content_type: long(),
                ..Properties::default()
            }),
            with(Properties {
                user: vec![(String::new(), "x".repeat(1_000))],
                ..Properties::default()
            }),
            Message::new("t", "x".repeat(1_000)),
            Message::new("x".repeat(1_001), ""),
        ];
        for message in heavy {
            let more = message.weight() - plain.weight();
            assert_eq!(more, 1_000, "{message:?} {:?}", message.properties);
        }
    }
}
