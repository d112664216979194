//! Where clients connect.

use serde::{Deserialize, Serialize};

use crate::name::{DnsSubdomain, HostName, Port, PortName};

/// One listener. The Service has its name and port too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Listener {
    /// The name of the port; others refer to the listener by it.
    pub name: PortName,
    /// The port of the container and of the Service.
    pub port: Port,
    /// What it speaks.
    #[serde(default)]
    pub protocol: Protocol,
    /// Encryption; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The header of a proxy in front, which every connection must begin with. Mosquitto 2.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Lets clients without a user name in, beside those that [`Auth`](super::Auth) names. Default false, and true for
    /// all listeners under [`AuthMethod::Anonymous`](super::AuthMethod::Anonymous).
    #[serde(default)]
    pub anonymous: bool,
    /// Connections at once; no limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// MQTT on TCP or TLS.
    #[default]
    Mqtt,
    /// MQTT in WebSocket frames.
    #[serde(rename = "websockets")]
    WebSockets,
    /// The read-only HTTP interface, for probes. Mosquitto 2.1. Never part of a Service, and closed to other pods.
    HttpApi,
}

/// Version of the PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum ProxyProtocol {
    /// Text. The one that health checks of HAProxy work with.
    V1,
    /// Binary. The broker resets the health checks of HAProxy.
    V2,
}

/// How a listener is encrypted: `{issuer, hosts}` for a certificate of cert-manager, `{secret}` for one that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TlsFile", into = "TlsFile")]
pub struct Tls {
    /// Whose certificate is shown.
    pub certificate: Certificate,
    /// Only TLS 1.3; TLS 1.2 too when false.
    pub only_1_3: bool,
}

/// The certificate of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// cert-manager makes and renews it.
    Issued {
        /// Who signs it.
        issuer: Issuer,
        /// Names that clients from elsewhere use. Those of the Services and of the exposures are added.
        hosts: Vec<HostName>,
    },
    /// A Secret with `tls.crt` and `tls.key`.
    Existing {
        /// Its name.
        secret: DnsSubdomain,
    },
}

/// An issuer of cert-manager.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Issuer {
    /// Its name.
    pub name: DnsSubdomain,
    /// Whether it serves one namespace or all.
    #[serde(default)]
    pub kind: IssuerKind,
    /// Whether it signs public names alone, as those of ACME do: then the names of Services are left out of the
    /// certificate, or there would be none. When absent it is public if its name says `letsencrypt`, `zerossl` or `acme`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
}

/// Whom an issuer serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IssuerKind {
    /// Its namespace.
    #[default]
    Issuer,
    /// All namespaces.
    ClusterIssuer,
}

/// [`Tls`] as a file has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TlsFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<Issuer>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<HostName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<DnsSubdomain>,
    #[serde(default, rename = "only-1.3")]
    only_1_3: bool,
}

impl Listener {
    /// A listener for plain MQTT.
    #[must_use]
    pub const fn new(name: PortName, port: Port) -> Self {
        Self {
            name,
            port,
            protocol: Protocol::Mqtt,
            tls: None,
            proxy_protocol: None,
            anonymous: false,
            max_connections: None,
        }
    }

    /// The listener with encryption.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self {
            tls: Some(tls),
            ..self
        }
    }

    /// Whether clients use it: it speaks MQTT in some form.
    #[must_use]
    pub fn is_for_clients(&self) -> bool {
        self.protocol != Protocol::HttpApi
    }
}

impl Issuer {
    /// An issuer that is public if its name says so.
    #[must_use]
    pub const fn new(name: DnsSubdomain, kind: IssuerKind) -> Self {
        Self {
            name,
            kind,
            public: None,
        }
    }

    /// Whether it signs public names alone.
    #[must_use]
    pub fn is_public(&self) -> bool {
        let known = ["letsencrypt", "lets-encrypt", "zerossl", "acme"];
        self.public
            .unwrap_or_else(|| known.iter().any(|word| self.name.as_str().contains(word)))
    }
}

impl Tls {
    /// A certificate of cert-manager.
    #[must_use]
    pub const fn issued(issuer: Issuer, hosts: Vec<HostName>) -> Self {
        Self {
            certificate: Certificate::Issued { issuer, hosts },
            only_1_3: false,
        }
    }

    /// A certificate in a Secret that exists.
    #[must_use]
    pub const fn existing(secret: DnsSubdomain) -> Self {
        Self {
            certificate: Certificate::Existing { secret },
            only_1_3: false,
        }
    }
}

impl TryFrom<TlsFile> for Tls {
    type Error = &'static str;

    fn try_from(file: TlsFile) -> Result<Self, Self::Error> {
        let certificate = match (file.issuer, file.secret) {
            (Some(issuer), None) => Certificate::Issued {
                issuer,
                hosts: file.hosts,
            },
            (None, Some(_)) if !file.hosts.is_empty() => {
                return Err(
                    "`hosts` are for a certificate that is made; one in a `secret` has its names already",
                );
            }
            (None, Some(secret)) => Certificate::Existing { secret },
            (None, None) => return Err("tls needs `issuer` or `secret`"),
            (Some(_), Some(_)) => return Err("tls has either `issuer` or `secret`"),
        };
        Ok(Self {
            certificate,
            only_1_3: file.only_1_3,
        })
    }
}

impl From<Tls> for TlsFile {
    fn from(tls: Tls) -> Self {
        let (issuer, hosts, secret) = match tls.certificate {
            Certificate::Issued { issuer, hosts } => (Some(issuer), hosts, None),
            Certificate::Existing { secret } => (None, Vec::new(), Some(secret)),
        };
        Self {
            issuer,
            hosts,
            secret,
            only_1_3: tls.only_1_3,
        }
    }
}

impl TryFrom<u8> for ProxyProtocol {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            _ => Err("the PROXY header has the versions 1 and 2"),
        }
    }
}

impl From<ProxyProtocol> for u8 {
    fn from(version: ProxyProtocol) -> Self {
        match version {
            ProxyProtocol::V1 => 1,
            ProxyProtocol::V2 => 2,
        }
    }
}
