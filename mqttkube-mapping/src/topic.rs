//! MQTT topics, topic filters and the topic prefix.
//!
//! Validity and matching follow MQTT 5.0 section 4.7 (identical in 3.1.1): levels are separated by `/` and
//! may be empty, `+` stands for exactly one level, `#` for the parent and everything below it, and a filter
//! that begins with a wildcard never takes a topic that begins with `$`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest text that an MQTT string can hold, in bytes of UTF-8.
const MAX_BYTES: usize = 65_535;

/// Why a text is no topic, filter or prefix. For the person who wrote it; trying again does not help.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TopicError {
    /// A topic or filter has at least one character.
    #[error("the topic is empty")]
    Empty,
    /// The text has more than 65,535 bytes of UTF-8.
    #[error("the topic has {bytes} bytes, more than the 65535 that MQTT can carry")]
    TooLong {
        /// Length of the text in bytes.
        bytes: usize,
    },
    /// The character U+0000 is not allowed anywhere.
    #[error("the topic {text:?} contains the character U+0000 at byte {offset}")]
    Nul {
        /// The text as given.
        text: String,
        /// Position of the character in bytes.
        offset: usize,
    },
    /// A wildcard where only a plain topic may stand.
    #[error("the topic {text:?} must not contain the wildcard {wildcard:?} (at byte {offset})")]
    Wildcard {
        /// The text as given.
        text: String,
        /// `+` or `#`.
        wildcard: char,
        /// Position of the wildcard in bytes.
        offset: usize,
    },
    /// `+` or `#` shares its level with other characters.
    #[error("the filter {text:?} has {wildcard:?} at byte {offset}: a wildcard must fill its whole level")]
    PartialLevel {
        /// The text as given.
        text: String,
        /// `+` or `#`.
        wildcard: char,
        /// Position of the wildcard in bytes.
        offset: usize,
    },
    /// `#` is followed by further levels.
    #[error("the filter {text:?} goes on after \"#\" at byte {offset}: \"#\" must be the last level")]
    AfterMultiLevel {
        /// The text as given.
        text: String,
        /// Position of the `#` in bytes.
        offset: usize,
    },
}

/// A topic that something can be published on: no wildcards.
///
/// ```
/// use mqttkube_mapping::Topic;
///
/// let topic: Topic = "jellyfin/power/state".parse()?;
/// assert_eq!(topic.as_str(), "jellyfin/power/state");
/// assert!("jellyfin/+/state".parse::<Topic>().is_err());
/// # Ok::<(), mqttkube_mapping::TopicError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topic(Box<str>);

/// A topic filter: what a subscription asks for.
///
/// ```
/// use mqttkube_mapping::TopicFilter;
///
/// let filter: TopicFilter = "home/+/set".parse()?;
/// assert!(filter.matches("home/tv/set"));
/// assert!(!filter.matches("home/tv/power/set"));
/// assert!(filter.overlaps(&"home/#".parse()?));
/// # Ok::<(), mqttkube_mapping::TopicError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicFilter(Box<str>);

/// Levels that stand before every topic of a configuration; may be empty.
///
/// ```
/// use mqttkube_mapping::TopicPrefix;
///
/// let prefix: TopicPrefix = "site/lab".parse()?;
/// assert_eq!(prefix.join("tv/set"), "site/lab/tv/set");
/// assert_eq!(prefix.strip("site/lab/tv/set"), Some("tv/set"));
/// assert_eq!(prefix.strip("site/laboratory/tv"), None);
/// # Ok::<(), mqttkube_mapping::TopicError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicPrefix(Box<str>);

impl Topic {
    /// Checks a text and keeps it.
    ///
    /// # Errors
    /// [`TopicError`] when the text is empty, too long, or holds U+0000 or a wildcard.
    pub fn new(text: impl Into<String>) -> Result<Self, TopicError> {
        let text = text.into();
        check_text(&text)?;
        refuse_wildcards(&text)?;
        Ok(Self(text.into_boxed_str()))
    }
}

impl TopicFilter {
    /// Checks a text and keeps it.
    ///
    /// # Errors
    /// [`TopicError`] when the text is empty, too long, holds U+0000, or a wildcard stands where it may not.
    pub fn new(text: impl Into<String>) -> Result<Self, TopicError> {
        let text = text.into();
        check_text(&text)?;
        check_wildcards(&text)?;
        Ok(Self(text.into_boxed_str()))
    }

