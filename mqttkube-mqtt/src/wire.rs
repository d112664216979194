//! Packets as both protocol versions see them, and the codecs that turn them into bytes.
//!
//! The codecs are rumqttc's; this folder is the only place that names it. Everything above is free of the version.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{Buf, Bytes, BytesMut};

use crate::ack_window::Ack;
use crate::event::Version;
use crate::message::{Publish, QoS, Subscription};
use crate::outbox::Refused;

mod v4;
mod v5;

/// The first packet of a connection.
#[derive(Clone)]
pub(crate) struct Connect {
    pub(crate) client_id: String,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) username: String,
    pub(crate) password: zeroize::Zeroizing<String>,
    /// Enhanced authentication: method and data.
    pub(crate) authentication: Option<(String, Bytes)>,
    pub(crate) will: Option<Will>,
    /// Seconds.
    pub(crate) session_expiry: u32,
    pub(crate) receive_maximum: u16,
    pub(crate) max_packet: u32,
    pub(crate) user_properties: Vec<(String, String)>,
}

/// What the broker publishes when the connection is lost.
#[derive(Debug, Clone)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    /// Seconds that the broker waits before it publishes.
    pub(crate) delay: u32,
}

/// What the broker allows on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Welcome {
    pub(crate) session_present: bool,
    pub(crate) receive_maximum: u16,
    pub(crate) max_packet: usize,
    pub(crate) max_qos: QoS,
    pub(crate) retain: bool,
    pub(crate) subscription_ids: bool,
    /// Seconds, where the broker demands another keep-alive than ours; 0 means none.
    pub(crate) keep_alive: Option<u16>,
}

/// A negative or positive answer to a publish.
pub(crate) type Answer = Result<(), (Refused, String)>;

/// Why the broker ends the connection, where it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// Another client has the session (0x8E).
    TakenOver,
    /// There was more unanswered than it allows (0x93).
    Flooded,
    /// A packet was larger than it allows (0x95).
    TooLarge,
    Other,
}

/// A packet from the broker.
#[derive(Debug)]
pub(crate) enum Incoming {
    Welcome(Welcome),
    /// The connection was refused.
    Refused(Refusal),
    Publish(Box<Delivery>),
    PubAck(u16, Answer),
    PubRec(u16, Answer),
    PubComp(u16),
    PubRel(u16),
    SubAck(u16, Vec<Result<QoS, String>>),
    UnsubAck,
    Pong,
    /// The broker ends the connection and says why.
    Disconnect {
        reason: String,
        complaint: Complaint,
    },
}

/// Why the broker refused the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: String,
    /// It does not speak the protocol version.
    pub(crate) version: bool,
    /// It does not accept the login.
    pub(crate) login: bool,
}

/// A PUBLISH from the broker. The topic may be anything.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) topic: Bytes,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) packet_id: u16,
    pub(crate) subscription_ids: Vec<u32>,
    pub(crate) response_topic: Option<String>,
    pub(crate) correlation_data: Option<Bytes>,
    pub(crate) user_properties: Vec<(String, String)>,
    pub(crate) message_expiry: Option<u32>,
    pub(crate) content_type: Option<String>,
    pub(crate) payload_is_text: bool,
}

/// A packet to the broker.
pub(crate) enum Outgoing<'a> {
    Connect(&'a Connect),
    Publish {
        publish: &'a Publish,
        packet_id: u16,
        dup: bool,
    },
    Ack(Ack),
    PubRel(u16),
    PubComp(u16),
    Subscribe {
        subscription: &'a Subscription,
        packet_id: u16,
        with_id: bool,
        again: bool,
    },
    Unsubscribe {
        filter: &'a str,
        packet_id: u16,
    },
    Ping,
    Disconnect,
}

/// A packet could not be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EncodeError {
    /// Larger than the broker accepts.
    TooLarge { size: usize },
    /// The codec refused it.
    Refused(String),
}

/// The bytes from the broker make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("a packet of {size} bytes arrived, the limit is {limit}")]
    TooLarge { size: usize, limit: usize },
    #[error("a malformed packet arrived: {0}")]
    Malformed(String),
    /// An answer in the form of 3.1.1 to a connection attempt with 5.
    #[error("the broker answers in MQTT 3.1.1")]
    OldProtocol,
}

