//! What makes the pod, and how it is treated.

use serde::{Deserialize, Serialize};

use super::SecretKey;
use crate::name::{ImageRef, Port, PortName};

/// What the objects are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Kubernetes: the pod runs as user and group 1883.
    #[default]
    Kubernetes,
    /// OpenShift under `restricted-v2`, which chooses user and group itself.
    OpenShift,
}

/// The kind of object that makes the pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Workload {
    /// A StatefulSet with a volume of its own.
    #[default]
    StatefulSet,
    /// A Deployment that ends the old pod before it starts the new one, and a claim.
    Deployment,
    /// OpenShift's older kind, deprecated there.
    DeploymentConfig,
}

/// What a node drain may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disruption {
    /// One pod at a time may go, a broken one always.
    #[default]
    OneAtATime,
    /// No budget.
    None,
}

/// Which nodes and zones the pods of one broker, and brokers that are part of one system, are spread over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// Where it is possible.
    #[default]
    Preferred,
    /// Or the pod waits.
    Required,
    /// Not at all.
    None,
}

/// What is measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metrics {
    /// Nothing.
    #[default]
    None,
    /// A second container reads `$SYS` over MQTT and serves it to Prometheus.
    Exporter(Exporter),
}

/// A second container that reads `$SYS` over MQTT, in the way of sapcc/mosquitto-exporter: its settings are the
/// variables `BROKER_ENDPOINT`, `MQTT_USER` and `MQTT_PASS`, it serves `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Exporter {
    /// Its image.
    pub image: ImageRef,
    /// Its user name; needs the right to read `$SYS/#`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<SecretKey>,
    /// Its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretKey>,
    /// Where it serves. Default 9234.
    #[serde(default = "metrics_port")]
    pub port: Port,
    /// How Prometheus finds it.
    #[serde(default)]
    pub monitor: Monitor,
}

/// How Prometheus finds an exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Monitor {
    /// By a PodMonitor.
    #[default]
    Pod,
    /// By a ServiceMonitor.
    Service,
    /// By other means.
    None,
}

/// Who tells the broker that passwords, rights or certificates have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reload {
    /// A loop in its container: it looks at the mounted files every 15 seconds and sends SIGHUP. Renewed certificates are
    /// seen in time. The image needs a shell.
    #[default]
    Watch,
    /// Nobody: SIGHUP is sent by hand, or the pod is replaced.
    Manual,
}

/// Several replicas of a broker that shares its sessions between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// How many; at least 3.
    pub replicas: u16,
    /// Ports that only the replicas themselves use.
    pub ports: Vec<(PortName, Port)>,
    /// Changes the number of replicas by load.
    pub autoscaling: Option<Autoscaling>,
}

/// Bounds of an autoscaler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Autoscaling {
    /// The fewest replicas.
    pub min: u16,
    /// The most.
    pub max: u16,
    /// Percent of the requested processor time at which one more is started.
    pub cpu: u8,
}

const fn metrics_port() -> Port {
    Port::literal(9234)
}

impl Exporter {
    /// An exporter for a broker that lets it in without a name.
    #[must_use]
    pub const fn new(image: ImageRef) -> Self {
        Self {
            image,
            username: None,
            password: None,
            port: metrics_port(),
            monitor: Monitor::Pod,
        }
    }
}
