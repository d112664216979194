//! What a configuration says, before anything of it was checked: plain data with the defaults filled in.
//!
//! A YAML file is read into these types, and a Rust program can build them directly.

mod binding;
mod cases;
mod items;

use std::time::Duration;

use mqttkube_mapping::yaml::Position;

pub use self::binding::{BindingSpec, SelectorSpec, TargetSpec};
pub use self::cases::{CaseInput, CaseSpec, Expectation};
pub use self::items::{ActionItemSpec, CommandSpec, LaunchSource, PatchItemSpec, TopicSpec, WatchItemSpec};
use crate::binding::{OnDelete, OnMiss, Retained};

/// Everything that decides what bindings do.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// How the API server is reached and how patiently.
    pub kubernetes: KubernetesSpec,
    /// Values for items that do not say.
    pub defaults: DefaultsSpec,
    /// The bindings.
    pub bindings: Vec<BindingSpec>,
    /// Name of the file that it was read from.
    pub(crate) file: Option<String>,
}

impl Spec {
    /// These bindings, with the defaults for everything else.
    pub fn new(bindings: Vec<BindingSpec>) -> Self {
        Self {
            bindings,
            ..Self::default()
        }
    }
}

/// The section `kubernetes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesSpec {
    /// Path of a kubeconfig; default: `KUBECONFIG`, `~/.kube/config`, or the service account of the pod.
    pub kubeconfig: Option<String>,
    /// Context of the kubeconfig; default: its current one.
    pub context: Option<String>,
    /// The name under which server-side apply owns fields; default: `mqtt-kube`.
    pub field_manager: String,
    /// Deadline of one API request; default: 10 s.
    pub request_timeout: Duration,
    /// How long one watch stays open; default: 60 s.
    pub watch_timeout: Duration,
    /// How long a failure of one object is retried; default: 5 min.
    pub retry_deadline: Duration,
}

impl Default for KubernetesSpec {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            field_manager: "mqtt-kube".to_owned(),
            request_timeout: Duration::from_secs(10),
            watch_timeout: Duration::from_secs(60),
            retry_deadline: Duration::from_secs(300),
        }
    }
}

/// The section `defaults`: what holds for items that do not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultsSpec {
    /// Quality of service; else 1.
    pub qos: Option<u8>,
    /// Whether watches publish retained; else not.
    pub retain: Option<bool>,
    /// What retained commands do; else nothing.
    pub retained: Option<Retained>,
    /// Where outcomes go; else nowhere.
    pub result: Option<TopicSpec>,
    /// Where messages go that were given up; else nowhere.
    pub dead_letter: Option<TopicSpec>,
    /// What watches do with values that their map does not know; else publish them raw.
    pub on_miss: Option<OnMiss>,
    /// What watches do when the object is gone; else clear the topic.
    pub on_delete: Option<OnDelete>,
}

/// What reading a file leaves behind in an entry: nothing, unless something was wrong with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// Place in the list of the file, which counts entries that could not be read.
    pub(crate) place: Option<usize>,
    /// Keys that are missing or wrong. That was reported, so their values mean nothing.
    pub(crate) unread: Vec<&'static str>,
    /// Where it begins.
    pub(crate) position: Option<Position>,
}

impl Origin {
    pub(crate) fn has(&self, key: &str) -> bool {
        !self.unread.contains(&key)
    }
}