    /// Whether a message on `topic` belongs to this filter. Does not allocate.
    pub fn matches(&self, topic: &str) -> bool {
        if topic.is_empty() || (topic.starts_with('$') && self.0.starts_with(['+', '#'])) {
            return false;
        }
        let mut levels = topic.split('/');
        for wanted in self.levels() {
            if wanted == "#" {
                return true;
            }
            match levels.next() {
                Some(level) if wanted == "+" || wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }

    /// Whether the filter holds `+` or `#`.
    pub fn has_wildcards(&self) -> bool {
        self.0.contains(['+', '#'])
    }

    /// Whether the filter asks a broker for a shared subscription (`$share/<group>/<filter>`, MQTT 5.0
    /// section 4.8.2). Its text then differs from what deliveries match.
    pub fn is_shared(&self) -> bool {
        self.0.starts_with("$share/")
    }

    /// Whether there is a topic that both filters match.
    pub fn overlaps(&self, other: &Self) -> bool {
        let reserved = |filter: &Self| filter.0.starts_with('$');
        let open = |filter: &Self| filter.0.starts_with(['+', '#']);
        if (reserved(self) && open(other)) || (open(self) && reserved(other)) {
            return false;
        }
        // `/#` has the empty topic as its parent, which nobody can publish on.
        if matches!((self.as_str(), other.as_str()), ("+", "/#") | ("/#", "+")) {
            return false;
        }
        let (mut left, mut right) = (self.levels(), other.levels());
        loop {
            match (left.next(), right.next()) {
                (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
                (Some(a), Some(b)) if a == b || a == "+" || b == "+" => {}
                _ => return false,
            }
        }
    }

    pub(crate) fn levels(&self) -> std::str::Split<'_, char> {
        self.0.split('/')
    }
}

impl TopicPrefix {
    /// Checks a text and keeps it. The empty text is the prefix that changes nothing.
    ///
    /// # Errors
    /// [`TopicError`] when the text is too long, or holds U+0000 or a wildcard.
    pub fn new(text: impl Into<String>) -> Result<Self, TopicError> {
        let text = text.into();
        if !text.is_empty() {
            check_text(&text)?;
            refuse_wildcards(&text)?;
        }
        Ok(Self(text.into_boxed_str()))
    }

    /// Whether the prefix changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts the prefix before a topic or filter, with one slash between the two. A leading slash of `topic`
    /// does not escape the prefix.
    pub fn join(&self, topic: &str) -> String {
        if self.0.is_empty() {
            return topic.to_owned();
        }
        let slash = if self.0.ends_with('/') { "" } else { "/" };
        format!("{}{slash}{}", self.0, topic.trim_start_matches('/'))
    }

    /// What [`TopicPrefix::join`] was given to make `topic`; `None` when `topic` lies outside the prefix.
    /// Whole levels count: `pre` is no prefix of `prefix/x`. The prefix itself, which `<prefix>/#` matches
    /// as well, gives the empty text.
    pub fn strip<'a>(&self, topic: &'a str) -> Option<&'a str> {
        if self.0.is_empty() {
            return Some(topic);
        }
        let levels = self.0.strip_suffix('/').unwrap_or(&self.0);
        let rest = topic.strip_prefix(levels)?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('/')
        }
    }
}

fn check_text(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(TopicError::TooLong { bytes: text.len() });
    }
    match text.find('\0') {
        Some(offset) => Err(TopicError::Nul {
            text: text.to_owned(),
            offset,
        }),
        None => Ok(()),
    }
}

fn refuse_wildcards(text: &str) -> Result<(), TopicError> {
    match text.char_indices().find(|(_, c)| matches!(c, '+' | '#')) {
        Some((offset, wildcard)) => Err(TopicError::Wildcard {
            text: text.to_owned(),
            wildcard,
            offset,
        }),
        None => Ok(()),
    }
}

fn check_wildcards(text: &str) -> Result<(), TopicError> {
    let mut start = 0;
    for level in text.split('/') {
        if let Some((at, wildcard)) = level.char_indices().find(|(_, c)| matches!(c, '+' | '#')) {
            let offset = start + at;
            if level.len() > 1 {
                return Err(TopicError::PartialLevel {
                    text: text.to_owned(),
                    wildcard,
                    offset,
                });
            }
            if wildcard == '#' && offset + 1 < text.len() {
                return Err(TopicError::AfterMultiLevel {
                    text: text.to_owned(),
                    offset,
                });
            }
        }
        start += level.len() + 1;
    }
    Ok(())
}

/// What the three kinds of text share.
macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = TopicError;

            fn from_str(text: &str) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TopicError;

            fn try_from(text: String) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0.into_string()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

text_type!(Topic);
text_type!(TopicFilter);
text_type!(TopicPrefix);

impl From<Topic> for TopicFilter {
    fn from(topic: Topic) -> Self {
        Self(topic.0)
    }
}
