//! Pods and their volumes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::files::{Holder, Key};
use super::{Account, App, Container, Profile};
use crate::name::{DnsLabel, DnsSubdomain};
use crate::object::Object;
use crate::quantity::Quantity;

/// A volume of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    name: DnsLabel,
    read_only: bool,
}

/// What is in a volume.
#[derive(Clone, Debug)]
pub enum Source {
    /// Files from ConfigMaps and Secrets, in one folder. They follow changes of their source.
    Files(Vec<Key>),
    /// Room on the node's disk that ends with the pod.
    Scratch {
        /// How much.
        size: Quantity,
    },
    /// Room in memory that ends with the pod; counts as memory of the container that writes.
    Memory {
        /// How much.
        size: Quantity,
    },
    /// A claim.
    Claim(Claim),
}

/// A PersistentVolumeClaim for one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    name: String,
    size: Quantity,
    class: Option<DnsSubdomain>,
}

/// A pod, as the template of a workload.
#[derive(Clone, Debug)]
pub struct Pod {
    labels: Value,
    annotations: BTreeMap<String, String>,
    account: Account,
    profile: Profile,
    volumes: Vec<Value>,
    claims: Vec<(DnsLabel, Claim)>,
    init: Vec<(Container, bool)>,
    containers: Vec<Container>,
    grace: u32,
    more: Map<String, Value>,
}

impl Volume {
    pub(super) const fn name(&self) -> &DnsLabel {
        &self.name
    }

    pub(super) const fn is_read_only(&self) -> bool {
        self.read_only
    }
}

impl Claim {
    /// A claim of a size; of the cluster's default class when none is given.
    #[must_use]
    pub fn new(name: &str, size: Quantity, class: Option<DnsSubdomain>) -> Self {
        Self {
            name: name.to_owned(),
            size,
            class,
        }
    }

    fn spec(&self) -> Value {
        let mut spec = json!({
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": self.size}},
        });
        if let Some(class) = &self.class {
            spec["storageClassName"] = json!(class);
        }
        spec
    }

    /// The claim as an object, for a workload that does not make its own.
    #[must_use]
    pub fn object(&self, app: &App) -> Object {
        app.object("v1", "PersistentVolumeClaim", &self.name, [("spec", self.spec())])
    }
}

impl Pod {
    /// A pod of the application.
    #[must_use]
    pub fn new(app: &App, account: &Account, profile: Profile) -> Self {
        Self {
            labels: app.labels(),
            annotations: BTreeMap::new(),
            account: account.clone(),
            profile,
            volumes: Vec::new(),
            claims: Vec::new(),
            init: Vec::new(),
            containers: Vec::new(),
            grace: 30,
            more: Map::new(),
        }
    }

    /// Adds a volume. Only a claim, scratch and memory can be written to.
    pub fn volume(&mut self, name: DnsLabel, source: Source) -> Volume {
        let read_only = matches!(source, Source::Files(_));
        let volume = match source {
            Source::Files(keys) => {
                let mut volume = json!({"name": name});
                volume["projected"] = projected(&keys);
                volume
            }
            Source::Scratch { size } => json!({"name": name, "emptyDir": {"sizeLimit": size}}),
            Source::Memory { size } => {
                json!({"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": size}})
            }
            Source::Claim(claim) => {
                self.claims.push((name.clone(), claim));
                return Volume { name, read_only };
            }
        };
        self.volumes.push(volume);
        Volume { name, read_only }
    }

    /// Adds a container.
    pub fn container(&mut self, container: Container) -> &mut Self {
        self.containers.push(container);
        self
    }

    /// Adds a container that runs to its end before the others start.
    pub fn init(&mut self, container: Container) -> &mut Self {
        self.init.push((container, false));
        self
    }

    /// Adds a container that is started before the others, and runs as long as they do.
    pub fn sidecar(&mut self, container: Container) -> &mut Self {
        self.init.push((container, true));
        self
    }

    /// An annotation of the pod; a new value replaces the pod.
    pub fn annotation(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.annotations.insert(key.to_owned(), value.into());
        self
    }

    /// Seconds from SIGTERM to SIGKILL; default 30.
    pub const fn grace(&mut self, seconds: u32) -> &mut Self {
        self.grace = seconds;
        self
    }

    /// Any other member of the pod's `spec`.
    pub fn set(&mut self, member: &str, value: Value) -> &mut Self {
        self.more.insert(member.to_owned(), value);
        self
    }

    /// The claims that it mounts, for a workload that makes one per pod.
    pub(super) fn claim_templates(&self, labels: &Value) -> Vec<Value> {
        let template = |(name, claim): &(DnsLabel, Claim)| {
            json!({
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": name, "labels": labels},
                "spec": claim.spec(),
            })
        };
        self.claims.iter().map(template).collect()
    }

    /// The template. With `claims` the pod names its claims itself; a StatefulSet adds them.
    pub(super) fn template(&self, claims: bool) -> Value {
        let mut metadata = json!({"labels": self.labels});
        if !self.annotations.is_empty() {
            metadata["annotations"] = json!(self.annotations);
        }
        let mut spec = json!({
            "serviceAccountName": self.account.name(),
            "automountServiceAccountToken": self.account.has_token(),
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": self.grace,
            "securityContext": self.profile.pod(),
        });
        if !self.init.is_empty() {
            spec["initContainers"] = self.init.iter().map(initial).collect();
        }
        spec["containers"] = self.containers.iter().map(Container::value).collect();
        let named = |(name, claim): &(DnsLabel, Claim)| json!({"name": name, "persistentVolumeClaim": {"claimName": claim.name}});
        let mut volumes = self.volumes.clone();
        volumes.extend(self.claims.iter().filter(|_| claims).map(named));
        if !volumes.is_empty() {
            spec["volumes"] = Value::Array(volumes);
        }
        for (member, value) in &self.more {
            spec[member] = value.clone();
        }
        // Parts are moved in: `json!` would copy each of them once more.
        let mut template = json!({"metadata": metadata});
        template["spec"] = spec;
        template
    }
}

/// A container that starts before the others: it ends before they start, or runs as long as they do.
fn initial((container, stays): &(Container, bool)) -> Value {
    let mut value = container.value();
    if *stays {
        value["restartPolicy"] = json!("Always");
    }
    value
}

/// One source per object, each with the keys that are asked for. Only owner and group may read.
fn projected(keys: &[Key]) -> Value {
    let mut objects: Vec<(Holder, &str, Vec<Value>)> = Vec::new();
    for key in keys {
        let item = json!({"key": key.key, "path": key.file()});
        match objects
            .iter_mut()
            .find(|(holder, name, _)| *holder == key.holder && *name == key.object)
        {
            Some((_, _, items)) => items.push(item),
            None => objects.push((key.holder, &key.object, vec![item])),
        }
    }
    let sources: Vec<Value> = objects
        .into_iter()
        .map(|(holder, name, items)| {
            let member = match holder {
                Holder::ConfigMap => "configMap",
                Holder::Secret => "secret",
            };
            json!({member: {"name": name, "items": items}})
        })
        .collect();
    json!({"defaultMode": 0o440, "sources": sources})
}
