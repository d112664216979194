//! Messages as a test sees them.

use bytes::Bytes;
use mqtt5::packet::publish::PublishPacket;
use mqtt5::{Properties, PropertyId, PropertyValue, QoS};

/// A message that a probe received or publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The topic name.
    pub topic: String,
    /// The payload.
    pub payload: Bytes,
    /// 0, 1 or 2.
    pub qos: u8,
    /// The retain flag.
    pub retain: bool,
    /// The DUP flag; of received messages only.
    pub dup: bool,
    /// The packet identifier; of received messages only.
    pub packet_id: Option<u16>,
    /// Where an answer is expected.
    pub response_topic: Option<String>,
    /// What the answer repeats.
    pub correlation_data: Option<Bytes>,
    /// The user properties in their order.
    pub user_properties: Vec<(String, String)>,
    /// The identifiers of the subscriptions that it is for; of received messages only.
    pub subscription_ids: Vec<u32>,
    /// Seconds until it expires.
    pub expiry: Option<u32>,
}

impl Message {
    /// A message with QoS 1.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            qos: 1,
            ..Self::default()
        }
    }

    /// The same message, retained.
    #[must_use]
    pub fn retained(mut self) -> Self {
        self.retain = true;
        self
    }

    /// The payload as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    pub(crate) fn packet(&self, id: u16) -> PublishPacket {
        let mut packet = PublishPacket::new(self.topic.as_str(), self.payload.clone(), QoS::from(self.qos));
        packet = packet.with_packet_id(id).with_retain(self.retain);
        if let Some(topic) = &self.response_topic {
            packet = packet.with_response_topic(topic.clone());
        }
        if let Some(data) = &self.correlation_data {
            packet = packet.with_correlation_data(data.to_vec());
        }
        if let Some(seconds) = self.expiry {
            packet = packet.with_message_expiry_interval(seconds);
        }
        for (name, value) in &self.user_properties {
            packet = packet.with_user_property(name.clone(), value.clone());
        }
        packet
    }
}

impl From<PublishPacket> for Message {
    fn from(packet: PublishPacket) -> Self {
        let properties = &packet.properties;
        Self {
            response_topic: text(properties, PropertyId::ResponseTopic),
            correlation_data: match properties.get(PropertyId::CorrelationData) {
                Some(PropertyValue::BinaryData(data)) => Some(data.clone()),
                _ => None,
            },
            user_properties: user_properties(properties),
            subscription_ids: properties.subscription_identifiers(),
            expiry: properties.get_message_expiry_interval(),
            topic: packet.topic_name,
            payload: packet.payload,
            qos: packet.qos.into(),
            retain: packet.retain,
            dup: packet.dup,
            packet_id: packet.packet_id,
        }
    }
}

fn text(properties: &Properties, id: PropertyId) -> Option<String> {
    match properties.get(id) {
        Some(PropertyValue::Utf8String(text)) => Some(text.clone()),
        _ => None,
    }
}

fn user_properties(properties: &Properties) -> Vec<(String, String)> {
    let values = properties.get_all(PropertyId::UserProperty).unwrap_or_default();
    let pair = |value: &PropertyValue| match value {
        PropertyValue::Utf8StringPair(name, value) => Some((name.clone(), value.clone())),
        _ => None,
    };
    values.iter().filter_map(pair).collect()
}
