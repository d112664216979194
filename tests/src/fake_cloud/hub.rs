//! The one owner of a cloud's state: clients, sessions, counters. It is told what happened and says what is to be sent.

mod publish;

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt5::Packet;
use mqtt5::packet::MqttPacket;
use mqtt5::packet::auth::AuthPacket;
use mqtt5::packet::connack::ConnAckPacket;
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::packet::disconnect::DisconnectPacket;
use mqtt5::packet::pingresp::PingRespPacket;
use mqtt5::packet::suback::{SubAckPacket, SubAckReasonCode};
use mqtt5::packet::subscribe::SubscribePacket;
use mqtt5::packet::unsuback::{UnsubAckPacket, UnsubAckReasonCode};
use mqtt5::packet::unsubscribe::UnsubscribePacket;
use mqtt5::types::ReasonCode;
use tokio::sync::mpsc;

use super::door::{Admitted, Door};
use super::faults::Faults;
use super::session::{Session, Subscription};
use super::{CloudClock, CloudCounts, CloudOptions, Ledger, Takes};
use crate::mqtt_probe::Message;
use crate::wire::{V5, V311, encode};

/// What the writer of a connection is to do.
pub(super) enum Write {
    Packet(Vec<u8>),
    /// End in an orderly way, so that what was sent before still arrives.
    Close,
    /// End at once.
    Drop,
}

/// To one connection. Unbounded: a test double, and its clients are under test.
pub(super) type Out = mpsc::UnboundedSender<Write>;

pub(super) struct Hub {
    pub(super) clock: CloudClock,
    door: Door,
    takes: Takes,
    pub(super) faults: Faults,
    pub(super) counts: CloudCounts,
    pub(super) ledger: Ledger,
    pub(super) sessions: BTreeMap<String, Session>,
    links: BTreeMap<u64, Link>,
    retained: BTreeMap<String, Message>,
    newest: u64,
}

struct Link {
    out: Out,
    /// After CONNECT.
    client: Option<Client>,
}

#[derive(Clone)]
struct Client {
    id: String,
    version: u8,
    admitted: Admitted,
    /// The token has ended, which was counted.
    outlived: bool,
    /// Those it speaks for, its own first.
    devices: Vec<String>,
    /// How many messages it takes without an acknowledgement.
    window: usize,
    /// Publishes of it that nobody has acknowledged.
    withheld: usize,
}

impl Hub {
    pub(super) fn new(options: CloudOptions) -> Self {
        Self {
            clock: options.clock,
            door: options.door,
            takes: options.takes,
            faults: Faults::default(),
            counts: CloudCounts::default(),
            ledger: Ledger::default(),
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            retained: BTreeMap::new(),
            newest: 0,
        }
    }

    /// A connection that has said nothing yet.
    pub(super) fn open(&mut self, out: Out) -> u64 {
        self.newest += 1;
        self.links.insert(self.newest, Link { out, client: None });
        self.newest
    }

    /// A connection has ended.
    pub(super) fn gone(&mut self, link: u64) {
        let client = self.links.remove(&link).and_then(|link| link.client);
        if let Some(client) = client
            && self.sessions.get(&client.id).is_some_and(|session| !session.keep)
        {
            self.sessions.remove(&client.id);
        }
    }

    /// Takes one packet. The connection may have been ended meanwhile: then nobody listens.
    pub(super) fn packet(&mut self, link: u64, packet: Packet, size: usize) {
        let Some(Link { client, .. }) = self.links.get(&link) else {
            return;
        };
        let Some(client) = client.clone() else {
            return match packet {
                Packet::Connect(packet) => self.connect(link, &packet),
                _ => self.fail(link, ReasonCode::ProtocolError, "the first packet is no CONNECT"),
            };
        };
        self.look_at_token(link);
        match packet {
            Packet::Publish(packet) => self.publish(link, &client, packet, size),
            Packet::PubAck(packet) => self.acknowledged(&client, packet.packet_id, packet.reason_code),
            Packet::Subscribe(packet) => self.subscribe(link, &client, packet),
            Packet::Unsubscribe(packet) => self.unsubscribe(link, &client, &packet),
            Packet::PingReq => self.send(link, &PingRespPacket::default()),
            Packet::Auth(packet) => self.renew(link, &client, &packet),
            Packet::Disconnect(_) => self.end(link, Write::Close),
            other => {
                let what = format!("{} from a client", other.packet_type_name());
                self.fail(link, ReasonCode::ProtocolError, &what);
            }
        }
    }

