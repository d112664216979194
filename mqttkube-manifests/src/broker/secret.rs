//! Secrets: where they are, never what they are.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::{ConfigKey, DnsSubdomain};

/// One key of a Secret in the namespace of the broker. The bundle need not have it: Secrets are often made by others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecretKey {
    /// The Secret.
    pub secret: DnsSubdomain,
    /// The key in its data.
    pub key: ConfigKey,
}

/// A secret text that is given in process. `Debug` does not show it, nothing serialises it.
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted(String);

impl Redacted {
    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Redacted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Redacted {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
