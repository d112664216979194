//! Clients, alone and in groups, and what proves who they are.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::RoleRef;
use crate::password::PasswordHash;

/// One who may come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Unique.
    pub username: String,
    /// The only client id that may be used, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clientid: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub textname: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub textdescription: Option<String>,
    /// May not come in for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Rights.
    #[serde(default)]
    pub roles: Vec<RoleRef>,
    /// What is compared with the password.
    #[serde(flatten)]
    pub credential: Credential,
}

/// What is compared with a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Credential {
    /// PBKDF2 with HMAC-SHA-512; the form that every version takes.
    Pbkdf2 {
        /// The derived key, 64 bytes in base64.
        password: String,
        /// 12 bytes in base64.
        salt: String,
        /// Rounds.
        iterations: u32,
    },
    /// The form of the password file. Mosquitto 2.1.
    Encoded {
        /// `$7$...` or `$argon2id$...`.
        encoded_password: String,
    },
    /// Nothing: the client cannot log in.
    None {},
}

/// Clients that share roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Unique.
    pub groupname: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub textname: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub textdescription: Option<String>,
    /// Rights.
    #[serde(default)]
    pub roles: Vec<RoleRef>,
    /// Who is in it.
    #[serde(default)]
    pub clients: Vec<ClientRef>,
}

/// A client by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRef {
    /// Which.
    pub username: String,
    /// The highest is asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
}

impl Client {
    /// A client without rights.
    pub fn new(username: impl Into<String>, credential: Credential) -> Self {
        Self {
            username: username.into(),
            clientid: None,
            textname: None,
            textdescription: None,
            disabled: None,
            roles: Vec::new(),
            credential,
        }
    }
}

impl Credential {
    /// The form that every version takes; `None` when the hash is not `$7$`.
    pub fn from_hash(hash: &PasswordHash) -> Option<Self> {
        match hash {
            PasswordHash::Pbkdf2 {
                iterations,
                salt,
                key,
            } => Some(Self::Pbkdf2 {
                password: STANDARD.encode(key),
                salt: STANDARD.encode(salt),
                iterations: iterations.get(),
            }),
            PasswordHash::Sha512 { .. } | PasswordHash::Argon2 { .. } => None,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pbkdf2 { iterations, .. } => write!(f, "(PBKDF2, {iterations} iterations)"),
            Self::Encoded { .. } => f.write_str("(encoded)"),
            Self::None {} => f.write_str("(none)"),
        }
    }
}
