//! MQTT 5.0.

use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes::{self, Error, v5};

use super::{
    Codec, Complaint, Connect, DecodeError, Delivery, EncodeError, Incoming, Outgoing, Refusal, Welcome,
    reason_text,
};
use crate::message::{Publish, QoS, RetainHandling, Subscription};
use crate::outbox::Refused;

pub(super) struct V5;

impl Codec for V5 {
    fn encode(packet: &Outgoing<'_>, limit: usize, out: &mut BytesMut) -> Result<(), EncodeError> {
        let written = match packet {
            // The two that there are many of, without the detour over what holds any packet.
            Outgoing::Publish {
                publish,
                packet_id,
                dup,
            } => {
                let publish = to_publish(publish, *packet_id, *dup);
                let size = publish.size();
                if size > limit {
                    return Err(EncodeError::TooLarge { size });
                }
                publish.write(out)
            }
            Outgoing::Ack(ack) if ack.qos == QoS::AtLeastOnce => {
                v5::PubAck::new(ack.packet_id, None).write(out)
            }
            other => to_packet(other).write(out, Some(u32::try_from(limit).unwrap_or(u32::MAX))),
        };
        match written {
            Ok(_) => Ok(()),
            Err(Error::OutgoingPacketTooLarge { pkt_size, .. }) => Err(EncodeError::TooLarge {
                size: usize::try_from(pkt_size).unwrap_or(usize::MAX),
            }),
            Err(other) => Err(EncodeError::Refused(other.to_string())),
        }
    }

    fn decode(mut frame: BytesMut) -> Result<Option<Incoming>, DecodeError> {
        // A DISCONNECT may leave out its properties, or its reason too (MQTT 5.0, section 3.14.2); rumqttc knows neither.
        match frame[..] {
            [0xe0, 0] => frame = BytesMut::from(&[0xe0, 2, 0, 0][..]),
            [0xe0, 1, reason] => frame = BytesMut::from(&[0xe0, 2, reason, 0][..]),
            _ => {}
        }
        match v5::Packet::read(&mut frame, None) {
            Ok(packet) => Ok(from_packet(packet)),
            Err(error) => Err(DecodeError::Malformed(error.to_string())),
        }
    }
}

fn to_packet(packet: &Outgoing<'_>) -> v5::Packet {
    match packet {
        Outgoing::Connect(connect) => to_connect(connect),
        Outgoing::Publish {
            publish,
            packet_id,
            dup,
        } => v5::Packet::Publish(to_publish(publish, *packet_id, *dup)),
        Outgoing::Ack(ack) if ack.qos == QoS::ExactlyOnce => {
            v5::Packet::PubRec(v5::PubRec::new(ack.packet_id, None))
        }
        Outgoing::Ack(ack) => v5::Packet::PubAck(v5::PubAck::new(ack.packet_id, None)),
        Outgoing::PubRel(packet_id) => v5::Packet::PubRel(v5::PubRel::new(*packet_id, None)),
        Outgoing::PubComp(packet_id) => v5::Packet::PubComp(v5::PubComp::new(*packet_id, None)),
        Outgoing::Subscribe {
            subscription,
            packet_id,
            with_id,
            again,
        } => v5::Packet::Subscribe(to_subscribe(subscription, *packet_id, *with_id, *again)),
        Outgoing::Unsubscribe { filter, packet_id } => v5::Packet::Unsubscribe(v5::Unsubscribe {
            pkid: *packet_id,
            filters: vec![(*filter).to_owned()],
            properties: None,
        }),
        Outgoing::Ping => v5::Packet::PingReq(v5::PingReq),
        Outgoing::Disconnect => {
            v5::Packet::Disconnect(v5::Disconnect::new(v5::DisconnectReasonCode::NormalDisconnection))
        }
    }
}

fn to_connect(connect: &Connect) -> v5::Packet {
    let (authentication_method, authentication_data) = connect
        .authentication
        .clone()
        .map_or((None, None), |(method, data)| (Some(method), Some(data)));
    let properties = v5::ConnectProperties {
        session_expiry_interval: Some(connect.session_expiry),
        receive_maximum: Some(connect.receive_maximum),
        max_packet_size: Some(connect.max_packet),
        topic_alias_max: None,
        request_response_info: None,
        request_problem_info: None,
        user_properties: connect.user_properties.clone(),
        authentication_method,
        authentication_data,
    };
    let will = connect.will.as_ref().map(|will| v5::LastWill {
        topic: Bytes::copy_from_slice(will.topic.as_bytes()),
        message: will.payload.clone(),
        qos: mqttbytes::QoS::AtLeastOnce,
        retain: true,
        properties: Some(v5::LastWillProperties {
            delay_interval: Some(will.delay),
            payload_format_indicator: None,
            message_expiry_interval: None,
            content_type: None,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        }),
    });
    let login = (!connect.username.is_empty() || !connect.password.is_empty()).then(|| v5::Login {
        username: connect.username.clone(),
        password: connect.password.to_string(),
    });
    let packet = v5::Connect {
        keep_alive: connect.keep_alive,
        client_id: connect.client_id.clone(),
        clean_start: connect.clean,
        properties: Some(properties),
    };
    v5::Packet::Connect(packet, will, login)
}

