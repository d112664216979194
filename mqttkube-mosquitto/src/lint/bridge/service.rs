//! The service at the far end of a bridge, known by its host name, and what it does not take.

use crate::lint::{Check, Code};
use crate::read::Section;
use crate::setting::Address;
use crate::{Connection, TopicRule, Way};

/// A host name that a service has, and what it does not take.
pub(super) struct Service {
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

/// The service that one of the addresses belongs to.
pub(super) fn service_of(bridge: &Connection) -> Option<&'static Service> {
    let hosts = || bridge.addresses.iter().map(Address::host);
    SERVICES
        .iter()
        .find(|service| hosts().any(|host| host.ends_with(service.suffix)))
}

impl Check<'_> {
    pub(super) fn service(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        let service = service_of(bridge);
        let line = self.line(section, "address");
        if options.try_private.is_none() && (service.is_some() || options.uses_tls()) {
            let message = "a bit that only Mosquitto knows is set in the protocol version; others may end the connection";
            // Without the bit the other end sends back what two directions have in common.
            let help = match self.unannounced_echo(bridge) {
                None => "write `try_private false`, or `true` for a Mosquitto",
                Some(_) => {
                    "write `try_private false` and keep the topics of the two directions apart, or `true` for a Mosquitto"
                }
            };
            self.say(Code::BridgeTryPrivate, line, message, help);
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

    pub(super) fn aws(&mut self, section: Section, bridge: &Connection) {
        self.alpn(section, bridge);
        let aws = |address: &Address| address.host().ends_with(".amazonaws.com");
        let kept = |rule: &TopicRule| rule.qos() > 0 && rule.goes(Way::Out);
        if bridge.addresses.iter().any(aws) && bridge.rules.iter().any(kept) {
            let line = self.line(section, "address");
            let message = "messages that waited for AWS IoT Core while it was away have not arrived (issue 3472 of Mosquitto)";
            let help = "cut the connection once, and count what arrives, before you rely on it";
            self.say(Code::BridgeAwsQueue, line, message, help);
        }
    }

    fn alpn(&mut self, section: Section, bridge: &Connection) {
        let aws = |address: &Address| address.host().ends_with(".amazonaws.com") && address.port() == 443;
        if bridge.options.alpn.is_none() && bridge.addresses.iter().any(aws) {
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
}
