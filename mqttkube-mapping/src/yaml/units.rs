//! Durations and sizes as people write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::cursor::{Cursor, FromNode};
use super::node::Content;

/// Why a text is no duration or size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnitError {
    /// Not a number with a unit of time.
    #[error("{text:?} is no duration: write a whole number with ms, s, m, h or d, as in \"30s\"")]
    Duration {
        /// The text as given.
        text: String,
    },
    /// Not a number with a unit of size.
    #[error("{text:?} is no size: write a whole number with B, KiB, MiB or GiB, as in \"64KiB\"")]
    Size {
        /// The text as given.
        text: String,
    },
    /// The number is too large to count.
    #[error("{text:?} is too large")]
    TooLarge {
        /// The text as given.
        text: String,
    },
}

/// A length of time: `500ms`, `30s`, `5m`, `1h`, `7d`, or `0`.
///
/// ```
/// use mqttkube_mapping::yaml::Duration;
///
/// let timeout: Duration = "5m".parse()?;
/// assert_eq!(timeout.get(), std::time::Duration::from_secs(300));
/// assert_eq!(timeout.to_string(), "5m");
/// # Ok::<(), mqttkube_mapping::yaml::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(std::time::Duration);

/// A number of bytes: `512B`, `64KiB`, `1MiB`, `2GiB`, or a bare number of bytes.
///
/// ```
/// use mqttkube_mapping::yaml::Size;
///
/// let limit: Size = "256KiB".parse()?;
/// assert_eq!(limit.bytes(), 262_144);
/// assert_eq!(limit.to_string(), "256KiB");
/// # Ok::<(), mqttkube_mapping::yaml::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

/// Milliseconds in each unit, largest first.
const TIMES: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];
/// Bytes in each unit, largest first.
const SIZES: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Duration {
    /// That many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// The duration of the standard library.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }

    /// Reads a node where a bare number means seconds.
    pub fn from_node_or_seconds(cursor: &Cursor<'_>) -> Option<Self> {
        match cursor.node().content {
            Content::Int(seconds) if seconds >= 0 => Some(Self::from_secs(seconds.unsigned_abs())),
            _ => cursor.read(),
        }
    }
}

impl Size {
    /// That many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// The number and what one of its unit is worth.
fn split<'a>(text: &'a str, units: &[(&str, u64)]) -> Option<(&'a str, u64)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let (_, worth) = units.iter().find(|(name, _)| *name == unit)?;
    (!number.is_empty()).then_some((number, *worth))
}

fn multiply(text: &str, number: &str, worth: u64) -> Result<u64, UnitError> {
    let product = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(worth));
    product.ok_or_else(|| UnitError::TooLarge {
        text: text.to_owned(),
    })
}

fn show(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    match units
        .iter()
        .find(|(_, worth)| value != 0 && value.is_multiple_of(*worth))
    {
        Some((unit, worth)) => write!(f, "{}{unit}", value / worth),
        None => f.write_str("0"),
    }
}

impl FromStr for Duration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if text == "0" {
            return Ok(Self::default());
        }
        let (number, worth) = split(text, TIMES).ok_or_else(|| UnitError::Duration {
            text: text.to_owned(),
        })?;
        multiply(text, number, worth).map(|millis| Self(std::time::Duration::from_millis(millis)))
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return multiply(text, text, 1).map(Self);
        }
        let (number, worth) = split(text, SIZES).ok_or_else(|| UnitError::Size {
            text: text.to_owned(),
        })?;
        multiply(text, number, worth).map(Self)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), TIMES)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.0, SIZES)
    }
}

impl FromNode for Duration {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        match cursor.node().content {
            Content::Int(0) => Some(Self::default()),
            Content::Int(number) if number > 0 => {
                cursor.error_with_help(
                    format!("the duration {number} has no unit"),
                    format!("did you mean \"{number}s\"?"),
                );
                None
            }
            Content::Text(_) => cursor.parse(),
            _ => cursor.expected("a duration such as \"30s\""),
        }
    }
}

impl FromNode for Size {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        match cursor.node().content {
            Content::Int(bytes) if bytes >= 0 => Some(Self(bytes.unsigned_abs())),
            Content::Text(_) => cursor.parse(),
            _ => cursor.expected("a size such as \"64KiB\""),
        }
    }
}

macro_rules! text_forms {
    ($($type:ident),*) => {$(
        impl TryFrom<String> for $type {
            type Error = UnitError;

            fn try_from(text: String) -> Result<Self, UnitError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )*};
}

text_forms!(Duration, Size);

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Self {
        Self(duration)
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}
