//! Bridges, one at a time.

use super::{Check, Code};
use crate::read::Section;
use crate::setting::{BridgeProtocol, Ranged, StartType};
use crate::{Connection, TopicRule, Version, Way};

/// A host name that a service has, and what it does not take.
struct Service {
    suffix: &'static str,
    name: &'static str,
    retain: bool,
    unsubscribe: bool,
}

/// Services whose limits are in their public documentation.
const SERVICES: &[Service] = &[
    Service {
        suffix: ".clearblade.com",
        name: "ClearBlade IoT Core",
        retain: false,
        unsubscribe: false,
    },
    Service {
        suffix: "mqtt.googleapis.com",
        name: "Google IoT Core",
        retain: false,
        unsubscribe: false,
    },
    Service {
        suffix: ".azure-devices.net",
        name: "Azure IoT Hub",
        retain: false,
        unsubscribe: true,
    },
    Service {
        suffix: ".eventgrid.azure.net",
        name: "Azure Event Grid",
        retain: false,
        unsubscribe: true,
    },
    Service {
        suffix: ".amazonaws.com",
        name: "AWS IoT Core",
        retain: true,
        unsubscribe: true,
    },
];

impl Check<'_> {
    pub(super) fn bridge(&mut self, index: usize) {
        let bridge = &self.config.connections[index];
        let section = Section::Connection(index);
        self.addresses(section, bridge);
        self.ids(section, index, bridge);
        self.encryption(section, bridge);
        self.pre_shared_key(section, bridge);
        self.sessions(section, bridge);
        self.protocol_five(section, bridge);
        self.connecting(section, bridge);
        self.service(section, bridge);
        self.carrying(section, bridge);
    }

    fn addresses(&mut self, section: Section, bridge: &Connection) {
        let first = self.document.first_line(section);
        let failed = |key| self.document.line_of(section, key).is_some();
        if bridge.addresses.is_empty() && !failed("address") && !failed("addresses") {
            self.say(
                Code::BridgeNoAddress,
                first,
                "Mosquitto does not start without one",
                "write `address HOST:PORT`",
            );
        }
        if bridge.rules.is_empty() && !failed("topic") {
            self.say(
                Code::BridgeNoTopic,
                first,
                "Mosquitto does not start without one",
                "write a `topic` line",
            );
        }
        let line = self.line(section, "address").max(self.line(section, "addresses"));
        for address in bridge
            .addresses
            .iter()
            .filter(|address| address.host().contains(':'))
        {
            // What is left is no address: its last group was taken for the port.
            if address.host().ends_with(':') || address.host().parse::<core::net::Ipv6Addr>().is_err() {
                let message = format!("what follows the last colon of `{address}` is taken for the port");
                self.say(
                    Code::BridgeIpv6Port,
                    line,
                    message,
                    format!("write `{address}:1883`"),
                );
            }
        }
        if bridge.addresses.len() > 1 && bridge.options.round_robin != Some(true) {
            let message = "while another address is in use, the first one is tried every 5 s, and taken when it answers";
            self.say(
                Code::BridgePrimary,
                line,
                message,
                "write `round_robin true` if all addresses are equal",
            );
        }
    }

    fn ids(&mut self, section: Section, index: usize, bridge: &Connection) {
        let host = "localhost";
        let first = self.document.first_line(section);
        let earlier = &self.config.connections[..index];
        if earlier.iter().any(|other| {
            other.local_clientid(host) == bridge.local_clientid(host) && other.name != bridge.name
        }) {
            let line = self.line(section, "local_clientid");
            self.say(
                Code::BridgeLocalIdTwice,
                line,
                "Mosquitto does not start",
                "write a `local_clientid` of its own",
            );
        }
        if bridge.options.remote_clientid.is_none() {
            let message = format!(
                "the client id is `HOSTNAME.{}`; with another host name the old session stays and its queue grows for ever",
                bridge.name,
            );
            self.say(
                Code::BridgeIdFromHost,
                first,
                message,
                "write `remote_clientid` and `local_clientid`",
            );
        }
        let ids = (&bridge.options.remote_clientid, &bridge.options.local_clientid);
        if ids.0.is_some() && ids.0 == ids.1 {
            let line = self.line(section, "local_clientid");
            let message = "if the bridge ever points at its own broker, the two ends throw each other out";
            self.say(Code::BridgeEqualIds, line, message, "write different ids");
        }
    }

    fn encryption(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        let tls = options.uses_tls();
        if options.remote_password.is_some() && options.remote_username.is_none() {
            let line = self.password_line(section);
            self.say(
                Code::BridgePasswordAlone,
                line,
                "it is read and never used",
                "write `remote_username` too",
            );
        }
        let local = |host: &str| crate::listener::is_loopback(host);
        if options.remote_password.is_some() && !tls && !bridge.addresses.iter().all(|a| local(a.host())) {
            let line = self.password_line(section);
            let message = "the bridge has no TLS, so the password can be read on the way";
            self.say(
                Code::BridgePlainPassword,
                line,
                message,
                "write `bridge_cafile` or `bridge_capath`",
            );
        }
        if !tls
            && bridge
                .addresses
                .iter()
                .any(|address| matches!(address.port(), 443 | 8883))
        {
            let line = self.line(section, "address");
            let message =
                "this port speaks TLS, which the bridge does only with authorities or a pre-shared key";
            self.say(
                Code::BridgeNoTls,
                line,
                message,
                "write `bridge_cafile` or `bridge_capath`",
            );
        }
        if options.insecure == Some(true) {
            let line = self.line(section, "bridge_insecure");
            let message =
                "the name in the certificate is not compared: who sits in between gets the password";
            self.say(
                Code::BridgeInsecure,
                line,
                message,
                "remove the line, and connect by the name in the certificate",
            );
        }
        self.tls_version(
            section,
            "bridge_tls_version",
            options.tls_version.as_ref().map(|version| version.as_str()),
        );
        let aws = |address: &crate::setting::Address| {
            address.host().ends_with(".amazonaws.com") && address.port() == 443
        };
        if options.alpn.is_none() && bridge.addresses.iter().any(aws) {
            let line = self.line(section, "address");
            let help = "write `bridge_alpn x-amzn-mqtt-ca`, or `mqtt` with a custom authorizer";
            self.say(
                Code::BridgeAlpn,
                line,
                "on port 443 the service tells MQTT from HTTP by ALPN alone",
                help,
            );
        }
    }

    fn password_line(&self, section: Section) -> usize {
        let line = self.document.line_of(section, "remote_password");
        line.unwrap_or_else(|| self.line(section, "password"))
    }

    fn pre_shared_key(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        if options.psk.is_some() != options.identity.is_some() {
            let line = self
                .line(section, "bridge_psk")
                .max(self.line(section, "bridge_identity"));
            self.say(
                Code::BridgePskPair,
                line,
                "Mosquitto does not start with one of the two",
                "write both",
            );
        }
        let files = [
            &options.cafile,
            &options.capath,
            &options.certfile,
            &options.keyfile,
        ];
        if options.psk.is_some() && files.iter().any(|file| file.is_some()) {
            let line = self.line(section, "bridge_psk");
            self.say(
                Code::BridgePskAndTls,
                line,
                "Mosquitto does not start with both",
                "keep one of the two",
            );
        }
        let hex = |key: &str| key.bytes().all(|byte| byte.is_ascii_hexdigit());
        if options.psk.as_ref().is_some_and(|key| !hex(key.reveal())) {
            let line = self.line(section, "bridge_psk");
            let message = "the key has characters that are no hexadecimal digits; the connection fails";
            self.say(
                Code::BridgePskHex,
                line,
                message,
                "write the digits alone, without `0x`",
            );
        }
    }

    fn sessions(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        let clean = options.cleansession == Some(true);
        if clean && options.local_cleansession != Some(false) {
            let line = self.line(section, "cleansession");
            let message =
                "what waits for the bridge, and what waits at the remote broker, is thrown away at every cut";
            self.say(
                Code::BridgeCleanSession,
                line,
                message,
                "write `cleansession false`",
            );
        }
        if clean && options.local_cleansession == Some(false) && self.version == Version::V2_0 {
            let line = self.line(section, "local_cleansession");
            let message =
                "before 2.0.15 the queue is emptied at a restart all the same (issue 2604 of Mosquitto)";
            self.say(Code::BridgeLocalSession, line, message, "use 2.0.15 or later");
        }
        if options.reload_type.is_some() {
            let line = self.line(section, "bridge_reload_type");
            let message = "when SIGHUP meets a changed bridge, its queue and its subscriptions are lost, lazy or immediate";
            self.say(
                Code::BridgeReload,
                line,
                message,
                "deliver a new password by a restart with `persistence true`",
            );
        }
    }

    fn protocol_five(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        if options.protocol_version != Some(BridgeProtocol::V50) {
            return;
        }
        let line = self.line(section, "bridge_protocol_version");
        let expiry = options.session_expiry_interval.map_or(0, Ranged::get);
        let receives = bridge.rules.iter().any(|rule| rule.goes(Way::In));
        if options.cleansession != Some(true) && expiry == 0 && receives {
            let message = "over MQTT 5 the remote session ends with the connection: commands sent while it is down are lost";
            let help = match self.version {
                Version::V2_0 => "write `bridge_protocol_version mqttv311`; 2.0 has no other cure",
                Version::V2_1 => "write `bridge_session_expiry_interval 604800`",
            };
            self.say(Code::BridgeV5Session, line, message, help);
        }
        if self.version == Version::V2_0 {
            let message = "more messages may be under way than the remote broker allows, which ends the connection with 0x93";
            self.say(
                Code::BridgeV5Window,
                line,
                message,
                "write `max_inflight_messages` with the limit of the remote broker",
            );
        }
        if receives {
            let message = "subscriptions ask for no-local, retain-as-published and retained messages always";
            self.say(
                Code::BridgeV5Refused,
                line,
                message,
                "use mqttv311 if the remote broker ends the connection",
            );
        }
    }

    fn connecting(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        if let Some(keepalive) = options
            .keepalive_interval
            .map(Ranged::get)
            .filter(|keepalive| *keepalive < 5)
        {
            let line = self.line(section, "keepalive_interval");
            let message = format!("{keepalive} s counts as 5 s");
            self.say(Code::BridgeKeepalive, line, message, "write 5 or more");
        }
        let line = self.line(section, "start_type");
        match options.start_type {
            Some(StartType::Once) => {
                let message = "after the first cut the bridge stays down until the broker is restarted";
                self.say(
                    Code::BridgeStartOnce,
                    line,
                    message,
                    "write `start_type automatic`",
                );
            }
            Some(StartType::Lazy) => {
                let message =
                    "the bridge sleeps when it is quiet, and what is sent to it meanwhile does not arrive";
                self.say(
                    Code::BridgeStartLazy,
                    line,
                    message,
                    "write `start_type automatic`",
                );
            }
            Some(StartType::Automatic) | None => {}
        }
        if options
            .notification_topic
            .as_ref()
            .is_some_and(|topic| topic.as_str().contains(['+', '#']))
        {
            let line = self.line(section, "notification_topic");
            let message = "Mosquitto starts with it, and the remote broker ends the connection over it";
            self.say(
                Code::BridgeNotificationTopic,
                line,
                message,
                "write a topic without wildcards",
            );
        }
    }

    fn service(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        let hosts = || bridge.addresses.iter().map(crate::setting::Address::host);
        let service = SERVICES
            .iter()
            .find(|service| hosts().any(|host| host.ends_with(service.suffix)));
        let line = self.line(section, "address");
        if options.try_private.is_none() && (service.is_some() || options.uses_tls()) {
            let message = "a bit that only Mosquitto knows is set in the protocol version; others may end the connection";
            self.say(
                Code::BridgeTryPrivate,
                line,
                message,
                "write `try_private false`, or `true` for a Mosquitto",
            );
        }
        let Some(service) = service else { return };
        let outgoing = bridge.rules.iter().any(|rule| rule.goes(Way::Out));
        if !service.unsubscribe && outgoing && options.attempt_unsubscribe != Some(false) {
            let message = format!(
                "{} ends the connection over the UNSUBSCRIBE for outgoing rules",
                service.name
            );
            self.say(
                Code::BridgeUnsubscribe,
                line,
                message,
                "write `bridge_attempt_unsubscribe false`",
            );
        }
        if !service.retain && outgoing && options.outgoing_retain != Some(false) {
            let message = format!("{} keeps no retained messages", service.name);
            self.say(
                Code::BridgeRetain,
                line,
                message,
                "write `bridge_outgoing_retain false`",
            );
        }
        let state = options.notifications != Some(false) && options.notifications_local_only != Some(true);
        if state {
            let message = format!(
                "{} does not let clients publish on the state topic of a bridge",
                service.name
            );
            self.say(
                Code::BridgeNotifications,
                line,
                message,
                "write `notifications_local_only true`",
            );
        }
    }

    /// At every connection a bridge goes through its rules in order, and sends SUBSCRIBE for those that bring messages in
    /// and UNSUBSCRIBE for the others.
    fn takes_back(&mut self, bridge: &Connection, lines: &[usize]) {
        if bridge.options.attempt_unsubscribe == Some(false) {
            return;
        }
        for (place, rule) in bridge.rules.iter().enumerate() {
            let filter = rule.filter_text(Way::In);
            let same = |other: &TopicRule| other.goes(Way::In) && other.filter_text(Way::In) == filter;
            if rule.goes(Way::In) || !bridge.rules[..place].iter().any(same) {
                continue;
            }
            let message = format!(
                "the bridge sends UNSUBSCRIBE for `{filter}` of this rule after an earlier rule has subscribed to it: nothing comes in"
            );
            self.say(
                Code::BridgeUnsubscribesIn,
                lines.get(place).copied().unwrap_or_default(),
                message,
                "write `bridge_attempt_unsubscribe false`, or put this rule before the other",
            );
        }
    }

    fn carrying(&mut self, section: Section, bridge: &Connection) {
        let Section::Connection(index) = section else {
            return;
        };
        let lines = self.document.rule_lines(index);
        self.takes_back(bridge, &lines);
        let twice = bridge.rules.iter().position(|rule| rule.qos() == 2);
        if let Some(line) = twice.and_then(|rule| lines.get(rule).copied()) {
            let message = "messages of QoS 2 have stuck after a reconnection, or come for ever (issues 2165, 3275 of Mosquitto)";
            self.say(
                Code::BridgeQos2,
                line,
                message,
                "write QoS 1, and let receivers take a message twice",
            );
        }
        let inflight = self.config.global.max_inflight_messages.map_or(20, Ranged::get);
        let acknowledged = bridge
            .rules
            .iter()
            .any(|rule| rule.qos() > 0 && rule.goes(Way::Out));
        if acknowledged && (1..20).contains(&inflight) {
            let line = self.line(Section::Broker, "max_inflight_messages");
            let message = format!(
                "one acknowledgement that never comes holds up a {inflight}th of the bridge until it reconnects"
            );
            self.say(
                Code::BridgeInflight,
                line,
                message,
                "write `max_inflight_messages 20` or more",
            );
        }
    }
}
