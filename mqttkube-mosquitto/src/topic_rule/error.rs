//! Why a text is no rule.

use thiserror::Error;

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
