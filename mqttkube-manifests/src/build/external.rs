//! Secrets that the External Secrets operator fetches from a vault.

use serde_json::{Value, json};

use super::App;
use super::files::{Holder, Key};
use crate::name::{ConfigKey, DnsSubdomain};
use crate::object::Object;

/// Where secrets are fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Its name.
    pub name: DnsSubdomain,
    /// It serves all namespaces, not only its own.
    pub for_cluster: bool,
}

/// A Secret that is made from what a vault holds, and made again when that changes. The bundle names what it wants, and
/// holds no secret.
///
/// ```
/// use mqttkube_manifests::build::{App, ExternalSecret, Store};
/// use mqttkube_manifests::name::ConfigKey;
///
/// let app = App::new("mosquitto", "mosquitto".parse()?, "mqtt".parse()?);
/// let vault = Store { name: "vault".parse()?, for_cluster: true };
/// let mut users = ExternalSecret::new(&app, "mosquitto-users".parse()?, &vault);
/// users.fetch(ConfigKey::literal("sensor"), "mqtt/users", Some("sensor"));
/// assert_eq!(users.object().at("/spec/data/0/remoteRef/key"), "mqtt/users");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExternalSecret<'a> {
    app: &'a App,
    name: DnsSubdomain,
    store: Store,
    data: Vec<Value>,
}

impl<'a> ExternalSecret<'a> {
    /// Nothing is fetched yet.
    #[must_use]
    pub fn new(app: &'a App, name: DnsSubdomain, store: &Store) -> Self {
        Self {
            app,
            name,
            store: store.clone(),
            data: Vec::new(),
        }
    }

    /// Fetches an entry of the vault, or one member of it, into a key.
    pub fn fetch(&mut self, key: ConfigKey, entry: &str, property: Option<&str>) -> Key {
        let mut remote = json!({"key": entry});
        if let Some(property) = property {
            remote["property"] = json!(property);
        }
        self.data.push(json!({"secretKey": key, "remoteRef": remote}));
        Key {
            holder: Holder::Secret,
            object: self.name.to_string(),
            key,
            file: None,
        }
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> Object {
        let kind = if self.store.for_cluster {
            "ClusterSecretStore"
        } else {
            "SecretStore"
        };
        let spec = json!({
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": kind, "name": self.store.name},
            "target": {"name": self.name, "creationPolicy": "Owner"},
            "data": self.data,
        });
        let name = self.name.as_str();
        self.app
            .object("external-secrets.io/v1", "ExternalSecret", name, [("spec", spec)])
    }
}
