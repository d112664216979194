//! HAProxy in front of brokers: a typed configuration, its text, and what a change of it needs.
//!
//! Connections are passed on as TCP. A server counts as alive when it answers an MQTT CONNECT, and when it stops doing so
//! its connections are cut, so that clients come back on another one at once.

mod check;
mod reload;
mod write;

use std::num::NonZeroU16;

use thiserror::Error;

use crate::name::{AbsolutePath, DnsLabel, DnsSubdomain, Port};

pub use check::{HealthCheck, Login};
pub use reload::{Reload, reload};

/// The whole of a `haproxy.cfg`.
///
/// ```
/// use mqttkube_manifests::haproxy::{Frontend, Proxy, Server, Servers};
/// use mqttkube_manifests::name::Port;
///
/// let server = Server { name: "a".parse()?, host: "broker-a.example.com".parse()?, port: Port::literal(1883) };
/// let proxy = Proxy::new(vec![Frontend::new("mqtt".parse()?, Port::literal(1883), Servers::Fixed(vec![server]))]);
/// let text = proxy.write()?;
/// assert!(text.contains("tcp-check send-binary 100e00044d5154540402000500026863"));
/// assert!(text.contains("server a broker-a.example.com:1883"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Where clients connect; at least one, each with a name and a port of its own.
    pub frontends: Vec<Frontend>,
    /// The longest keepalive of a client, in seconds; default 60. A connection is given up after twice that time without
    /// a byte, which is more than the one and a half that MQTT gives a client.
    pub keepalive: NonZeroU16,
    /// Connections at once; default 10,000.
    pub max_connections: u32,
    /// Where `/livez` and `/readyz` are served over HTTP; none when absent. Ready is who has a living server for every
    /// frontend.
    pub health: Option<Port>,
}

/// A port for clients and the brokers behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Its name.
    pub name: DnsLabel,
    /// The port.
    pub port: Port,
    /// Ends TLS here; the brokers get plain MQTT.
    pub tls: Option<Tls>,
    /// The brokers.
    pub servers: Servers,
    /// Who gets connections.
    pub balance: Balance,
    /// When a broker is alive.
    pub check: HealthCheck,
    /// Begins each connection to a broker with the PROXY header, version 1, so that it sees the address of the client.
    /// Version 2 is not offered: Mosquitto 2.1 resets the connections of health checks with it.
    pub proxy_protocol: bool,
}

/// The certificate that clients see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate as PEM, with the key beside it under the same name and the ending `.key`, as in a mounted Secret
    /// of the type `kubernetes.io/tls`.
    pub certificate: AbsolutePath,
    /// Certificates that sign those of clients, which then must have one.
    pub clients: Option<AbsolutePath>,
}

/// Brokers behind a frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Servers {
    /// These; with [`Balance::ActiveBackup`] the first one is active.
    Fixed(Vec<Server>),
    /// The pods of a StatefulSet, by the names that its headless Service gives them.
    Pods {
        /// The StatefulSet.
        set: DnsLabel,
        /// Its headless Service with namespace, as `mosquitto-headless.mqtt.svc.cluster.local`.
        service: DnsSubdomain,
        /// How many pods.
        replicas: NonZeroU16,
        /// The port.
        port: Port,
    },
    /// Whatever the SRV records of a port of a headless Service name, as `_mqtt._tcp.mosquitto.mqtt.svc.cluster.local`.
    Records {
        /// The name of the port in the Service.
        port_name: DnsLabel,
        /// The headless Service with namespace.
        service: DnsSubdomain,
        /// How many at most.
        most: NonZeroU16,
    },
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: DnsLabel,
    /// Its host.
    pub host: DnsSubdomain,
    /// Its port.
    pub port: Port,
}

/// Who gets a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// The broker with the fewest: for brokers that are equal.
    #[default]
    LeastConnections,
    /// The first one, and the next while it is down: for a cluster with one leader. Connections go back when it returns.
    ActiveBackup,
}

/// A configuration that HAProxy would not take.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// Nothing to do.
    #[error("the proxy has no frontend")]
    NoFrontend,
    /// Two of one name.
    #[error("the frontend `{0}` is there twice")]
    Twice(DnsLabel),
    /// Two on one port.
    #[error("the port {port} of `{frontend}` is taken")]
    PortTaken {
        /// The second one.
        frontend: DnsLabel,
        /// The port.
        port: Port,
    },
    /// No broker.
    #[error("the frontend `{0}` has no servers")]
    NoServers(DnsLabel),
    /// Records have no order.
    #[error("the frontend `{0}` needs an active server, and SRV records have no order; name the pods")]
    NoOrder(DnsLabel),
    /// User name or password too long for MQTT.
    #[error("the login of the health check of `{0}` is longer than MQTT takes")]
    Login(DnsLabel),
    /// Ports below 1024 need a capability.
    #[error(
        "the port {port} of `{frontend}` is below 1024, where only root may listen; use the Service to map it"
    )]
    LowPort {
        /// Whose.
        frontend: DnsLabel,
        /// The port.
        port: Port,
    },
}

impl Proxy {
    /// A proxy with defaults, which serves its health on port 8404.
    #[must_use]
    pub fn new(frontends: Vec<Frontend>) -> Self {
        Self {
            frontends,
            keepalive: const { NonZeroU16::new(60).expect("it is not zero") },
            max_connections: 10_000,
            health: Some(const { Port::literal(8404) }),
        }
    }

    /// The text of `haproxy.cfg`. Equal configurations give equal text.
    ///
    /// # Errors
    /// The first thing that HAProxy, or a pod without rights, would not take.
    pub fn write(&self) -> Result<String, ProxyError> {
        self.verify()?;
        write::text(self)
    }

    /// Whether the text holds a password, so that it belongs into a Secret.
    #[must_use]
    pub fn holds_secrets(&self) -> bool {
        let mut checks = self.frontends.iter().map(|frontend| &frontend.check);
        checks.any(|check| check.login.is_some())
    }

    /// Seconds without a byte after which a connection is given up: twice the keepalive.
    #[must_use]
    pub fn timeout(&self) -> u32 {
        u32::from(self.keepalive.get()) * 2
    }

    fn verify(&self) -> Result<(), ProxyError> {
        if self.frontends.is_empty() {
            return Err(ProxyError::NoFrontend);
        }
        for (index, frontend) in self.frontends.iter().enumerate() {
            let (name, port) = (frontend.name.clone(), frontend.port);
            let before = &self.frontends[..index];
            if before.iter().any(|other| other.name == name) {
                return Err(ProxyError::Twice(name));
            }
            if self.health == Some(port) || before.iter().any(|other| other.port == port) {
                return Err(ProxyError::PortTaken { frontend: name, port });
            }
            if port.is_privileged() {
                return Err(ProxyError::LowPort { frontend: name, port });
            }
            match &frontend.servers {
                Servers::Fixed(servers) if servers.is_empty() => return Err(ProxyError::NoServers(name)),
                Servers::Records { .. } if frontend.balance == Balance::ActiveBackup => {
                    return Err(ProxyError::NoOrder(name));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Frontend {
    /// A frontend for plain MQTT to equal brokers.
    #[must_use]
    pub fn new(name: DnsLabel, port: Port, servers: Servers) -> Self {
        Self {
            name,
            port,
            tls: None,
            servers,
            balance: Balance::default(),
            check: HealthCheck::default(),
            proxy_protocol: false,
        }
    }
}
