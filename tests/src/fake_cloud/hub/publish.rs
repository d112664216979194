//! Messages in and out.

use mqtt5::packet::puback::PubAckPacket;
use mqtt5::packet::publish::PublishPacket;
use mqtt5::types::ReasonCode;
use mqtt5::{Properties, QoS};
use serde_json::Value;

use super::{Admitted, Client, Hub, Write};
use crate::fake_cloud::faults::Verdict;
use crate::fake_cloud::takes::Use;
use crate::mqtt_probe::Message;
use crate::wire::{V5, V311};

impl Hub {
    pub(super) fn publish(&mut self, link: u64, client: &Client, packet: PublishPacket, size: usize) {
        let id = packet.packet_id;
        if let Some((reason, what)) = self.too_much(client, &packet, size) {
            return self.fail(link, reason, &what);
        }
        let used = if client.admitted == Admitted::Guest {
            Use::Publish(true)
        } else {
            self.takes.topics.publish(&packet.topic_name, &client.devices)
        };
        match used {
            Use::Publish(true) => {}
            Use::Publish(false) => {
                let what = format!("{} must not publish to {}", client.id, packet.topic_name);
                self.counts.violations.push(what);
                return self.refuse(link, client, id, ReasonCode::NotAuthorized);
            }
            Use::Attach(device) => return self.attach(link, client, device, &packet),
            Use::Detach(device) => {
                self.counts.detached.push(device.to_owned());
                let mut client = client.clone();
                client.devices.retain(|known| known != device);
                self.set_client(link, client);
                return self.acknowledge(link, id, ReasonCode::Success);
            }
        }
        let verdict = self.faults.judge(&packet.topic_name);
        match verdict {
            Some(Verdict::Refuse(code)) => {
                self.counts.refused_publishes += 1;
                return self.refuse(link, client, id, reason(code));
            }
            Some(Verdict::Disconnect(code)) => {
                self.counts.refused_publishes += 1;
                return self.hang_up(link, reason(code));
            }
            Some(Verdict::Cut) => return self.end(link, Write::Drop),
            Some(Verdict::Withhold | Verdict::TakeAndCut) | None => {}
        }
        self.take(packet, &client.id);
        match verdict {
            Some(Verdict::TakeAndCut) => self.end(link, Write::Drop),
            Some(_) => {
                let withheld = client.withheld + 1;
                self.set_client(
                    link,
                    Client {
                        withheld,
                        ..client.clone()
                    },
                );
            }
            None => self.acknowledge(link, id, ReasonCode::Success),
        }
    }

    /// What no client may send, with the reason code of MQTT 5.
    fn too_much(&self, client: &Client, packet: &PublishPacket, size: usize) -> Option<(ReasonCode, String)> {
        let takes = &self.takes;
        let topic = &packet.topic_name;
        if takes.max_packet.is_some_and(|most| size > most as usize) {
            return Some((
                ReasonCode::PacketTooLarge,
                format!("{size} bytes on {topic} are too many"),
            ));
        }
        if packet.qos == QoS::ExactlyOnce {
            return Some((ReasonCode::QoSNotSupported, format!("QoS 2 on {topic}")));
        }
        if packet.retain && !takes.retain {
            return Some((
                ReasonCode::RetainNotSupported,
                format!("{topic} is to be retained"),
            ));
        }
        if client.version == V5 && client.withheld >= usize::from(takes.receive_maximum) {
            return Some((
                ReasonCode::ReceiveMaximumExceeded,
                "more publishes than the receive maximum".to_owned(),
            ));
        }
        None
    }

    fn attach(&mut self, link: u64, client: &Client, device: &str, packet: &PublishPacket) {
        let answer: Value = serde_json::from_slice(&packet.payload).unwrap_or_default();
        let token = answer["authorization"].as_str();
        match self.door.attach(device, token, self.clock.seconds()) {
            Ok(()) => {
                self.counts.attached.push(device.to_owned());
                let mut client = client.clone();
                client.devices.push(device.to_owned());
                self.set_client(link, client);
            }
            Err(why) => {
                self.counts.refused.push(why.clone());
                let own = client.devices.first().cloned().unwrap_or_default();
                let error = Message::new(format!("/devices/{own}/errors"), why);
                self.route(&error, None);
            }
        }
        // The service acknowledges either way; what is wrong comes on the topic for errors.
        self.acknowledge(link, packet.packet_id, ReasonCode::Success);
    }

