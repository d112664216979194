//! The file of Mosquitto's dynamic-security plugin.
//!
//! The plugin writes this file itself: it is a seed, copied to where the broker keeps its data when nothing is there yet,
//! and never mounted read-only in its place.

mod check;
mod client;
mod role;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use check::DynSecError;
pub use client::{Client, ClientRef, Credential, Group};
pub use role::{Acl, AclType, Role, RoleRef};

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
}
