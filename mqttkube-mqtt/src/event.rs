//! What a session tells its owner.

use std::fmt;

use bytes::Bytes;

use crate::message::QoS;

/// The two protocols that a session can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Version {
    /// MQTT 5.0.
    #[default]
    V5,
    /// MQTT 3.1.1.
    V311,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V5 => "5",
            Self::V311 => "3.1.1",
        })
    }
}

/// Something happened on the session.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The broker accepted the connection. Subscriptions are being made again; nothing has to be done about that.
    Online {
        /// Counts the connections, from 1. Acknowledgements of an earlier epoch have no effect.
        epoch: u64,
        /// The broker kept the session: what it held for us will come. Otherwise publish state again.
        session_present: bool,
        /// The protocol in use.
        version: Version,
        /// Deliveries carry subscription identifiers. Without them dispatch by topic.
        subscription_ids: bool,
    },
    /// The connection ended, or an attempt failed for another reason than the one before. The session goes on by itself.
    Offline {
        /// Why, in words; holds no secret.
        reason: String,
        /// Another client with the same id took the session over. The next attempt waits for a minute.
        kicked: bool,
    },
    /// A message arrived.
    Message(Received),
    /// The broker answered a subscription; again after every connection.
    Subscribed {
        /// The filter.
        filter: String,
        /// The level granted, or the broker's reason in words.
        result: Result<QoS, String>,
    },
    /// Something an operator should know; the session goes on.
    Warning(Warning),
}

/// What an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The broker speaks MQTT 3.1.1 only; the session goes on with it.
    FellBackTo311,
    /// A message above the payload limit was dropped and acknowledged.
    TooLarge {
        /// Its topic.
        topic: String,
        /// Bytes of its payload.
        size: usize,
    },
    /// Messages at QoS 0 came faster than they were taken, and this one was dropped.
    Overrun {
        /// Its topic.
        topic: String,
    },
    /// A message whose topic is not UTF-8 was dropped and acknowledged.
    BadTopic,
    /// TLS files could not be read again; the ones read before stay in use.
    StaleTls {
        /// Why.
        reason: String,
    },
    /// Credentials could not be read again; the ones read before are used once more.
    StaleCredentials {
        /// Why.
        reason: String,
    },
    /// The broker's certificate is not checked against its host name.
    HostnameNotVerified,
    /// The connection could not be replaced by one with a new login; the old one goes on, and it is tried again.
    NotRenewed {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FellBackTo311 => f.write_str("the broker does not speak MQTT 5, going on with 3.1.1"),
            Self::TooLarge { topic, size } => {
                write!(
                    f,
                    "dropped a message of {size} bytes on {topic:?}, it is above the payload limit"
                )
            }
            Self::Overrun { topic } => {
                write!(
                    f,
                    "dropped a QoS 0 message on {topic:?}, messages come faster than they are taken"
                )
            }
            Self::BadTopic => f.write_str("dropped a message whose topic is not UTF-8"),
            Self::StaleTls { reason } => write!(f, "TLS files were not read again: {reason}"),
            Self::StaleCredentials { reason } => write!(f, "credentials were not read again: {reason}"),
            Self::NotRenewed { reason } => {
                write!(f, "the connection goes on with its old credentials: {reason}")
            }
            Self::HostnameNotVerified => {
                f.write_str("the broker's certificate is not checked against its host name")
            }
        }
    }
}

/// A message from the broker.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// Topic name.
    pub topic: String,
    /// The content, at most `max-payload` bytes.
    pub payload: Bytes,
    /// Level of this delivery.
    pub qos: QoS,
    /// It was retained by the broker before the subscription.
    pub retain: bool,
    /// The broker sent it before and got no acknowledgement. Not every broker says so.
    pub dup: bool,
    /// Identifier of the delivery within the session; 0 at QoS 0.
    pub packet_id: u16,
    /// Identifiers of the subscriptions that it was delivered for; empty on 3.1.1.
    pub subscription_ids: Vec<u32>,
    /// Where an answer is expected; MQTT 5 only.
    pub response_topic: Option<String>,
    /// What the answer must carry; MQTT 5 only.
    pub correlation_data: Option<Bytes>,
    /// Name and value pairs; MQTT 5 only.
    pub user_properties: Vec<(String, String)>,
    /// Seconds that it had left to live when the broker sent it; MQTT 5 only.
    pub message_expiry: Option<u32>,
    /// MIME type of the payload; MQTT 5 only.
    pub content_type: Option<String>,
    /// The sender declared the payload to be UTF-8 text; MQTT 5 only.
    pub payload_is_text: bool,
    /// Hand it to [`Client::ack`](crate::Client::ack) when the work is done.
    pub token: AckToken,
}

impl Received {
    /// The bytes that it holds in memory, roughly.
    pub(crate) fn weight(&self) -> usize {
        self.topic.len() + self.payload.len() + 256
    }
}

impl fmt::Debug for Received {
    /// Shows the payload's length, not its content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("topic", &self.topic)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("dup", &self.dup)
            .field("packet_id", &self.packet_id)
            .field("subscription_ids", &self.subscription_ids)
            .finish_non_exhaustive()
    }
}

/// The right to acknowledge one delivery. Worth nothing after the connection on which it came: the broker then sends
/// the message again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AckToken {
    pub(crate) epoch: u64,
    /// Position among the deliveries of the epoch; none for QoS 0, which needs no acknowledgement.
    pub(crate) sequence: Option<u64>,
}

impl AckToken {
    /// The connection on which the message came, as in [`Event::Online`].
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}
