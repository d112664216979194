//! What became of a command, for people and for the programs that sent it.

mod status;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

pub use self::status::{BindingStatus, CommandStatus, Status, WatchStatus};

/// How a command ended, or where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The API server carried it out.
    Applied,
    /// There was nothing to do.
    Unchanged,
    /// No entry of the map accepts the payload.
    NoMatch,
    /// The payload, the mapped value or the rendered object is no use, or the API server finds it invalid.
    Invalid,
    /// The API server denies it.
    Forbidden,
    /// Somebody else owns the field.
    Conflict,
    /// The object is not there.
    NotFound,
    /// An object of that name is already there.
    Exists,
    /// It failed for now and is being repeated; another outcome follows.
    Retrying,
    /// It failed for as long as it may be repeated.
    GaveUp,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 10] = [
        Self::Applied,
        Self::Unchanged,
        Self::NoMatch,
        Self::Invalid,
        Self::Forbidden,
        Self::Conflict,
        Self::NotFound,
        Self::Exists,
        Self::Retrying,
        Self::GaveUp,
    ];

    /// The word in result messages and in the status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::NoMatch => "no_match",
            Self::Invalid => "invalid",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict",
            Self::NotFound => "not_found",
            Self::Exists => "exists",
            Self::Retrying => "retrying",
            Self::GaveUp => "gave_up",
        }
    }

    /// Whether nothing follows it.
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::Retrying
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The object that a command was about, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// `apps/v1`
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// `None` for cluster-scoped kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `metadata.name`
    pub name: String,
    /// As the API server answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
}

/// The message on a result topic, as JSON. Absent members are left out.
///
/// ```
/// use mqttkube_core::report::{Outcome, ResultMessage};
///
/// let message = ResultMessage {
///     outcome: Outcome::NoMatch,
///     binding: "jellyfin",
///     item: "patch[0]".to_owned(),
///     object: None,
///     value: None,
///     error: None,
///     id: None,
/// };
/// assert_eq!(
///     serde_json::to_string(&message)?,
///     r#"{"outcome":"no_match","binding":"jellyfin","item":"patch[0]"}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultMessage<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// The id of the binding.
    pub binding: &'a str,
    /// The item within the binding, such as `patch[0]`.
    pub item: String,
    /// The object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<&'a ObjectRef>,
    /// The value that was to be written, or the verb.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<&'a Value>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    /// What identifies the command: correlation data as text, or what the item's `id` gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
}

impl ResultMessage<'_> {
    /// The message as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts, numbers and JSON values always serialise")
    }
}
