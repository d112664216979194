//! Ways out of manifests that have grown old: each a pure function from a bundle to a bundle and the list of what it
//! changed and why.
//!
//! A migration does what can be done without asking. What it cannot do it leaves as it is and says so.

mod apps_v1;
mod deployment_config;
mod files;
mod mosquitto_2_1;
mod one_volume;
mod secrets;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::bundle::Bundle;
use crate::object::{Object, ObjectKey};

pub use apps_v1::apps_v1;
pub use deployment_config::deployment_configs;
pub use mosquitto_2_1::mosquitto_2_1;
pub use one_volume::one_volume;
pub use secrets::secrets;

/// One thing that a migration did, or left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The object as it was, as `Kind/namespace/name`.
    pub object: String,
    /// Where in it, as `spec.selector`.
    pub path: String,
    /// What was done.
    pub what: String,
    /// Why.
    pub why: &'static str,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            path,
            what,
            why,
        } = self;
        write!(f, "{object}: {what}\n  at {path}\n  why: {why}")
    }
}

/// One migration.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Migration {
    /// Such as `apps-v1`.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Does it.
    pub run: fn(&Bundle) -> (Bundle, Vec<Change>),
}

/// Those that keep the version of the broker, in the order in which they belong.
pub const ALL: &[Migration] = &[
    Migration {
        name: "deployment-config",
        summary: "DeploymentConfig of OpenShift becomes Deployment",
        run: deployment_configs,
    },
    Migration {
        name: "apps-v1",
        summary: "workloads of removed API versions, or without a selector, become apps/v1",
        run: apps_v1,
    },
    Migration {
        name: "one-volume",
        summary: "a Deployment on a volume for one node ends its old pod before it starts the new one",
        run: one_volume,
    },
    Migration {
        name: "secrets",
        summary: "keys, password files and passwords in ConfigMaps go into Secrets",
        run: secrets,
    },
];

/// Mosquitto 2.0 to 2.1. Not among [`ALL`]: it changes what runs.
pub const MOSQUITTO_2_1: Migration = Migration {
    name: "mosquitto-2.1",
    summary: "image, configuration and mounts of Mosquitto 2.0 become those of 2.1",
    run: mosquitto_2_1,
};

/// Runs [`ALL`].
///
/// ```
/// use mqttkube_manifests::{legacy, migrate};
///
/// let (bundle, changes) = migrate::all(&legacy::node_port::bundle());
/// assert_eq!(bundle.check().errors().count(), 0);
/// assert_eq!(changes[0].object, "Deployment/mqtt/mqtt");
/// assert_eq!(changes[0].what, "extensions/v1beta1 becomes apps/v1");
/// ```
#[must_use]
pub fn all(bundle: &Bundle) -> (Bundle, Vec<Change>) {
    let mut changes = Vec::new();
    let bundle = ALL.iter().fold(bundle.clone(), |bundle, migration| {
        let (bundle, done) = (migration.run)(&bundle);
        changes.extend(done);
        bundle
    });
    (bundle, changes)
}

/// A bundle that is being changed.
struct Work {
    objects: Vec<Value>,
    changes: Vec<Change>,
}

impl Work {
    fn new(bundle: &Bundle) -> Self {
        let objects = bundle.objects().iter();
        Self {
            objects: objects.map(|object| object.value().clone()).collect(),
            changes: Vec::new(),
        }
    }

    fn say(&mut self, object: &str, path: impl Into<String>, what: impl Into<String>, why: &'static str) {
        self.changes.push(Change {
            object: object.to_owned(),
            path: path.into(),
            what: what.into(),
            why,
        });
    }

    fn find(&self, kind: &str, namespace: &Value, name: &str) -> Option<usize> {
        self.objects.iter().position(|object| {
            let metadata = &object["metadata"];
            object["kind"] == kind && metadata["namespace"] == *namespace && metadata["name"] == name
        })
    }

    fn done(self) -> (Bundle, Vec<Change>) {
        let mut bundle = Bundle::new();
        for object in self.objects {
            bundle
                .add_value(object)
                .expect("a migration takes no name that is taken");
        }
        (bundle, self.changes)
    }
}

/// How an object is called in changes.
fn key(object: &Value) -> String {
    let key: Option<ObjectKey> = Object::new(object.clone())
        .ok()
        .map(|object| object.key().clone());
    key.map_or_else(String::new, |key| key.to_string())
}

/// The pod of an object, as pointer and as path, where it has one.
fn pod(object: &Value) -> Option<(&'static str, &'static str)> {
    match object["kind"].as_str()? {
        "Pod" => Some(("/spec", "spec")),
        "CronJob" => Some((
            "/spec/jobTemplate/spec/template/spec",
            "spec.jobTemplate.spec.template.spec",
        )),
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "Job"
        | "DeploymentConfig"
        | "ReplicationController" => Some(("/spec/template/spec", "spec.template.spec")),
        _ => None,
    }
}

/// The elements of a list; none when it is absent.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What is at the end of a path through maps.
fn at_mut<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, member| value.get_mut(member))
}

/// The elements of a list at the end of a path; none when it is absent.
fn list_mut<'a>(value: &'a mut Value, path: &[&str]) -> impl Iterator<Item = &'a mut Value> {
    at_mut(value, path)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

/// Takes what is at the end of a path out of its map.
fn take(value: &mut Value, path: &[&str]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    at_mut(value, parents)?.as_object_mut()?.shift_remove(*last)
}

/// Puts a value at the end of a path and makes the maps on the way; does nothing where something else is in the way.
fn put(value: &mut Value, path: &[&str], new: Value) {
    let Some((first, rest)) = path.split_first() else {
        *value = new;
        return;
    };
    if value.is_null() {
        *value = Value::Object(serde_json::Map::new());
    }
    if let Some(map) = value.as_object_mut() {
        put(map.entry(*first).or_insert(Value::Null), rest, new);
    }
}
