//! Bridges, one at a time.

mod carrying;
mod echo;
mod encryption;
mod service;
mod session;

use super::{Check, Code};
use crate::read::Section;
use crate::setting::{BridgeProtocol, Ranged, StartType};
use crate::{Connection, Version, Way};

impl Check<'_> {
    pub(super) fn bridge(&mut self, index: usize) {
        let bridge = &self.config.connections[index];
        let section = Section::Connection(index);
        self.addresses(section, bridge);
        self.ids(section, index, bridge);
        self.encryption(section, bridge);
        self.aws(section, bridge);
        self.pre_shared_key(section, bridge);
        self.sessions(section, bridge);
        self.protocol_five(section, bridge);
        self.connecting(section, bridge);
        self.lazy(section, bridge);
        self.restart_timeout(section, bridge);
        self.state(section, bridge);
        self.retain_flag(section, bridge);
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

    fn lazy(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        let lazy = options.start_type == Some(StartType::Lazy);
        for (key, value) in [
            ("idle_timeout", options.idle_timeout),
            ("threshold", options.threshold),
        ] {
            let Some(value) = value.map(Ranged::get) else {
                continue;
            };
            let line = self.line(section, key);
            if value < 1 {
                let message = format!("`{key} {value}` counts as 1");
                self.say(Code::BridgeLazyMinimum, line, message, "write 1 or more");
            }
            if !lazy {
                let message = format!("`{key}` does nothing without `start_type lazy`");
                self.say(Code::BridgeLazyOnly, line, message, "remove the line");
            }
        }
    }

    fn restart_timeout(&mut self, section: Section, bridge: &Connection) {
        let stable = bridge.options.restart_timeout.and_then(|timeout| timeout.stable);
        if let Some(stable) = stable.filter(|_| self.version == Version::V2_0) {
            let line = self.line(section, "restart_timeout");
            let message = format!("`restart_timeout`: 2.0 does not look at the third number, {stable}");
            self.say(
                Code::IgnoredText,
                line,
                message,
                "remove it, or use Mosquitto 2.1",
            );
        }
    }

    /// Only where somebody asked for the state: by default it is published and few look at it.
    fn state(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        let published =
            options.notifications != Some(false) && options.notifications_local_only != Some(true);
        let asked = ["notification_topic", "notifications"]
            .iter()
            .find_map(|key| self.document.line_of(section, key));
        if let (true, Some(line)) = (published, asked) {
            let message = "after an unsteady connection the retained state has stayed 0 although the bridge was up (issues \
                           1510, 2097 of Mosquitto)";
            self.say(
                Code::BridgeState,
                line,
                message,
                "look at whether messages arrive too",
            );
        }
    }

    fn retain_flag(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        let receives = bridge.rules.iter().any(|rule| rule.goes(Way::In));
        let five = options.protocol_version == Some(BridgeProtocol::V50);
        if options.try_private == Some(true) && receives && !five {
            let line = self.line(section, "try_private");
            let message = "a remote Mosquitto leaves the retain flag in what it sends to such a bridge, which MQTT 3.1.1 \
                           does not know (issue 3584 of Mosquitto); other brokers clear it";
            self.say(
                Code::BridgeRetainFlag,
                line,
                message,
                "write `bridge_protocol_version mqttv50`, which has an option for it",
            );
        }
    }
}
