//! What holds for the whole broker: above all, what survives.

use super::{Check, Code};
use crate::read::Section::Broker;
use crate::setting::{LogType, Ranged};
use crate::{Plugin, Version};

/// A queue of at least so many messages was chosen with outages in mind.
const ENOUGH: i64 = 100_000;

impl Check<'_> {
    pub(super) fn broker(&mut self) {
        self.persistence();
        self.queues();
        self.clients();
        self.limits();
        self.log();
    }

    fn persistence(&mut self) {
        let global = &self.config.global;
        let line = self.line(Broker, "persistence");
        if global.persistence != Some(true) {
            if !self.config.connections.is_empty() && !self.has_sqlite() {
                let message =
                    "nothing is written to disk: what waits for a bridge is lost when the broker stops";
                self.say(
                    Code::PersistenceOff,
                    line,
                    message,
                    "write `persistence true` and a `persistence_location`",
                );
            }
            return;
        }
        if global.persistence_location.is_none() {
            let message = "the database is written to the directory that the broker was started in";
            self.say(
                Code::PersistenceLocation,
                line,
                message,
                "write `persistence_location` with a folder that stays",
            );
        }
        let interval = global.autosave_interval.map_or(1800, Ranged::get);
        if global.autosave_on_changes != Some(true) && (interval == 0 || interval > 60) {
            let line = self.line(Broker, "autosave_interval");
            let message = match interval {
                0 => "the database is written when the broker stops: one that is killed loses everything"
                    .to_owned(),
                _ => format!("a broker that is killed loses what came in the last {interval} s"),
            };
            self.say(
                Code::AutosaveWindow,
                line,
                message,
                "write `autosave_interval 1` and `autosave_on_changes true`",
            );
        }
        if self.has_sqlite() {
            let message =
                "the sqlite plugin keeps messages itself and does not go together with `persistence true`";
            self.say(
                Code::PersistenceSqlite,
                line,
                message,
                "remove `persistence true`",
            );
        }
        if self.version == Version::V2_1 {
            let message = "`mosquitto --test-config` on this file empties the database of the running broker";
            self.say(
                Code::TestConfigWipes,
                line,
                message,
                "test a copy with `persistence false`",
            );
        }
    }

    fn has_sqlite(&self) -> bool {
        self.plugins()
            .any(|plugin| plugin.path.as_str().contains("persist_sqlite"))
    }

    /// Those of the whole broker and of each listener.
    pub(super) fn plugins(&self) -> impl Iterator<Item = &Plugin> {
        let config = self.config;
        let listeners = config
            .listeners
            .iter()
            .flat_map(|listener| &listener.security.plugins);
        let before = &config.default_listener.security.plugins;
        config.security.plugins.iter().chain(before).chain(listeners)
    }

    fn queues(&mut self) {
        let global = &self.config.global;
        let bridged = !self.config.connections.is_empty();
        let messages = global.max_queued_messages.map_or(1000, Ranged::get);
        let bytes = global.max_queued_bytes.map_or(0, Ranged::get);
        let few = (1..ENOUGH).contains(&messages);
        if bridged && (few || bytes != 0) {
            let (key, most) = if few {
                ("max_queued_messages", format!("{messages} messages"))
            } else {
                ("max_queued_bytes", format!("{bytes} bytes"))
            };
            let message =
                format!("a bridge that is down keeps {most}; what comes then is dropped without a word");
            let line = self.line(Broker, key);
            let help = match (key, self.version) {
                ("max_queued_messages", Version::V2_0) => {
                    "write `max_queued_messages 1000000`, or a number that fits the longest outage".to_owned()
                }
                _ => format!("write `{key} 0`, or a number that fits the longest outage"),
            };
            self.say(Code::QueueLimit, line, message, help);
        }
        if messages == 0 && self.version == Version::V2_0 {
            let line = self.line(Broker, "max_queued_messages");
            let message = "before 2.0.22 no limit was taken for a queue of 0 in places: 2.0.16 drops every message, 2.0.21 \
                           ends connections with \"quota exceeded\" (issues 2879, 3244 of Mosquitto)";
            self.say(
                Code::QueueUnlimited,
                line,
                message,
                "write a large number, such as `max_queued_messages 1000000`, or use 2.0.22 or later",
            );
        }
        let qos0 = |rule: &crate::TopicRule| rule.qos() == 0;
        if bridged
            && global.queue_qos0_messages != Some(true)
            && self
                .config
                .connections
                .iter()
                .any(|bridge| bridge.rules.iter().any(qos0))
        {
            let line = self.line(Broker, "queue_qos0_messages");
            let message = "rules of QoS 0 lose what comes while the bridge is down";
            self.say(
                Code::Qos0NotQueued,
                line,
                message,
                "give the rules QoS 1, or write `queue_qos0_messages true`",
            );
        }
    }

    fn clients(&mut self) {
        let global = &self.config.global;
        if let Some(expiry) = global.persistent_client_expiration {
            let line = self.line(Broker, "persistent_client_expiration");
            let message =
                format!("a client that stays away for {expiry} loses its subscriptions and its queue");
            self.say(
                Code::ClientExpiration,
                line,
                message,
                "make it longer than the longest outage",
            );
        }
        if global.upgrade_outgoing_qos == Some(true) {
            let line = self.line(Broker, "upgrade_outgoing_qos");
            let message =
                "messages are sent with a higher QoS than they were published with, which MQTT forbids";
            self.say(
                Code::UpgradeOutgoingQos,
                line,
                message,
                "publish with the QoS that is needed",
            );
        }
        if !self.config.connections.is_empty() && self.config.per_listener() {
            let line = self.line(Broker, "per_listener_settings");
            let message = "with this option queued messages of bridges were lost at a restart (issue 1891 of Mosquitto)";
            self.say(
                Code::PerListenerBridges,
                line,
                message,
                "use one set of users for all listeners",
            );
        }
    }

    fn limits(&mut self) {
        let global = &self.config.global;
        if self.version == Version::V2_1 && global.max_packet_size.is_none() {
            let message = "2.1 takes packets of up to 2,000,000 bytes, 2.0 took 256 MB";
            self.say(
                Code::PacketSizeDefault,
                1,
                message,
                "write `max_packet_size` with the size that you need",
            );
        }
        if global.allow_duplicate_messages.is_some() {
            let line = self.line(Broker, "allow_duplicate_messages");
            let message = "the option is deprecated; one copy per overlapping subscription becomes the rule";
            self.say(
                Code::DuplicatesDeprecated,
                line,
                message,
                "make filters and rules that do not overlap",
            );
        }
    }

    fn log(&mut self) {
        if self.config.global.log_type.contains(&LogType::All) {
            let line = self.line(Broker, "log_type");
            let message = "every packet becomes a line, with its topic";
            self.say(
                Code::LogAll,
                line,
                message,
                "write `error`, `warning`, `notice` and `information`, each on a line",
            );
        }
    }
}
