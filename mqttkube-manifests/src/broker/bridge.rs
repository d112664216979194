//! Bridges of the broker to others.

use mqttkube_mosquitto::TopicRule;
use mqttkube_mosquitto::setting::{Address, BridgeProtocol, Name, Text};
use serde::{Deserialize, Serialize};

use super::SecretKey;
use super::secret::Redacted;

/// A bridge that the broker opens to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bridge {
    /// Unique among the bridges of the broker.
    pub name: Name,
    /// The other broker, as `host:port`.
    pub address: Address,
    /// What goes over it, in order; at least one.
    pub rules: Vec<TopicRule>,
    /// The protocol; MQTT 3.1.1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<BridgeProtocol>,
    /// Client id at the other broker; the names of broker and bridge when absent, so that it survives the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Text>,
    /// User name at the other broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Text>,
    /// Password at the other broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<BridgePassword>,
    /// Who the bridge is for the rights at its own broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_username: Option<Text>,
    /// Encryption; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<BridgeTls>,
    /// Tells the other broker that this is a bridge. Only Mosquitto understands it, so default true is for Mosquitto.
    #[serde(default = "yes")]
    pub try_private: bool,
    /// Publishes at the other broker whether the bridge is connected. Default true.
    #[serde(default = "yes")]
    pub notifications: bool,
}

/// The password of a bridge. Mosquitto takes it from its configuration alone, so a change needs a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BridgePassword {
    /// In a Secret; it is put into the configuration in the pod before the broker starts.
    Secret(SecretKey),
    /// Given in process; goes into the broker's own Secret.
    #[serde(skip)]
    Given(Redacted),
}

/// Encryption of a bridge. The host is always compared with the certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BridgeTls {
    /// Certificates that are trusted, as PEM; those of the image when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<SecretKey>,
    /// Our certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<SecretKey>,
    /// Its private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretKey>,
    /// Protocol name for ALPN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpn: Option<Text>,
}

const fn yes() -> bool {
    true
}

impl Bridge {
    /// A bridge without user name and encryption.
    #[must_use]
    pub const fn new(name: Name, address: Address, rules: Vec<TopicRule>) -> Self {
        Self {
            name,
            address,
            rules,
            protocol: None,
            client_id: None,
            username: None,
            password: None,
            local_username: None,
            tls: None,
            try_private: true,
            notifications: true,
        }
    }
}
