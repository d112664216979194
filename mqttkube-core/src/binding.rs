//! Compiled bindings: what a configuration means once nothing in it can be wrong any more.
//!
//! Everything here was checked when it was built and is never checked again: topics carry their prefix, loci
//! and expressions are parsed, templates are read. The engine only looks things up.

mod action;

use std::fmt;
use std::time::Duration;

use mqttkube_mapping::{CastType, Encoding, Expr, Locus, Topic, TopicFilter, ValueMap, WritePath};
use serde_json::{Number, Value};

pub use self::action::{ActionItem, OnExists, Verb};
use crate::ids::KindId;
use crate::topic_template::TopicTemplate;

/// One Kubernetes object, or a selection of objects of one kind, and everything that ties it to MQTT.
#[derive(Debug)]
pub struct Binding {
    pub(crate) id: String,
    pub(crate) target: Target,
    pub(crate) watches: Vec<WatchItem>,
    pub(crate) patches: Vec<PatchItem>,
    pub(crate) actions: Vec<ActionItem>,
}

impl Binding {
    /// The stable name: what `id:` says, else `namespace/resource/name`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The object or objects that the binding is about.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Values of the object that are published, in the order of the file.
    pub fn watches(&self) -> &[WatchItem] {
        &self.watches
    }

    /// Messages that change a field of the object, in the order of the file.
    pub fn patches(&self) -> &[PatchItem] {
        &self.patches
    }

    /// Messages that launch, delete or otherwise act on the object, in the order of the file.
    pub fn actions(&self) -> &[ActionItem] {
        &self.actions
    }
}

/// Which object or objects a binding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub(crate) kind: KindId,
    pub(crate) namespace: Option<String>,
    /// The file named no namespace, so the client's own one stands in `namespace`.
    pub(crate) default_namespace: bool,
    pub(crate) which: Which,
}

impl Target {
    /// The kind, an index into [`Plan::kinds`](crate::plan::Plan::kinds).
    pub fn kind(&self) -> KindId {
        self.kind
    }

    /// The namespace. `None` means all namespaces, or no namespace because the kind is cluster-scoped. Of a kind
    /// whose scope is not known before discovery, a namespace stands here that counts only if it is namespaced.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// One object by its name, or a selection.
    pub fn which(&self) -> &Which {
        &self.which
    }

    /// The name, when the binding is about one object.
    pub fn name(&self) -> Option<&str> {
        match &self.which {
            Which::Name(name) => Some(name),
            Which::Selector { .. } => None,
        }
    }
}

/// One object by name, or all objects that a selector finds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// The object of this name.
    Name(String),
    /// Every object that both selectors accept; an absent selector accepts all.
    Selector {
        /// Label selector in the text form of the API, such as `app=web,tier!=db`.
        labels: Option<String>,
        /// Field selector in the text form of the API, such as `metadata.name=web`.
        fields: Option<String>,
    },
}

/// A value of the object that is published whenever it changes.
#[derive(Debug)]
pub struct WatchItem {
    pub(crate) locus: Locus,
    pub(crate) topic: TopicTemplate,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) values: ValueMap,
    pub(crate) on_miss: OnMiss,
    pub(crate) on_absent: OnAbsent,
    pub(crate) on_delete: OnDelete,
    pub(crate) min_interval: Duration,
    pub(crate) encoding: Encoding,
}

impl WatchItem {
    /// Where the value lies in the object.
    pub fn locus(&self) -> &Locus {
        &self.locus
    }

    /// Where it is published, with the prefix.
    pub fn topic(&self) -> &TopicTemplate {
        &self.topic
    }

    /// The quality of service of the publish, 0 to 2.
    pub fn qos(&self) -> u8 {
        self.qos
    }

    /// Whether the broker keeps the value for later subscribers.
    pub fn retain(&self) -> bool {
        self.retain
    }

    /// At most one publish in this time; zero is no limit.
    pub fn min_interval(&self) -> Duration {
        self.min_interval
    }
}

/// What a watch does with a value that no entry of its map accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMiss {
    /// Publish the value as it is in the object.
    #[default]
    Raw,
    /// Publish nothing.
    Drop,
    /// Publish nothing and report an error.
    Error,
}

