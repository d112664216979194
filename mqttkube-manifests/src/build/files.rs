//! ConfigMaps and Secrets, and handles of their keys.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::App;
use crate::broker::SecretKey;
use crate::name::{ConfigKey, DnsSubdomain};
use crate::object::Object;

/// Whether a key is in a ConfigMap or a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    ConfigMap,
    Secret,
}

/// One key of a ConfigMap or Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub(super) holder: Holder,
    pub(super) object: String,
    pub(super) key: ConfigKey,
    /// The name of the file in a volume; the key when absent.
    pub(super) file: Option<ConfigKey>,
}

/// Files that everybody may read who may read the namespace.
#[derive(Clone, Debug)]
pub struct ConfigMap<'a> {
    app: &'a App,
    name: String,
    data: BTreeMap<String, String>,
}

/// Files that are kept from others. `Debug` does not show them.
#[derive(Clone)]
pub struct Secret<'a> {
    app: &'a App,
    name: String,
    data: BTreeMap<String, String>,
}

impl Key {
    /// A key of a Secret that somebody else makes.
    #[must_use]
    pub fn external(key: &SecretKey) -> Self {
        Self {
            holder: Holder::Secret,
            object: key.secret.to_string(),
            key: key.key.clone(),
            file: None,
        }
    }

    /// A key of a Secret that somebody else makes, such as the `tls.crt` of a certificate.
    #[must_use]
    pub fn of_secret(secret: &DnsSubdomain, key: ConfigKey) -> Self {
        Self {
            holder: Holder::Secret,
            object: secret.to_string(),
            key,
            file: None,
        }
    }

    /// The same key, as a file of another name.
    #[must_use]
    pub fn named(self, file: ConfigKey) -> Self {
        Self {
            file: Some(file),
            ..self
        }
    }

    /// The name of the file in a volume.
    #[must_use]
    pub fn file(&self) -> &ConfigKey {
        self.file.as_ref().unwrap_or(&self.key)
    }
}

impl<'a> ConfigMap<'a> {
    /// Nothing in it yet.
    #[must_use]
    pub fn new(app: &'a App, name: &str) -> Self {
        Self {
            app,
            name: name.to_owned(),
            data: BTreeMap::new(),
        }
    }

    /// Adds a file, or replaces it.
    pub fn file(&mut self, key: ConfigKey, text: impl Into<String>) -> Key {
        self.data.insert(key.to_string(), text.into());
        Key {
            holder: Holder::ConfigMap,
            object: self.name.clone(),
            key,
            file: None,
        }
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> Object {
        self.app
            .object("v1", "ConfigMap", &self.name, [("data", json!(self.data))])
    }
}

impl<'a> Secret<'a> {
    /// Nothing in it yet.
    #[must_use]
    pub fn new(app: &'a App, name: &str) -> Self {
        Self {
            app,
            name: name.to_owned(),
            data: BTreeMap::new(),
        }
    }

    /// Adds a file, or replaces it.
    pub fn file(&mut self, key: ConfigKey, bytes: impl AsRef<[u8]>) -> Key {
        self.data.insert(key.to_string(), STANDARD.encode(bytes));
        Key {
            holder: Holder::Secret,
            object: self.name.clone(),
            key,
            file: None,
        }
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> Object {
        self.app.object(
            "v1",
            "Secret",
            &self.name,
            [("type", json!("Opaque")), ("data", json!(self.data))],
        )
    }
}

impl std::fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret")
            .field("name", &self.name)
            .field("keys", &self.data.keys())
            .finish_non_exhaustive()
    }
}
