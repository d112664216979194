//! One `topic` line of a bridge.

use std::fmt;
use std::str::FromStr;

use mqttkube_mapping::{TopicFilter, TopicPrefix};
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::setting::{Setting, ValueError};

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

/// Why a text is no rule. For the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// No pattern.
    #[error("a topic rule needs a pattern")]
    NoPattern,
    /// The second word is no direction.
    #[error("{text:?} is no direction; it is out, in or both")]
    Direction {
        /// The word as given.
        text: String,
    },
    /// The third word is no QoS.
    #[error("{text:?} is no QoS; it is 0, 1 or 2")]
    Qos {
        /// The word as given.
        text: String,
    },
    /// An empty pattern names one topic on each side, so both prefixes are needed.
    #[error("a rule with an empty pattern needs a local and a remote prefix")]
    EmptyPattern,
    /// A prefix with a wildcard, or that cannot be part of a topic.
    #[error("the {side} prefix {prefix:?} is no beginning of a topic: {reason}")]
    Prefix {
        /// `local` or `remote`.
        side: &'static str,
        /// The prefix as given.
        prefix: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Prefix and pattern together are no filter.
    #[error("the {side} prefix {prefix:?} and the pattern {pattern:?} make no filter: {reason}")]
    Joined {
        /// `local` or `remote`.
        side: &'static str,
        /// The prefix as given.
        prefix: String,
        /// The pattern as given.
        pattern: String,
        /// What is wrong with the two together.
        reason: String,
    },
    /// A quote that does not end, or that only Mosquitto 2.1 reads in another way.
    #[error("a quoted pattern must contain a blank and end with a quote")]
    Quote,
    /// A character that no line can carry.
    #[error("{text:?} cannot stand in a topic rule: {reason}")]
    Character {
        /// The part as given.
        text: String,
        /// Why.
        reason: &'static str,
    },
    /// More words than a rule has.
    #[error("{text:?} follows after the remote prefix")]
    Extra {
        /// What is left over.
        text: String,
    },
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

/// The parts of a rule as text, before they are checked.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RuleSpec {
    topic: String,
    #[serde(default)]
    direction: Direction,
    #[serde(default)]
    qos: u8,
    #[serde(default)]
    local_prefix: String,
    #[serde(default)]
    remote_prefix: String,
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

    /// Reads what follows the word `topic`, and gives back what Mosquitto would not look at.
    ///
    /// # Errors
    /// As [`TopicRule::new`].
    pub(crate) fn read_line(line: &str) -> Result<(Self, &str), RuleError> {
        let mut rest = line;
        let pattern = take_pattern(&mut rest)?;
        let direction = match take_word(&mut rest) {
            None => Direction::Out,
            Some(word) => read_direction(word)?,
        };
        let (mut qos, mut prefixes) = (0, [String::new(), String::new()]);
        let before = rest;
        match take_word(&mut rest) {
            None => {}
            Some(word) if word.starts_with('#') => rest = before,
            Some(word) => {
                qos = read_qos(word)?;
                for prefix in &mut prefixes {
                    let before = rest;
                    match take_word(&mut rest) {
                        Some(word) if word.starts_with('#') => {
                            rest = before;
                            break;
                        }
                        Some("\"\"") | None => {}
                        Some(word) => word.clone_into(prefix),
                    }
                }
            }
        }
        let [local, remote] = prefixes;
        Ok((
            Self::new(pattern, direction, qos, local, remote)?,
            rest.trim_start_matches(' '),
        ))
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

fn take_word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start_matches(' ');
    if text.is_empty() {
        return None;
    }
    let end = text.find(' ').unwrap_or(text.len());
    *rest = &text[end..];
    Some(&text[..end])
}

fn take_pattern(rest: &mut &str) -> Result<String, RuleError> {
    let text = rest.trim_start_matches(' ');
    if let Some(quoted) = text.strip_prefix('"').filter(|quoted| !quoted.starts_with('"')) {
        let (pattern, after) = quoted.split_once('"').ok_or(RuleError::Quote)?;
        if !pattern.contains(' ') {
            return Err(RuleError::Quote);
        }
        *rest = after;
        return Ok(pattern.to_owned());
    }
    match take_word(rest) {
        None => Err(RuleError::NoPattern),
        Some("\"\"") => Ok(String::new()),
        Some(word) => Ok(word.to_owned()),
    }
}

fn read_direction(word: &str) -> Result<Direction, RuleError> {
    match word.to_ascii_lowercase().as_str() {
        "out" => Ok(Direction::Out),
        "in" => Ok(Direction::In),
        "both" => Ok(Direction::Both),
        _ => Err(RuleError::Direction {
            text: word.to_owned(),
        }),
    }
}

fn read_qos(word: &str) -> Result<u8, RuleError> {
    match word {
        "0" => Ok(0),
        "1" => Ok(1),
        "2" => Ok(2),
        _ => Err(RuleError::Qos {
            text: word.to_owned(),
        }),
    }
}

impl FromStr for TopicRule {
    type Err = RuleError;

    /// Takes a line with or without the word `topic` before it.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let text = text.trim_matches(' ');
        let (rule, rest) = Self::read_line(text.strip_prefix("topic ").unwrap_or(text))?;
        if rest.is_empty() || rest.starts_with('#') {
            Ok(rule)
        } else {
            Err(RuleError::Extra {
                text: rest.to_owned(),
            })
        }
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

impl fmt::Display for TopicRule {
    /// The line without the word `topic`. Parts at the end that are defaults are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_quotes = |text: &str| {
            if text.is_empty() {
                "\"\"".to_owned()
            } else {
                text.to_owned()
            }
        };
        if self.pattern.contains(' ') {
            write!(f, "\"{}\"", self.pattern)?;
        } else {
            f.write_str(&or_quotes(&self.pattern))?;
        }
        write!(f, " {} {}", self.direction, self.qos)?;
        if self.has_prefix() {
            write!(f, " {} {}", or_quotes(&self.local), or_quotes(&self.remote))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TopicRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl Serialize for TopicRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TopicRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RuleVisitor)
    }
}

struct RuleVisitor;

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = TopicRule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a topic rule: a line of mosquitto.conf, or {topic, direction, qos, local-prefix, remote-prefix}",
        )
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TopicRule, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TopicRule, A::Error> {
        let spec = RuleSpec::deserialize(MapAccessDeserializer::new(map))?;
        TopicRule::new(
            spec.topic,
            spec.direction,
            spec.qos,
            spec.local_prefix,
            spec.remote_prefix,
        )
        .map_err(serde::de::Error::custom)
    }
}

impl Setting for TopicRule {
    fn read(raw: &str) -> Result<Self, ValueError> {
        let (rule, _) = Self::read_line(raw).map_err(|error| ValueError::Other {
            reason: error.to_string(),
        })?;
        Ok(rule)
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn ignored(raw: &str) -> &str {
        Self::read_line(raw).map_or("", |(_, rest)| rest)
    }
}