/// What a watch does when the locus finds nothing in a present object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnAbsent {
    /// Go on as if the value were null.
    #[default]
    Null,
    /// Publish nothing.
    Skip,
}

/// What a watch does when the object is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnDelete {
    /// Publish an empty payload, which also removes a retained message.
    #[default]
    Clear,
    /// Go on as if the value were null.
    MapNull,
    /// Publish nothing.
    Keep,
    /// Publish this text.
    Payload(String),
}

/// What every item that listens to a topic has.
#[derive(Debug)]
pub struct Command {
    pub(crate) topic: TopicFilter,
    pub(crate) qos: u8,
    pub(crate) retained: Retained,
    pub(crate) values: ValueMap,
    /// Identifies the command across redeliveries; over [`Command::ID_NAMES`].
    pub(crate) id: Option<Expr>,
    pub(crate) result: Option<Topic>,
    pub(crate) dead_letter: Option<Topic>,
}

impl Command {
    /// What the expression that identifies a command may use, in the order in which it is given the values.
    pub(crate) const ID_NAMES: [&'static str; 3] = ["match", "json", "value"];

    /// The filter that is subscribed, with the prefix.
    pub fn topic(&self) -> &TopicFilter {
        &self.topic
    }

    /// The quality of service of the subscription, at most 1.
    pub fn qos(&self) -> u8 {
        self.qos
    }

    /// Whether a retained message is a command.
    pub fn retained(&self) -> Retained {
        self.retained
    }

    /// Where the outcome is published.
    pub fn result(&self) -> Option<&Topic> {
        self.result.as_ref()
    }

    /// Where the raw message goes when it is given up.
    pub fn dead_letter(&self) -> Option<&Topic> {
        self.dead_letter.as_ref()
    }
}

/// What a retained message does to an item that listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retained {
    /// Nothing: a command is an event, not a state.
    #[default]
    Ignore,
    /// It is executed once for each topic and payload in a session.
    Once,
}

/// A message that changes one field of the object.
#[derive(Debug)]
pub struct PatchItem {
    pub(crate) command: Command,
    pub(crate) locus: Locus,
    pub(crate) path: WritePath,
    pub(crate) cast: CastType,
    pub(crate) strategy: Strategy,
    pub(crate) bounds: Bounds,
}

impl PatchItem {
    /// Topic, quality of service, mapping and results.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// The field that is written.
    pub fn locus(&self) -> &Locus {
        &self.locus
    }

    /// The way of writing that was asked for.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }
}

/// How a patch is sent to the API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The scale subresource for `spec.replicas` of a kind that has one, a JSON patch where a list element is
    /// addressed, a merge patch everywhere else.
    #[default]
    Auto,
    /// Server-side apply of exactly the one field, never forced.
    Apply,
    /// A merge patch of exactly the one field.
    Merge,
    /// A JSON patch, guarded by a test.
    Json,
}

/// Inclusive limits of the number that a patch writes. Anything but a number passes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    pub(crate) min: Option<Number>,
    pub(crate) max: Option<Number>,
}

impl Bounds {
    /// Whether `value` lies within the limits.
    pub fn allow(&self, value: &Value) -> bool {
        let Value::Number(number) = value else { return true };
        let above = self.min.as_ref().is_none_or(|min| !less(number, min));
        above && self.max.as_ref().is_none_or(|max| !less(max, number))
    }
}

/// Integers are compared as integers: 2^53 and 2^53 + 1 are the same float.
fn less(a: &Number, b: &Number) -> bool {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a < b,
        _ => a.as_f64() < b.as_f64(),
    }
}

/// Points at one item of one binding of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemRef {
    /// Index of the binding.
    pub binding: u32,
    /// Which of its three lists.
    pub kind: ItemKind,
    /// Index in that list.
    pub index: u32,
}

/// `patch[0]`: the item within its binding.
impl fmt::Display for ItemRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.kind.as_str(), self.index)
    }
}

/// The three lists of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemKind {
    /// An entry of `watch`.
    Watch,
    /// An entry of `patch`.
    Patch,
    /// An entry of `action`.
    Action,
}

impl ItemKind {
    /// The key in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Patch => "patch",
            Self::Action => "action",
        }
    }
}