fn to_publish(publish: &Publish, packet_id: u16, dup: bool) -> v5::Publish {
    let properties = v5::PublishProperties {
        payload_format_indicator: publish.payload_is_text.then_some(1),
        message_expiry_interval: publish.message_expiry,
        topic_alias: None,
        response_topic: publish.response_topic.clone(),
        correlation_data: publish.correlation_data.clone(),
        user_properties: publish.user_properties.clone(),
        subscription_identifiers: Vec::new(),
        content_type: publish.content_type.clone(),
    };
    v5::Publish {
        dup,
        qos: to_qos(publish.qos),
        retain: publish.retain,
        topic: Bytes::copy_from_slice(publish.topic.as_bytes()),
        pkid: packet_id,
        payload: publish.payload.clone(),
        properties: Some(properties),
    }
}

fn to_subscribe(subscription: &Subscription, packet_id: u16, with_id: bool, again: bool) -> v5::Subscribe {
    let retain_forward_rule = match (subscription.retain_handling, again) {
        (RetainHandling::AtSubscribe, false) => v5::RetainForwardRule::OnEverySubscribe,
        (RetainHandling::AtSubscribe, true) | (RetainHandling::IfNew, _) => {
            v5::RetainForwardRule::OnNewSubscribe
        }
        (RetainHandling::Never, _) => v5::RetainForwardRule::Never,
    };
    let filter = v5::Filter {
        path: subscription.filter.clone(),
        qos: to_qos(subscription.qos.min(QoS::AtLeastOnce)),
        // A shared subscription with no-local is a protocol error (MQTT 5.0, section 3.8.3.1).
        nolocal: subscription.no_local && !subscription.filter.starts_with("$share/"),
        preserve_retain: subscription.retain_as_published,
        retain_forward_rule,
    };
    let properties = with_id.then(|| v5::SubscribeProperties {
        id: usize::try_from(subscription.id).ok(),
        user_properties: Vec::new(),
    });
    v5::Subscribe {
        pkid: packet_id,
        filters: vec![filter],
        properties,
    }
}

fn from_packet(packet: v5::Packet) -> Option<Incoming> {
    Some(match packet {
        v5::Packet::ConnAck(connack) => from_connack(&connack),
        v5::Packet::Publish(publish) => Incoming::Publish(Box::new(from_publish(publish))),
        v5::Packet::PubAck(ack) => Incoming::PubAck(ack.pkid, from_puback(&ack)),
        v5::Packet::PubRec(ack) => Incoming::PubRec(ack.pkid, from_pubrec(&ack)),
        v5::Packet::PubComp(ack) => Incoming::PubComp(ack.pkid),
        v5::Packet::PubRel(release) => Incoming::PubRel(release.pkid),
        v5::Packet::SubAck(suback) => {
            let said = suback
                .properties
                .as_ref()
                .and_then(|properties| properties.reason_string.as_ref());
            let results = suback
                .return_codes
                .iter()
                .map(|code| from_suback(*code, said))
                .collect();
            Incoming::SubAck(suback.pkid, results)
        }
        v5::Packet::UnsubAck(_) => Incoming::UnsubAck,
        v5::Packet::PingResp(_) => Incoming::Pong,
        v5::Packet::Disconnect(disconnect) => {
            let said = disconnect
                .properties
                .as_ref()
                .and_then(|properties| properties.reason_string.as_ref());
            Incoming::Disconnect {
                reason: reason_text(disconnect.reason_code, said),
                complaint: match disconnect.reason_code {
                    v5::DisconnectReasonCode::SessionTakenOver => Complaint::TakenOver,
                    v5::DisconnectReasonCode::ReceiveMaximumExceeded => Complaint::Flooded,
                    v5::DisconnectReasonCode::PacketTooLarge => Complaint::TooLarge,
                    _ => Complaint::Other,
                },
            }
        }
        v5::Packet::Auth(_)
        | v5::Packet::Connect(..)
        | v5::Packet::PingReq(_)
        | v5::Packet::Subscribe(_)
        | v5::Packet::Unsubscribe(_) => return None,
    })
}