    /// A publish that is not taken. MQTT 3.1.1 can say so only by ending the connection.
    fn refuse(&mut self, link: u64, client: &Client, id: Option<u16>, reason: ReasonCode) {
        if client.version == V5 {
            self.acknowledge(link, id, reason);
        } else {
            self.end(link, Write::Close);
        }
    }

    fn acknowledge(&self, link: u64, id: Option<u16>, reason: ReasonCode) {
        if let Some(id) = id {
            self.send(link, &PubAckPacket::new_with_reason(id, reason));
        }
    }

    /// Counts a message and gives it to those who have subscribed.
    fn take(&mut self, packet: PublishPacket, from: &str) {
        self.counts.published += 1;
        self.counts.marked_duplicate += u64::from(packet.dup);
        let mut message = Message::from(packet);
        message.dup = false;
        self.ledger.note(&message.topic, &message.payload);
        if message.retain {
            if message.payload.is_empty() {
                self.retained.remove(&message.topic);
            } else {
                self.retained.insert(message.topic.clone(), message.clone());
            }
        }
        self.route(&message, Some(from));
    }

    /// Gives a message to every session that wants it.
    pub(in crate::fake_cloud) fn route(&mut self, message: &Message, from: Option<&str>) {
        let mut woken = Vec::new();
        for (id, session) in &mut self.sessions {
            // Only one protocol can tell copies apart.
            let one = !self
                .links
                .values()
                .filter_map(|link| link.client.as_ref())
                .any(|client| client.id == *id && client.version == V5);
            let copies = session.copies(message, from == Some(id.as_str()), one);
            if !copies.is_empty() {
                copies.into_iter().for_each(|copy| session.push(copy));
                woken.push(id.clone());
            }
        }
        for id in woken {
            self.pump(&id);
        }
    }

    /// Sends what a session holds, as far as its client takes it.
    pub(super) fn pump(&mut self, id: &str) {
        let found = self.links.iter().find_map(|(number, link)| {
            let client = link.client.as_ref().filter(|client| client.id == id)?;
            Some((*number, client.version, client.window))
        });
        let Some((link, version, window)) = found else {
            return;
        };
        while let Some((number, message)) = self.sessions.get_mut(id).and_then(|session| session.next(window))
        {
            self.counts.sent += 1;
            self.send(link, &delivery(&message, number, version, false));
            if self.faults.repeat > 0 && number > 0 {
                self.faults.repeat -= 1;
                self.counts.sent_again += 1;
                // Some services mark a repetition, others do not.
                let marked = self.faults.repeat.is_multiple_of(2);
                self.send(link, &delivery(&message, number, version, marked));
            }
        }
    }

    /// Sends what had no acknowledgement on an earlier connection.
    pub(super) fn send_again(&mut self, link: u64, id: &str, version: u8) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let mut count = 0;
        for (number, message) in session.unacknowledged() {
            count += 1;
            self.send(link, &delivery(message, number, version, true));
        }
        self.counts.sent_again += count;
    }

    pub(super) fn acknowledged(&mut self, client: &Client, id: u16, reason: ReasonCode) {
        let known = self
            .sessions
            .get_mut(&client.id)
            .is_some_and(|session| session.acknowledged(id));
        if known {
            self.counts.acknowledged += 1;
        } else if self.counts.sent_again == 0 {
            // What was sent twice may be acknowledged twice.
            let what = format!("{} acknowledges {id}, which it was not sent", client.id);
            self.counts.violations.push(what);
        }
        if reason.is_error() {
            self.counts.refused_deliveries += 1;
        }
        self.pump(&client.id);
    }
}

fn delivery(message: &Message, number: u16, version: u8, dup: bool) -> PublishPacket {
    let mut packet = message.packet(number);
    packet.dup = dup;
    packet.protocol_version = version;
    if version == V311 {
        packet.properties = Properties::default();
    } else {
        for id in &message.subscription_ids {
            packet = packet.with_subscription_identifier(*id);
        }
    }
    packet
}

fn reason(code: u8) -> ReasonCode {
    ReasonCode::from_u8(code).expect("a reason code of MQTT 5")
}
