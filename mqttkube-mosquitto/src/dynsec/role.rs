//! Roles: rights under a name.

use serde::{Deserialize, Serialize};

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