fn from_puback(ack: &v5::PubAck) -> super::Answer {
    use v5::PubAckReason as Reason;
    let refused = match ack.reason {
        Reason::Success | Reason::NoMatchingSubscribers => None,
        Reason::QuotaExceeded => Some(Refused::Quota),
        Reason::UnspecifiedError | Reason::ImplementationSpecificError | Reason::PacketIdentifierInUse => {
            Some(Refused::ForNow)
        }
        _ => Some(Refused::ForGood),
    };
    let said = ack
        .properties
        .as_ref()
        .and_then(|properties| properties.reason_string.as_ref());
    answer(refused, ack.reason, said)
}

fn from_pubrec(ack: &v5::PubRec) -> super::Answer {
    use v5::PubRecReason as Reason;
    let refused = match ack.reason {
        Reason::Success | Reason::NoMatchingSubscribers => None,
        Reason::QuotaExceeded => Some(Refused::Quota),
        Reason::UnspecifiedError | Reason::ImplementationSpecificError | Reason::PacketIdentifierInUse => {
            Some(Refused::ForNow)
        }
        _ => Some(Refused::ForGood),
    };
    let said = ack
        .properties
        .as_ref()
        .and_then(|properties| properties.reason_string.as_ref());
    answer(refused, ack.reason, said)
}

fn answer(refused: Option<Refused>, reason: impl std::fmt::Debug, said: Option<&String>) -> super::Answer {
    refused.map_or(Ok(()), |why| Err((why, reason_text(reason, said))))
}

fn from_suback(code: v5::SubscribeReasonCode, said: Option<&String>) -> Result<QoS, String> {
    match code {
        v5::SubscribeReasonCode::Success(qos) => Ok(from_qos(qos)),
        refused => Err(reason_text(refused, said)),
    }
}

fn from_connack(connack: &v5::ConnAck) -> Incoming {
    let properties = connack.properties.as_ref();
    if connack.code != v5::ConnectReturnCode::Success {
        let said = properties.and_then(|properties| properties.reason_string.as_ref());
        let version = matches!(
            connack.code,
            v5::ConnectReturnCode::UnsupportedProtocolVersion | v5::ConnectReturnCode::RefusedProtocolVersion
        );
        return Incoming::Refused(Refusal {
            reason: reason_text(connack.code, said),
            version,
            login: matches!(
                connack.code,
                v5::ConnectReturnCode::BadUserNamePassword | v5::ConnectReturnCode::NotAuthorized
            ),
        });
    }
    let available = |flag: Option<u8>| flag != Some(0);
    Incoming::Welcome(Welcome {
        session_present: connack.session_present,
        receive_maximum: properties.and_then(|p| p.receive_max).unwrap_or(u16::MAX),
        max_packet: properties
            .and_then(|p| p.max_packet_size)
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(usize::MAX),
        max_qos: properties
            .and_then(|p| p.max_qos)
            .and_then(|qos| qos.try_into().ok())
            .unwrap_or(QoS::ExactlyOnce),
        retain: available(properties.and_then(|p| p.retain_available)),
        subscription_ids: available(properties.and_then(|p| p.subscription_identifiers_available)),
        keep_alive: properties.and_then(|p| p.server_keep_alive),
    })
}

fn from_publish(publish: v5::Publish) -> Delivery {
    let properties = publish.properties.unwrap_or_default();
    Delivery {
        topic: publish.topic,
        payload: publish.payload,
        qos: from_qos(publish.qos),
        retain: publish.retain,
        dup: publish.dup,
        packet_id: publish.pkid,
        subscription_ids: properties
            .subscription_identifiers
            .iter()
            .filter_map(|id| u32::try_from(*id).ok())
            .collect(),
        response_topic: properties.response_topic,
        correlation_data: properties.correlation_data,
        user_properties: properties.user_properties,
        message_expiry: properties.message_expiry_interval,
        content_type: properties.content_type,
        payload_is_text: properties.payload_format_indicator == Some(1),
    }
}

fn to_qos(qos: QoS) -> mqttbytes::QoS {
    match qos {
        QoS::AtMostOnce => mqttbytes::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
        QoS::ExactlyOnce => mqttbytes::QoS::ExactlyOnce,
    }
}

fn from_qos(qos: mqttbytes::QoS) -> QoS {
    match qos {
        mqttbytes::QoS::AtMostOnce => QoS::AtMostOnce,
        mqttbytes::QoS::AtLeastOnce => QoS::AtLeastOnce,
        mqttbytes::QoS::ExactlyOnce => QoS::ExactlyOnce,
    }
}
