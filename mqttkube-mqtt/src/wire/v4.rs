//! MQTT 3.1.1, whose protocol level is 4.

use bytes::{Bytes, BytesMut};
use rumqttc::{self as mqtt, Error};

use super::{
    Codec, Connect, DecodeError, Delivery, EncodeError, Incoming, Outgoing, Refusal, Welcome, words,
};
use crate::message::{Publish, QoS};

pub(super) struct V4;

impl Codec for V4 {
    fn encode(packet: &Outgoing<'_>, limit: usize, out: &mut BytesMut) -> Result<(), EncodeError> {
        match to_packet(packet).write(out, limit) {
            Ok(_) => Ok(()),
            Err(Error::OutgoingPacketTooLarge { pkt_size, .. }) => {
                Err(EncodeError::TooLarge { size: pkt_size })
            }
            Err(other) => Err(EncodeError::Refused(other.to_string())),
        }
    }

    fn decode(mut frame: BytesMut) -> Result<Option<Incoming>, DecodeError> {
        match mqtt::Packet::read(&mut frame, usize::MAX) {
            Ok(packet) => Ok(from_packet(packet)),
            Err(error) => Err(DecodeError::Malformed(error.to_string())),
        }
    }
}

fn to_packet(packet: &Outgoing<'_>) -> mqtt::Packet {
    match packet {
        Outgoing::Connect(connect) => mqtt::Packet::Connect(to_connect(connect)),
        Outgoing::Publish {
            publish,
            packet_id,
            dup,
        } => mqtt::Packet::Publish(to_publish(publish, *packet_id, *dup)),
        Outgoing::Ack(ack) if ack.qos == QoS::ExactlyOnce => {
            mqtt::Packet::PubRec(mqtt::PubRec::new(ack.packet_id))
        }
        Outgoing::Ack(ack) => mqtt::Packet::PubAck(mqtt::PubAck::new(ack.packet_id)),
        Outgoing::PubRel(packet_id) => mqtt::Packet::PubRel(mqtt::PubRel::new(*packet_id)),
        Outgoing::PubComp(packet_id) => mqtt::Packet::PubComp(mqtt::PubComp::new(*packet_id)),
        Outgoing::Subscribe {
            subscription,
            packet_id,
            ..
        } => {
            let mut subscribe = mqtt::Subscribe::new(
                &subscription.filter,
                to_qos(subscription.qos.min(QoS::AtLeastOnce)),
            );
            subscribe.pkid = *packet_id;
            mqtt::Packet::Subscribe(subscribe)
        }
        Outgoing::Unsubscribe { filter, packet_id } => {
            let mut unsubscribe = mqtt::Unsubscribe::new(*filter);
            unsubscribe.pkid = *packet_id;
            mqtt::Packet::Unsubscribe(unsubscribe)
        }
        Outgoing::Ping => mqtt::Packet::PingReq,
        Outgoing::Disconnect => mqtt::Packet::Disconnect,
    }
}

fn to_connect(connect: &Connect) -> mqtt::Connect {
    let mut packet = mqtt::Connect::new(&connect.client_id);
    packet.keep_alive = connect.keep_alive;
    packet.clean_session = connect.clean;
    packet.last_will = connect.will.as_ref().map(|will| mqtt::LastWill {
        topic: will.topic.clone(),
        message: will.payload.clone(),
        qos: mqtt::QoS::AtLeastOnce,
        retain: true,
    });
    if !connect.username.is_empty() || !connect.password.is_empty() {
        packet.set_login(&connect.username, connect.password.as_str());
    }
    packet
}

fn to_publish(publish: &Publish, packet_id: u16, dup: bool) -> mqtt::Publish {
    let mut packet = mqtt::Publish::from_bytes(&publish.topic, to_qos(publish.qos), publish.payload.clone());
    packet.pkid = packet_id;
    packet.retain = publish.retain;
    packet.dup = dup;
    packet
}

fn from_packet(packet: mqtt::Packet) -> Option<Incoming> {
    Some(match packet {
        mqtt::Packet::ConnAck(connack) => from_connack(&connack),
        mqtt::Packet::Publish(publish) => Incoming::Publish(Box::new(from_publish(publish))),
        mqtt::Packet::PubAck(ack) => Incoming::PubAck(ack.pkid, Ok(())),
        mqtt::Packet::PubRec(ack) => Incoming::PubRec(ack.pkid, Ok(())),
        mqtt::Packet::PubComp(ack) => Incoming::PubComp(ack.pkid),
        mqtt::Packet::PubRel(release) => Incoming::PubRel(release.pkid),
        mqtt::Packet::SubAck(suback) => {
            let results = suback.return_codes.iter().map(|code| match code {
                mqtt::SubscribeReasonCode::Success(qos) => Ok(from_qos(*qos)),
                mqtt::SubscribeReasonCode::Failure => Err("failure".to_owned()),
            });
            Incoming::SubAck(suback.pkid, results.collect())
        }
        mqtt::Packet::UnsubAck(_) => Incoming::UnsubAck,
        mqtt::Packet::PingResp => Incoming::Pong,
        mqtt::Packet::Connect(_)
        | mqtt::Packet::Disconnect
        | mqtt::Packet::PingReq
        | mqtt::Packet::Subscribe(_)
        | mqtt::Packet::Unsubscribe(_) => return None,
    })
}

fn from_connack(connack: &mqtt::ConnAck) -> Incoming {
    if connack.code != mqtt::ConnectReturnCode::Success {
        let version = connack.code == mqtt::ConnectReturnCode::RefusedProtocolVersion;
        return Incoming::Refused(Refusal {
            reason: words(connack.code),
            version,
            login: matches!(
                connack.code,
                mqtt::ConnectReturnCode::BadUserNamePassword | mqtt::ConnectReturnCode::NotAuthorized
            ),
        });
    }
    Incoming::Welcome(Welcome {
        session_present: connack.session_present,
        receive_maximum: u16::MAX,
        max_packet: usize::MAX,
        max_qos: QoS::ExactlyOnce,
        retain: true,
        subscription_ids: false,
        keep_alive: None,
    })
}

fn from_publish(publish: mqtt::Publish) -> Delivery {
    Delivery {
        topic: Bytes::from(publish.topic),
        payload: publish.payload,
        qos: from_qos(publish.qos),
        retain: publish.retain,
        dup: publish.dup,
        packet_id: publish.pkid,
        subscription_ids: Vec::new(),
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
        message_expiry: None,
        content_type: None,
        payload_is_text: false,
    }
}

fn to_qos(qos: QoS) -> mqtt::QoS {
    match qos {
        QoS::AtMostOnce => mqtt::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqtt::QoS::AtLeastOnce,
        QoS::ExactlyOnce => mqtt::QoS::ExactlyOnce,
    }
}

fn from_qos(qos: mqtt::QoS) -> QoS {
    match qos {
        mqtt::QoS::AtMostOnce => QoS::AtMostOnce,
        mqtt::QoS::AtLeastOnce => QoS::AtLeastOnce,
        mqtt::QoS::ExactlyOnce => QoS::ExactlyOnce,
    }
}
