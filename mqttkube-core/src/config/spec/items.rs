//! Entries of `watch`, `patch` and `action`.

use std::time::Duration;

use mqttkube_mapping::yaml::Node;
use mqttkube_mapping::{CastType, Encoding, TemplateMode, ValuesSpec};
use serde_json::{Number, Value};

use super::Origin;
use crate::binding::{OnAbsent, OnDelete, OnExists, OnMiss, Retained, Strategy, Verb};

/// A topic or filter as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSpec {
    /// The text.
    pub text: String,
    /// The prefix is left out.
    pub absolute: bool,
}

impl<T: Into<String>> From<T> for TopicSpec {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            absolute: false,
        }
    }
}

/// A value of the object that is published.
#[derive(Clone, Debug)]
pub struct WatchItemSpec {
    /// Where the value lies: a JSON path.
    pub locus: String,
    /// Where it goes; may hold `{name}`, `{namespace}`, `{kind}` and `{uid}`.
    pub topic: TopicSpec,
    /// Quality of service of the publish, 0 to 2; default: 1.
    pub qos: Option<u8>,
    /// Whether the broker keeps it; default: not.
    pub retain: Option<bool>,
    /// From the value in the object to the payload; default: as it is.
    pub values: ValuesSpec,
    /// What a value does that the map does not know; default: it is published raw.
    pub on_miss: Option<OnMiss>,
    /// What an absent value does; default: it counts as null.
    pub on_absent: OnAbsent,
    /// What happens when the object is gone; default: the topic is cleared.
    pub on_delete: Option<OnDelete>,
    /// At most one publish in this time; default: no limit.
    pub min_interval: Duration,
    /// Payloads as text (default) or always as JSON documents.
    pub encoding: Encoding,
    pub(crate) origin: Origin,
}

impl WatchItemSpec {
    /// Publishes what lies at `locus` on `topic`.
    pub fn new(locus: impl Into<String>, topic: impl Into<TopicSpec>) -> Self {
        Self {
            locus: locus.into(),
            topic: topic.into(),
            qos: None,
            retain: None,
            values: ValuesSpec::default(),
            on_miss: None,
            on_absent: OnAbsent::default(),
            on_delete: None,
            min_interval: Duration::ZERO,
            encoding: Encoding::Text,
            origin: Origin::default(),
        }
    }

    /// Maps the value on its way out.
    #[must_use]
    pub fn values(mut self, values: ValuesSpec) -> Self {
        self.values = values;
        self
    }

    /// Lets the broker keep the value for later subscribers, or not.
    #[must_use]
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = Some(retain);
        self
    }
}

/// What every item that listens to a topic has.
#[derive(Clone, Debug)]
pub struct CommandSpec {
    /// The filter to listen to; wildcards are allowed.
    pub topic: TopicSpec,
    /// Quality of service of the subscription; 2 counts as 1. Default: 1.
    pub qos: Option<u8>,
    /// What a retained message does; default: nothing.
    pub retained: Option<Retained>,
    /// From the payload to the value or verb; default: as it is.
    pub values: ValuesSpec,
    /// Expression that identifies the command, over `match`, `json` and `value`.
    pub id: Option<String>,
    /// Where the outcome goes; default: nowhere.
    pub result: Option<TopicSpec>,
    /// Where the message goes when it is given up; default: nowhere.
    pub dead_letter: Option<TopicSpec>,
}

impl CommandSpec {
    fn new(topic: TopicSpec) -> Self {
        Self {
            topic,
            qos: None,
            retained: None,
            values: ValuesSpec::default(),
            id: None,
            result: None,
            dead_letter: None,
        }
    }
}

/// A message that changes one field.
#[derive(Clone, Debug)]
pub struct PatchItemSpec {
    /// Topic, mapping and results.
    pub command: CommandSpec,
    /// The field: a JSON path that finds at most one place.
    pub locus: String,
    /// What the result is cast to.
    pub cast: CastType,
    /// How it is written.
    pub strategy: Strategy,
    /// Smallest number to write.
    pub min: Option<Number>,
    /// Largest number to write.
    pub max: Option<Number>,
    pub(crate) origin: Origin,
}

impl PatchItemSpec {
    /// Writes payloads that arrive on `topic` to `locus`.
    pub fn new(topic: impl Into<TopicSpec>, locus: impl Into<String>) -> Self {
        Self {
            command: CommandSpec::new(topic.into()),
            locus: locus.into(),
            cast: CastType::Auto,
            strategy: Strategy::Auto,
            min: None,
            max: None,
            origin: Origin::default(),
        }
    }

    /// Maps the payload on its way in.
    #[must_use]
    pub fn values(mut self, values: ValuesSpec) -> Self {
        self.command.values = values;
        self
    }

    /// Publishes the outcome of every command there.
    #[must_use]
    pub fn result(mut self, topic: impl Into<TopicSpec>) -> Self {
        self.command.result = Some(topic.into());
        self
    }
}

/// A message that launches, deletes or otherwise acts on the object.
#[derive(Clone, Debug)]
pub struct ActionItemSpec {
    /// Topic, mapping and results.
    pub command: CommandSpec,
    /// What to launch.
    pub launch: Option<LaunchSource>,
    /// What a launch does when the object is there; default: it fails.
    pub on_exists: OnExists,
    /// What messages may cause; default: launch and delete.
    pub allow: Option<Vec<Verb>>,
    /// How the template is read.
    pub mode: TemplateMode,
    /// The item as `${action.…}` sees it in launch templates; null: its topic.
    pub tree: Value,
    pub(crate) origin: Origin,
}

impl ActionItemSpec {
    /// Acts on payloads that arrive on `topic`.
    pub fn new(topic: impl Into<TopicSpec>) -> Self {
        Self {
            command: CommandSpec::new(topic.into()),
            launch: None,
            on_exists: OnExists::default(),
            allow: None,
            mode: TemplateMode::default(),
            tree: Value::Null,
            origin: Origin::default(),
        }
    }

    /// Maps the payload to a verb.
    #[must_use]
    pub fn values(mut self, values: ValuesSpec) -> Self {
        self.command.values = values;
        self
    }

    /// Publishes the outcome of every command there.
    #[must_use]
    pub fn result(mut self, topic: impl Into<TopicSpec>) -> Self {
        self.command.result = Some(topic.into());
        self
    }

    /// Launches what this YAML text describes.
    #[must_use]
    pub fn launch(mut self, template: impl Into<String>) -> Self {
        self.launch = Some(LaunchSource::Text {
            name: "the template".to_owned(),
            text: template.into(),
        });
        self
    }

    /// Lets messages cause these verbs and no others.
    #[must_use]
    pub fn allow(mut self, verbs: impl Into<Vec<Verb>>) -> Self {
        self.allow = Some(verbs.into());
        self
    }
}

/// Where a launch template comes from.
#[derive(Clone, Debug)]
pub enum LaunchSource {
    /// YAML text.
    Text {
        /// What to call it in messages: the path of its file.
        name: String,
        /// The text.
        text: String,
    },
    /// An object that stands in the configuration itself.
    Inline(Box<Node>),
}
