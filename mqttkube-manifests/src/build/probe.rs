//! Probes.

use serde_json::{Value, json};

use super::ContainerPort;

/// How the kubelet finds out whether a container is well.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    action: Value,
    period: u32,
    timeout: u32,
    failures: u32,
}

impl Probe {
    const fn new(action: Value) -> Self {
        Self {
            action,
            period: 10,
            timeout: 5,
            failures: 3,
        }
    }

    /// Something listens on the port.
    #[must_use]
    pub fn tcp(port: &ContainerPort) -> Self {
        Self::new(json!({"tcpSocket": {"port": port.name()}}))
    }

    /// A GET of the path is answered with 200 to 399.
    #[must_use]
    pub fn http(port: &ContainerPort, path: &str) -> Self {
        Self::new(json!({"httpGet": {"port": port.name(), "path": path}}))
    }

    /// The command ends with 0.
    #[must_use]
    pub fn exec(command: &[&str]) -> Self {
        Self::new(json!({"exec": {"command": command}}))
    }

    /// Seconds between two probes; default 10.
    #[must_use]
    pub fn every(self, period: u32) -> Self {
        Self { period, ..self }
    }

    /// Seconds for an answer; default 5.
    #[must_use]
    pub fn within(self, timeout: u32) -> Self {
        Self { timeout, ..self }
    }

    /// How often in a row it must fail; default 3.
    #[must_use]
    pub fn failures(self, failures: u32) -> Self {
        Self { failures, ..self }
    }

    pub(super) fn value(&self) -> Value {
        let mut value = self.action.clone();
        value["periodSeconds"] = json!(self.period);
        value["timeoutSeconds"] = json!(self.timeout);
        value["failureThreshold"] = json!(self.failures);
        value
    }
}
