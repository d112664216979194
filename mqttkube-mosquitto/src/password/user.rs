//! Names of users.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::PasswordError;

/// A user name that password and ACL files can carry: not empty, without colon, control characters and blanks at the
/// ends, and not beginning with `#`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    /// Checks a name and keeps it.
    ///
    /// # Errors
    /// [`PasswordError::User`] when a file cannot carry it.
    pub fn new(name: impl Into<String>) -> Result<Self, PasswordError> {
        let name = name.into();
        let reason = if name.is_empty() {
            "is empty"
        } else if name.len() > 65_535 {
            "is longer than 65535 bytes"
        } else if name.contains(':') {
            "contains a colon"
        } else if name.chars().any(char::is_control) {
            "contains a control character"
        } else if name.trim() != name {
            "begins or ends with a blank"
        } else if name.starts_with('#') {
            "begins with #, as comments do"
        } else {
            return Ok(Self(name));
        };
        Err(PasswordError::User { name, reason })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = PasswordError;

    fn from_str(name: &str) -> Result<Self, PasswordError> {
        Self::new(name)
    }
}

impl TryFrom<String> for UserName {
    type Error = PasswordError;

    fn try_from(name: String) -> Result<Self, PasswordError> {
        Self::new(name)
    }
}

impl From<UserName> for String {
    fn from(value: UserName) -> Self {
        value.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
