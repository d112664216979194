//! The file of Mosquitto's dynamic-security plugin.
//!
//! The plugin writes this file itself: it is a seed, copied to where the broker keeps its data when nothing is there yet,
//! and never mounted read-only in its place.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::password::PasswordHash;

/// A whole dynamic-security file.
///
/// ```
/// use mqttkube_mosquitto::dynsec::{Acl, AclType, Client, Credential, DynSec, Role, RoleRef};
/// use mqttkube_mosquitto::password::PasswordHash;
///
/// let hash = PasswordHash::new("long random secret", [3; 12], 101)?;
/// let mut file = DynSec::default();
/// file.roles.push(Role::new("reader", vec![Acl::allow(AclType::SubscribePattern, "events/#")]));
/// file.clients.push(Client {
///     roles: vec![RoleRef::new("reader")],
///     ..Client::new("probe", Credential::from_hash(&hash).expect("a $7$ hash"))
/// });
/// assert!(file.check().is_empty());
/// assert_eq!(DynSec::read(&file.write())?, file);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DynSec {
    /// What holds when no rule of a role does.
    #[serde(default, rename = "defaultACLAccess")]
    pub default_acl_access: DefaultAccess,
    /// Who may come in.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// Clients that share roles.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Rights under a name.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// The group of clients without a user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous_group: Option<String>,
    /// Counts the changes. Mosquitto 2.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_index: Option<u64>,
}

/// What is allowed when no rule says otherwise. The default is the plugin's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DefaultAccess {
    /// Publishing; default false.
    pub publish_client_send: bool,
    /// Receiving; default true.
    pub publish_client_receive: bool,
    /// Subscribing; default false.
    pub subscribe: bool,
    /// Ending a subscription; default true.
    pub unsubscribe: bool,
}

impl Default for DefaultAccess {
    fn default() -> Self {
        Self {
            publish_client_send: false,
            publish_client_receive: true,
            subscribe: false,
            unsubscribe: true,
        }
    }
}

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

/// Rights under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Unique.
    pub rolename: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub textname: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub textdescription: Option<String>,
    /// Mosquitto 2.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowwildcardsubs: Option<bool>,
    /// The rights.
    #[serde(default)]
    pub acls: Vec<Acl>,
}

/// One right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    /// What it is about.
    pub acltype: AclType,
    /// A topic or filter; `%c` and `%u` stand for client id and user name, but not in the literal types.
    pub topic: String,
    /// The highest wins.
    #[serde(default)]
    pub priority: i32,
    /// Allowed or forbidden.
    pub allow: bool,
}

/// What a right is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum AclType {
    /// Publishing.
    PublishClientSend,
    /// Receiving.
    PublishClientReceive,
    /// Subscribing to exactly this filter.
    SubscribeLiteral,
    /// Subscribing to filters that this one covers.
    SubscribePattern,
    /// Ending a subscription to exactly this filter.
    UnsubscribeLiteral,
    /// Ending subscriptions to filters that this one covers.
    UnsubscribePattern,
}

/// A role by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRef {
    /// Which.
    pub rolename: String,
    /// The highest is asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
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

/// Something that the plugin would ignore or refuse.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DynSecError {
    /// A name that nothing has.
    #[error("{what} {name:?} is named but not there")]
    Dangling {
        /// `the role`, `the client` or `the group`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name that two have.
    #[error("{what} {name:?} is there twice")]
    Duplicate {
        /// `the role`, `the client` or `the group`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A hash with parts of the wrong length.
    #[error("the hash of the client {name:?} needs a salt of 12 bytes and a key of 64, both in base64")]
    Hash {
        /// The client.
        name: String,
    },
    /// A client without a hash.
    #[error("the client {name:?} has no password and cannot log in")]
    NoPassword {
        /// The client.
        name: String,
    },
}

/// A text that is no dynamic-security file.
#[derive(Debug, Error)]
#[error("not a dynamic-security file")]
pub struct ReadError(#[from] serde_json::Error);

impl DynSec {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ReadError`] when the text is no JSON of this shape.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        Ok(serde_json::from_str(text)?)
    }

    /// The file as JSON.
    pub fn write(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("text, numbers and lists are JSON");
        text.push('\n');
        text
    }

    /// Names that nothing has or two have, and hashes that no version takes.
    pub fn check(&self) -> Vec<DynSecError> {
        let mut errors = Vec::new();
        let roles = unique(
            "the role",
            self.roles.iter().map(|role| &role.rolename),
            &mut errors,
        );
        let clients = unique(
            "the client",
            self.clients.iter().map(|client| &client.username),
            &mut errors,
        );
        let groups = unique(
            "the group",
            self.groups.iter().map(|group| &group.groupname),
            &mut errors,
        );
        let named = self.clients.iter().flat_map(|client| &client.roles);
        let named = named.chain(self.groups.iter().flat_map(|group| &group.roles));
        dangling("the role", named.map(|role| &role.rolename), &roles, &mut errors);
        let members = self.groups.iter().flat_map(|group| &group.clients);
        dangling(
            "the client",
            members.map(|client| &client.username),
            &clients,
            &mut errors,
        );
        dangling("the group", self.anonymous_group.iter(), &groups, &mut errors);
        errors.extend(self.clients.iter().filter_map(Client::check));
        errors
    }
}

fn unique<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a String>,
    errors: &mut Vec<DynSecError>,
) -> BTreeSet<&'a String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            errors.push(DynSecError::Duplicate {
                what,
                name: name.clone(),
            });
        }
    }
    seen
}

fn dangling<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a String>,
    there: &BTreeSet<&String>,
    errors: &mut Vec<DynSecError>,
) {
    let missing = names.filter(|name| !there.contains(name));
    errors.extend(missing.map(|name| DynSecError::Dangling {
        what,
        name: name.clone(),
    }));
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

    fn check(&self) -> Option<DynSecError> {
        let length = |text: &str| STANDARD.decode(text).ok().map(|bytes| bytes.len());
        match &self.credential {
            Credential::Pbkdf2 {
                password,
                salt,
                iterations,
            } => {
                let good = length(password) == Some(64) && length(salt) == Some(12) && *iterations > 0;
                (!good).then(|| DynSecError::Hash {
                    name: self.username.clone(),
                })
            }
            Credential::Encoded { .. } => None,
            Credential::None {} => Some(DynSecError::NoPassword {
                name: self.username.clone(),
            }),
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

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pbkdf2 { iterations, .. } => write!(f, "(PBKDF2, {iterations} iterations)"),
            Self::Encoded { .. } => f.write_str("(encoded)"),
            Self::None {} => f.write_str("(none)"),
        }
    }
}

impl Role {
    /// A role without texts.
    pub fn new(rolename: impl Into<String>, acls: Vec<Acl>) -> Self {
        Self {
            rolename: rolename.into(),
            textname: None,
            textdescription: None,
            allowwildcardsubs: None,
            acls,
        }
    }
}

impl Acl {
    /// A right of priority 0.
    pub fn allow(acltype: AclType, topic: impl Into<String>) -> Self {
        Self {
            acltype,
            topic: topic.into(),
            priority: 0,
            allow: true,
        }
    }
}

impl RoleRef {
    /// A role without a priority.
    pub fn new(rolename: impl Into<String>) -> Self {
        Self {
            rolename: rolename.into(),
            priority: None,
        }
    }
}
