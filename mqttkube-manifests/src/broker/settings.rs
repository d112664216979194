//! What is kept, bounded, logged and used.

use serde::{Deserialize, Serialize};

use crate::name::DnsSubdomain;
use crate::quantity::Quantity;

/// What is kept over a restart: sessions, queues and retained messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Persistence {
    /// How much room the volume has.
    pub size: Quantity,
    /// The class of storage; the cluster's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<DnsSubdomain>,
}

/// Bounds of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Messages that wait for one absent client; 0 is no limit. When absent 10,000, and no limit with bridges, whose
    /// queues must hold an outage.
    pub max_queued: Option<u32>,
    /// Unacknowledged messages under way to one client. Default 100.
    pub max_inflight: u16,
    /// Bytes of a packet. Default 2,000,000, as Mosquitto 2.1 has it.
    pub max_packet: u32,
}

/// What is logged, to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Logging {
    /// Lines of this level and above.
    pub level: Level,
    /// A line for each client that comes or goes. Default true.
    pub connections: bool,
}

/// How important a line must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Errors.
    Error,
    /// And warnings.
    Warning,
    /// And notices.
    Notice,
    /// And information.
    #[default]
    #[serde(alias = "info")]
    Information,
    /// And every packet.
    Debug,
}

/// What the broker may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Resources {
    /// Processor time that is set aside. Default `100m`. There is no limit: a broker that is throttled makes all its
    /// clients wait.
    pub cpu: Quantity,
    /// Memory that is set aside, and at which it is killed. Default `64Mi`.
    pub memory: Quantity,
}

impl Persistence {
    /// A volume of the cluster's default class.
    #[must_use]
    pub const fn new(size: Quantity) -> Self {
        Self {
            size,
            storage_class: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_queued: None,
            max_inflight: 100,
            max_packet: 2_000_000,
        }
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: Level::default(),
            connections: true,
        }
    }
}

impl Default for Resources {
    fn default() -> Self {
        let quantity = |text: &str| text.parse().expect("it is a quantity");
        Self {
            cpu: quantity("100m"),
            memory: quantity("64Mi"),
        }
    }
}
