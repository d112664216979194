//! A rule in files of other formats.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Direction, TopicRule};

/// The parts of a rule as text, before they are checked.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RuleSpec {
    topic: String,
    #[serde(default)]
    direction: Direction,
    #[serde(default)]
    qos: u8,
    #[serde(default)]
    local_prefix: String,
    #[serde(default)]
    remote_prefix: String,
}

impl Serialize for TopicRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TopicRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RuleVisitor)
    }
}

struct RuleVisitor;

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = TopicRule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a topic rule: a line of mosquitto.conf, or {topic, direction, qos, local-prefix, remote-prefix}",
        )
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TopicRule, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TopicRule, A::Error> {
        let spec = RuleSpec::deserialize(MapAccessDeserializer::new(map))?;
        TopicRule::new(
            spec.topic,
            spec.direction,
            spec.qos,
            spec.local_prefix,
            spec.remote_prefix,
        )
        .map_err(serde::de::Error::custom)
    }
}