    fn connect(&mut self, link: u64, packet: &ConnectPacket) {
        let version = packet.protocol_version;
        let refused = match self.faults.connect() {
            Some(reason) => Err((reason, "as the test wants it".to_owned())),
            None => self.door.admit(packet, self.clock.seconds()),
        };
        let admitted = match refused {
            Ok(admitted) => admitted,
            Err((reason, why)) => {
                self.counts.refused.push(format!("{}: {why}", packet.client_id));
                self.send(link, &connack(version, false, reason));
                return self.end(link, Write::Close);
            }
        };
        let assigned = packet.client_id.is_empty();
        let id = if assigned {
            format!("assigned-{link}")
        } else {
            packet.client_id.clone()
        };
        self.take_over(&id);
        let expiry = packet.properties.get_session_expiry_interval().unwrap_or(0);
        if packet.clean_start {
            self.sessions.remove(&id);
        }
        let present = self.sessions.contains_key(&id);
        self.sessions.entry(id.clone()).or_default().keep = if version == V5 {
            expiry > 0
        } else {
            !packet.clean_start
        };
        self.counts.connections += 1;
        self.counts.resumed += u64::from(present);
        self.counts.wills += u64::from(packet.will.is_some());
        let window = packet.properties.get_receive_maximum();
        self.set_client(
            link,
            Client {
                version,
                admitted,
                outlived: false,
                devices: self.takes.topics.device(&id).into_iter().collect(),
                window: usize::from(window.unwrap_or(100)),
                withheld: 0,
                id: id.clone(),
            },
        );
        let mut welcome = connack(version, present, ReasonCode::Success)
            .with_maximum_qos(1)
            .with_receive_maximum(self.takes.receive_maximum)
            .with_retain_available(self.takes.retain)
            .with_subscription_identifier_available(self.takes.subscription_ids);
        if let Some(size) = self.takes.max_packet {
            welcome = welcome.with_maximum_packet_size(size);
        }
        if let Some(method) = packet.properties.get_authentication_method() {
            welcome = welcome.with_authentication_method(method.clone());
        }
        if assigned {
            welcome = welcome.with_assigned_client_id(id.clone());
        }
        self.send(link, &welcome);
        self.look_at_token(link);
        self.send_again(link, &id, version);
        self.pump(&id);
    }

    /// One connection for each client id: the older one has to go.
    fn take_over(&mut self, id: &str) {
        let older: Vec<u64> = self.links_of(id).collect();
        for link in older {
            self.counts.takeovers += 1;
            self.hang_up(link, ReasonCode::SessionTakenOver);
        }
    }

    pub(super) fn links_of(&self, id: &str) -> impl Iterator<Item = u64> {
        let is = move |link: &Link| link.client.as_ref().is_some_and(|client| client.id == id);
        self.links
            .iter()
            .filter(move |(_, link)| is(link))
            .map(|(number, _)| *number)
    }

    fn subscribe(&mut self, link: u64, client: &Client, packet: SubscribePacket) {
        let guest = client.admitted == Admitted::Guest;
        let id = packet.properties.get_subscription_identifier();
        let mut answer = if client.version == V5 {
            SubAckPacket::new(packet.packet_id)
        } else {
            SubAckPacket::new_v311(packet.packet_id)
        };
        let mut retained = Vec::new();
        for wanted in packet.filters {
            let allowed = guest || self.takes.topics.subscribe(&wanted.filter, &client.devices);
            let code = match wanted.filter.parse() {
                Ok(filter) if allowed => {
                    let qos = (wanted.options.qos as u8).min(1);
                    let subscription = Subscription {
                        filter,
                        qos,
                        id,
                        no_local: wanted.options.no_local,
                        retain_as_published: wanted.options.retain_as_published,
                    };
                    retained.extend(self.retained_for(&subscription));
                    if let Some(session) = self.sessions.get_mut(&client.id) {
                        session.subscribe(subscription);
                    }
                    SubAckReasonCode::from_qos(qos.into())
                }
                _ if client.version == V5 => SubAckReasonCode::NotAuthorized,
                _ => SubAckReasonCode::UnspecifiedError,
            };
            if code.is_success() {
                self.counts.subscribed += 1;
            } else {
                let what = format!("{} is not theirs to hear: {}", client.id, wanted.filter);
                self.counts.violations.push(what);
            }
            answer = answer.add_reason_code(code);
        }
        self.send(link, &answer);
        if let Some(session) = self.sessions.get_mut(&client.id) {
            retained.into_iter().for_each(|message| session.push(message));
        }
        self.pump(&client.id);
    }

