//! One `topic` line of a bridge.

mod error;
mod serde;
mod text;

use std::fmt;

use ::serde::{Deserialize, Serialize};
use mqttkube_mapping::{TopicFilter, TopicPrefix};

pub use self::error::RuleError;

/// Which way messages go. Words are read in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From our broker to the remote one.
    #[default]
    Out,
    /// From the remote broker to ours.
    In,
    /// Both ways.
    Both,
}

/// One of the two ways that a message can take over a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// From our broker to the remote one.
    Out,
    /// From the remote broker to ours.
    In,
}

/// One `topic` line: pattern, direction, QoS, local and remote prefix.
///
/// The local filter is the local prefix and the pattern, put together without a slash; the remote filter
/// likewise. As in Mosquitto a rule without prefixes is not checked for misplaced wildcards:
/// [`TopicRule::filter`] is then `None`, and the rule never matches.
///
/// ```
/// use mqttkube_mosquitto::{Direction, TopicRule, Way};
///
/// let rule: TopicRule = "topic events/# out 1 gcp/ /devices/bridge/".parse()?;
/// assert_eq!(rule.direction(), Direction::Out);
/// assert_eq!(rule.filter_text(Way::Out), "gcp/events/#");
/// assert_eq!(rule.rename("gcp/events/door", Way::Out), "/devices/bridge/events/door");
/// assert_eq!(rule.to_string(), "events/# out 1 gcp/ /devices/bridge/");
/// # Ok::<(), mqttkube_mosquitto::RuleError>(())
/// ```
///
/// In files of other formats a rule is the same text, or `{topic, direction, qos, local-prefix,
/// remote-prefix}` of which only `topic` must be there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TopicRule {
    pattern: String,
    direction: Direction,
    qos: u8,
    local: String,
    remote: String,
    local_filter: Option<TopicFilter>,
    remote_filter: Option<TopicFilter>,
}

impl TopicRule {
    /// Checks the parts as Mosquitto does and keeps them. An empty text stands for an absent part.
    ///
    /// # Errors
    /// [`RuleError`] when Mosquitto would refuse to start, or when no line can carry the parts.
    pub fn new(
        pattern: impl Into<String>,
        direction: Direction,
        qos: u8,
        local: impl Into<String>,
        remote: impl Into<String>,
    ) -> Result<Self, RuleError> {
        let (pattern, local, remote) = (pattern.into(), local.into(), remote.into());
        if qos > 2 {
            return Err(RuleError::Qos {
                text: qos.to_string(),
            });
        }
        check_characters(&pattern, &local, &remote)?;
        if pattern.is_empty() && (local.is_empty() || remote.is_empty()) {
            return Err(RuleError::EmptyPattern);
        }
        check_prefix("local", &local, &pattern)?;
        check_prefix("remote", &remote, &pattern)?;
        let local_filter = TopicFilter::new(format!("{local}{pattern}")).ok();
        let remote_filter = TopicFilter::new(format!("{remote}{pattern}")).ok();
        Ok(Self {
            pattern,
            direction,
            qos,
            local,
            remote,
            local_filter,
            remote_filter,
        })
    }

    /// The pattern that both sides share; empty when the rule names one topic on each side.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Which ways messages go.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The highest QoS with which messages are carried.
    pub fn qos(&self) -> u8 {
        self.qos
    }

    /// What stands before the pattern at our broker; empty when nothing does.
    pub fn local_prefix(&self) -> &str {
        &self.local
    }

    /// What stands before the pattern at the remote broker; empty when nothing does.
    pub fn remote_prefix(&self) -> &str {
        &self.remote
    }

    /// Whether the rule carries messages in this way.
    pub fn goes(&self, way: Way) -> bool {
        matches!(
            (self.direction, way),
            (Direction::Both, _) | (Direction::Out, Way::Out) | (Direction::In, Way::In)
        )
    }

    /// Whether the rule renames anything: one of its prefixes is there.
    pub fn has_prefix(&self) -> bool {
        !(self.local.is_empty() && self.remote.is_empty())
    }

    /// What messages that go this way are taken by: the local filter for [`Way::Out`]. `None` when the rule has no
    /// prefix and its pattern is no filter.
    pub fn filter(&self, way: Way) -> Option<&TopicFilter> {
        match way {
            Way::Out => self.local_filter.as_ref(),
            Way::In => self.remote_filter.as_ref(),
        }
    }

    /// The text of the filter, also when it is none.
    pub fn filter_text(&self, way: Way) -> String {
        format!("{}{}", self.prefixes(way).0, self.pattern)
    }

    /// The name of a message on the other side, if this rule decides it. A topic that matches without the prefix, as
    /// the parent `a` matches `a/#`, keeps its name behind the new prefix. The result can be empty, which is no topic.
    pub fn rename(&self, topic: &str, way: Way) -> String {
        let (from, to) = self.prefixes(way);
        let rest = topic.strip_prefix(from).unwrap_or(topic);
        format!("{to}{rest}")
    }

    /// The prefix that is taken off and the one that is put on.
    pub(crate) fn prefixes(&self, way: Way) -> (&str, &str) {
        match way {
            Way::Out => (&self.local, &self.remote),
            Way::In => (&self.remote, &self.local),
        }
    }
}

fn check_characters(pattern: &str, local: &str, remote: &str) -> Result<(), RuleError> {
    let refuse = |text: &str, reason| {
        Err(RuleError::Character {
            text: text.to_owned(),
            reason,
        })
    };
    for part in [pattern, local, remote] {
        if part.chars().any(char::is_control) {
            return refuse(part, "it contains a control character");
        }
    }
    for prefix in [local, remote] {
        if prefix.contains(' ') {
            return refuse(prefix, "a prefix cannot contain a blank");
        }
        if prefix == "\"\"" {
            return refuse(prefix, "two quotes stand for no prefix");
        }
    }
    if pattern.contains(' ') && pattern.contains('"') || pattern.starts_with('"') {
        return refuse(pattern, "quotes cannot be part of this pattern");
    }
    Ok(())
}

fn check_prefix(side: &'static str, prefix: &str, pattern: &str) -> Result<(), RuleError> {
    if prefix.is_empty() {
        return Ok(());
    }
    if let Err(error) = TopicPrefix::new(prefix) {
        return Err(RuleError::Prefix {
            side,
            prefix: prefix.to_owned(),
            reason: error.to_string(),
        });
    }
    match TopicFilter::new(format!("{prefix}{pattern}")) {
        Ok(_) => Ok(()),
        Err(error) => Err(RuleError::Joined {
            side,
            prefix: prefix.to_owned(),
            pattern: pattern.to_owned(),
            reason: error.to_string(),
        }),
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Out => "out",
            Self::In => "in",
            Self::Both => "both",
        })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Out => "out",
            Self::In => "in",
        })
    }
}
