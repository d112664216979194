//! Containers.

use serde_json::{Value, json};

use super::files::{Holder, Key};
use super::{Probe, Profile, Volume};
use crate::name::{AbsolutePath, DnsLabel, ImageRef, Port, PortName};
use crate::quantity::Quantity;

/// What a container may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Processor time that is set aside. There is no limit.
    pub cpu: Quantity,
    /// Memory that is set aside, and the limit.
    pub memory: Quantity,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPort {
    name: PortName,
    number: Port,
}

/// One container. It has the security context of the restricted level.
#[derive(Clone, Debug)]
pub struct Container {
    name: DnsLabel,
    image: String,
    command: Vec<String>,
    args: Vec<String>,
    env: Vec<Value>,
    ports: Vec<ContainerPort>,
    mounts: Vec<Value>,
    resources: Resources,
    probes: Vec<(&'static str, Probe)>,
    pre_stop: Option<Vec<String>>,
}

impl Resources {
    /// Both as text.
    ///
    /// # Panics
    /// When one is no quantity; they are literals.
    #[must_use]
    pub fn literal(cpu: &'static str, memory: &'static str) -> Self {
        let quantity = |text: &str| text.parse().expect("a literal is a quantity");
        Self {
            cpu: quantity(cpu),
            memory: quantity(memory),
        }
    }

    fn value(&self) -> Value {
        json!({"requests": {"cpu": self.cpu, "memory": self.memory}, "limits": {"memory": self.memory}})
    }
}

impl ContainerPort {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &PortName {
        &self.name
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> Port {
        self.number
    }
}

impl Container {
    /// A container that runs what the image says, with 10m and 32Mi.
    #[must_use]
    pub fn new(name: DnsLabel, image: &ImageRef) -> Self {
        Self {
            name,
            image: image.to_string(),
            command: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            ports: Vec::new(),
            mounts: Vec::new(),
            resources: Resources::literal("10m", "32Mi"),
            probes: Vec::new(),
            pre_stop: None,
        }
    }

    /// The program and its arguments, in place of the image's.
    pub fn command(&mut self, words: &[&str]) -> &mut Self {
        self.command = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Arguments for the image's program.
    pub fn args(&mut self, words: &[&str]) -> &mut Self {
        self.args = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// A variable that is no secret.
    pub fn env(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.env.push(json!({"name": name, "value": value.into()}));
        self
    }

    /// A variable with the value of a key.
    pub fn env_from(&mut self, name: &str, key: &Key) -> &mut Self {
        let member = match key.holder {
            Holder::ConfigMap => "configMapKeyRef",
            Holder::Secret => "secretKeyRef",
        };
        let from = json!({member: {"name": key.object, "key": key.key}});
        self.env.push(json!({"name": name, "valueFrom": from}));
        self
    }

    /// A variable with a field of the pod, such as `metadata.name`.
    pub fn env_field(&mut self, name: &str, path: &str) -> &mut Self {
        self.env
            .push(json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}));
        self
    }

    /// A port that it listens on.
    pub fn port(&mut self, name: PortName, number: Port) -> ContainerPort {
        let port = ContainerPort { name, number };
        self.ports.push(port.clone());
        port
    }

    /// Mounts a volume of the same pod; read-only where the volume is.
    pub fn mount(&mut self, volume: &Volume, path: &AbsolutePath) -> &mut Self {
        let mut mount = json!({"name": volume.name(), "mountPath": path});
        if volume.is_read_only() {
            mount["readOnly"] = json!(true);
        }
        self.mounts.push(mount);
        self
    }

    /// What it may use.
    pub fn resources(&mut self, resources: Resources) -> &mut Self {
        self.resources = resources;
        self
    }

    /// The others wait until it succeeds.
    pub fn started(&mut self, probe: Probe) -> &mut Self {
        self.probes.push(("startupProbe", probe));
        self
    }

    /// The container is started again when it fails.
    pub fn alive(&mut self, probe: Probe) -> &mut Self {
        self.probes.push(("livenessProbe", probe));
        self
    }

    /// The pod gets connections while it succeeds.
    pub fn ready(&mut self, probe: Probe) -> &mut Self {
        self.probes.push(("readinessProbe", probe));
        self
    }

    /// Runs before SIGTERM is sent.
    pub fn pre_stop(&mut self, command: &[&str]) -> &mut Self {
        self.pre_stop = Some(command.iter().map(|word| (*word).to_owned()).collect());
        self
    }

    pub(super) fn value(&self) -> Value {
        let mut value = json!({"name": self.name, "image": self.image});
        let mut add = |member: &str, list: Value| {
            if list.as_array().is_some_and(|list| !list.is_empty()) {
                value[member] = list;
            }
        };
        add("command", json!(self.command));
        add("args", json!(self.args));
        add("env", json!(self.env));
        let port = |port: &ContainerPort| json!({"name": port.name, "containerPort": port.number, "protocol": "TCP"});
        add("ports", self.ports.iter().map(port).collect());
        add("volumeMounts", json!(self.mounts));
        value["resources"] = self.resources.value();
        value["securityContext"] = Profile::container();
        for (member, probe) in &self.probes {
            value[*member] = probe.value();
        }
        if let Some(command) = &self.pre_stop {
            value["lifecycle"] = json!({"preStop": {"exec": {"command": command}}});
        }
        value
    }
}