    fn retained_for(&self, subscription: &Subscription) -> Vec<Message> {
        let matching = self.retained.values();
        let matching = matching.filter(|message| subscription.filter.matches(&message.topic));
        let copies = matching.map(|message| Message {
            qos: message.qos.min(subscription.qos),
            subscription_ids: subscription.id.into_iter().collect(),
            ..message.clone()
        });
        copies.collect()
    }

    fn unsubscribe(&mut self, link: u64, client: &Client, packet: &UnsubscribePacket) {
        if let Some(session) = self.sessions.get_mut(&client.id) {
            packet
                .filters
                .iter()
                .for_each(|filter| session.unsubscribe(filter));
        }
        let mut answer = if client.version == V5 {
            UnsubAckPacket::new(packet.packet_id)
        } else {
            UnsubAckPacket::new_v311(packet.packet_id)
        };
        for _ in &packet.filters {
            answer = answer.add_reason_code(UnsubAckReasonCode::Success);
        }
        self.send(link, &answer);
    }

    /// Enhanced authentication once more on a connection that stands (MQTT 5 section 4.12.1).
    fn renew(&mut self, link: u64, client: &Client, packet: &AuthPacket) {
        let token = packet.properties.get_authentication_data().unwrap_or_default();
        match self.door.renew(&client.id, token, self.clock.seconds()) {
            Ok(expires) => {
                self.counts.renewed += 1;
                self.set_client(
                    link,
                    Client {
                        admitted: Admitted::Known(expires),
                        outlived: false,
                        ..client.clone()
                    },
                );
                let mut answer = AuthPacket::new(ReasonCode::Success);
                if let Some(method) = packet.properties.get_authentication_method() {
                    answer.properties.set_authentication_method(method.clone());
                }
                self.send(link, &answer);
            }
            Err(why) => {
                self.counts.refused.push(format!("{}: {why}", client.id));
                self.hang_up(link, ReasonCode::NotAuthorized);
            }
        }
    }

    fn set_client(&mut self, link: u64, client: Client) {
        if let Some(known) = self.links.get_mut(&link) {
            known.client = Some(client);
        }
    }

    /// Counts a token that has ended, and ends its connection when the skew is over. How long until there is something
    /// to do again; none when there never is.
    pub(super) fn look_at_token(&mut self, link: u64) -> Option<Duration> {
        let now = self.clock.millis();
        let skew = self.door.skew_millis();
        let client = self.links.get_mut(&link)?.client.as_mut()?;
        let Admitted::Known(Some(expires)) = client.admitted else {
            return None;
        };
        let left = i64::try_from(expires).ok()?.saturating_mul(1_000) - now;
        let least = self.counts.least_left.get_or_insert(left);
        *least = left.min(*least);
        if left <= 0 && !client.outlived {
            client.outlived = true;
            self.counts.outlived += 1;
        }
        let until = if left > 0 { left } else { left + skew };
        if until > 0 {
            return u64::try_from(until).ok().map(Duration::from_millis);
        }
        self.counts.cut += 1;
        self.hang_up(link, ReasonCode::NotAuthorized);
        None
    }

    /// A client did what it must not.
    fn fail(&mut self, link: u64, reason: ReasonCode, what: &str) {
        self.counts.violations.push(what.to_owned());
        self.hang_up(link, reason);
    }

    /// Ends a connection; MQTT 5 clients are told why.
    pub(super) fn hang_up(&mut self, link: u64, reason: ReasonCode) {
        let client = self.links.get(&link).and_then(|link| link.client.as_ref());
        if client.is_some_and(|client| client.version == V5) {
            self.send(link, &DisconnectPacket::new(reason));
        }
        self.end(link, Write::Close);
    }

    /// Nothing more is taken from or sent to a connection.
    pub(super) fn end(&mut self, link: u64, how: Write) {
        if let Some(known) = self.links.get(&link) {
            // An error means that it has ended by itself.
            let _ = known.out.send(how);
        }
        self.gone(link);
    }

    pub(super) fn end_all(&mut self) {
        for link in self.links.keys().copied().collect::<Vec<_>>() {
            self.end(link, Write::Drop);
        }
    }

    fn send(&self, link: u64, packet: &impl MqttPacket) {
        let Some(known) = self.links.get(&link) else {
            return;
        };
        let bytes = encode(packet).expect("the cloud's own packets are well-formed");
        // An error means that it has ended by itself.
        let _ = known.out.send(Write::Packet(bytes));
    }
}

fn connack(version: u8, present: bool, reason: ReasonCode) -> ConnAckPacket {
    if version == V311 {
        ConnAckPacket::new_v311(present, reason)
    } else {
        ConnAckPacket::new(present, reason)
    }
}
