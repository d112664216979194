//! What of a bridge outlives a cut: the client ids that name its two sessions, and whether they are kept.

use crate::lint::{Check, Code};
use crate::read::Section;
use crate::setting::{BridgeProtocol, Ranged};
use crate::{Connection, Version, Way};

impl Check<'_> {
    pub(super) fn ids(&mut self, section: Section, index: usize, bridge: &Connection) {
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

    pub(super) fn sessions(&mut self, section: Section, bridge: &Connection) {
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

    pub(super) fn protocol_five(&mut self, section: Section, bridge: &Connection) {
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
        if self.version == Version::V2_0
            && self.config.global.max_inflight_messages.map(Ranged::get) == Some(0)
        {
            let message = "with `max_inflight_messages 0` the bridge asks for a Receive Maximum of 0, which MQTT 5 forbids: it \
                           never connects";
            self.say(
                Code::BridgeV5Unlimited,
                line,
                message,
                "write `max_inflight_messages` with a number, or use mqttv311",
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
}