/// One protocol version.
trait Codec {
    /// Appends a packet to `out`, unless it is larger than `limit` bytes.
    fn encode(packet: &Outgoing<'_>, limit: usize, out: &mut BytesMut) -> Result<(), EncodeError>;

    /// Reads exactly one whole packet. None: one that a client has no use for.
    fn decode(frame: BytesMut) -> Result<Option<Incoming>, DecodeError>;
}

/// Appends a packet to `out`, unless it is larger than `limit` bytes.
pub(crate) fn encode(
    version: Version,
    packet: &Outgoing<'_>,
    limit: usize,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let before = out.len();
    let result = match version {
        Version::V5 => v5::V5::encode(packet, limit, out),
        Version::V311 => v4::V4::encode(packet, limit, out),
    };
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// Takes the next whole packet out of `input`. `Ok(None)`: more bytes are needed.
pub(crate) fn decode(
    version: Version,
    limit: usize,
    input: &mut BytesMut,
) -> Result<Option<Incoming>, DecodeError> {
    while let Some(length) = frame_length(input, limit)? {
        // The short PUBACK is most of what comes, and the same in both versions (MQTT 5.0, section 3.4.2).
        if let [0x40, 2, high, low, ..] = input[..] {
            input.advance(4);
            return Ok(Some(Incoming::PubAck(u16::from_be_bytes([high, low]), Ok(()))));
        }
        let frame = input.split_to(length);
        if version == Version::V5 && frame.len() == 4 && frame[0] == 0x20 {
            // A CONNACK without room for properties cannot be MQTT 5; rumqttc would wait for the rest for ever.
            return Err(DecodeError::OldProtocol);
        }
        // The codecs read bytes of a stranger. Should one of them panic, the connection ends, not the program.
        let decoded = catch_unwind(AssertUnwindSafe(|| match version {
            Version::V5 => v5::V5::decode(frame),
            Version::V311 => v4::V4::decode(frame),
        }));
        let packet = decoded.unwrap_or_else(|_| Err(DecodeError::Malformed("the codec gave up".into())))?;
        if packet.is_some() {
            return Ok(packet);
        }
    }
    Ok(None)
}

/// Length of the first packet in `input` with its header, once all of it is there (MQTT 5.0, section 2.1.4).
fn frame_length(input: &BytesMut, limit: usize) -> Result<Option<usize>, DecodeError> {
    let mut remaining = 0_usize;
    for (index, byte) in input.iter().skip(1).take(4).enumerate() {
        remaining |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let size = remaining + index + 2;
            if size > limit {
                return Err(DecodeError::TooLarge { size, limit });
            }
            return Ok((input.len() >= size).then_some(size));
        }
    }
    if input.len() >= 5 {
        return Err(DecodeError::Malformed(
            "its length has more than four bytes".into(),
        ));
    }
    Ok(None)
}

/// The words of a reason: `NotAuthorized` becomes "not authorized".
fn words(reason: impl std::fmt::Debug) -> String {
    let mut text = String::new();
    for character in format!("{reason:?}").chars() {
        if character.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(character.to_lowercase());
    }
    text
}

/// A reason in words, with the broker's own text where it sent one.
fn reason_text(reason: impl std::fmt::Debug, said: Option<&String>) -> String {
    said.map_or_else(|| words(&reason), |said| format!("{} ({said})", words(&reason)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1000;

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic_or_hang(
            head in any::<u8>(),
            mut body in proptest::collection::vec(prop_oneof![any::<u8>(), 0..4_u8], 0..100),
            v5 in any::<bool>(),
        ) {
            let version = if v5 { Version::V5 } else { Version::V311 };
            let mut input = BytesMut::from(&[head, u8::try_from(body.len()).expect("short")][..]);
            input.extend(body.drain(..));
            match decode(version, LIMIT, &mut input) {
                Ok(_) => prop_assert!(input.is_empty(), "a whole packet is always taken"),
                Err(DecodeError::Malformed(reason)) => prop_assert_ne!(reason, "the codec gave up"),
                Err(_) => {}
            }
        }
    }

    #[test]
    fn a_length_of_five_bytes_and_one_above_the_limit_are_refused_before_the_packet_is_there() {
        let mut endless = BytesMut::from(&[0x30, 0x80, 0x80, 0x80, 0x80][..]);
        assert!(matches!(
            decode(Version::V5, LIMIT, &mut endless),
            Err(DecodeError::Malformed(_))
        ));
        let mut large = BytesMut::from(&[0x30, 0xe8, 0x07][..]);
        let refused = decode(Version::V5, LIMIT, &mut large).expect_err("it is above the limit");
        assert_eq!(
            refused,
            DecodeError::TooLarge {
                size: 1003,
                limit: LIMIT
            }
        );
    }

    #[test]
    fn reasons_are_told_in_words() {
        assert_eq!(
            words(rumqttc::v5::mqttbytes::v5::PubAckReason::NotAuthorized),
            "not authorized"
        );
    }
}
