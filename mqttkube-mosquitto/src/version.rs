//! The two lines of Mosquitto that are in use.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Which Mosquitto a file is for. They differ in what they accept and in what they do with the same text.
///
/// ```
/// use mqttkube_mosquitto::Version;
///
/// let version: Version = "2.1".parse()?;
/// assert_eq!(version, Version::V2_1);
/// assert!(!Version::V2_0.sends_duplicates());
/// # Ok::<(), mqttkube_mosquitto::UnknownVersion>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Version {
    /// 2.0.x. Nothing newer than 2.0.11, which distributions package, is written.
    #[serde(rename = "2.0")]
    V2_0,
    /// 2.1.x.
    #[serde(rename = "2.1")]
    V2_1,
}

/// A version that is neither 2.0 nor 2.1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown Mosquitto version {text:?}; known are 2.0 and 2.1")]
pub struct UnknownVersion {
    /// The text as given.
    pub text: String,
}

impl Version {
    /// The default of `allow_duplicate_messages`: whether a client with overlapping subscriptions gets one copy
    /// per subscription. MQTT 5 clients always do.
    pub fn sends_duplicates(self) -> bool {
        self == Self::V2_1
    }

    /// Whether a later rule of a bridge is left out when it differs from an earlier one only in a field that is
    /// absent in one of the two.
    pub fn drops_similar_rules(self) -> bool {
        self == Self::V2_1
    }

    /// Whether the pattern of a `topic` line may be quoted, and so contain blanks.
    pub fn quotes_patterns(self) -> bool {
        self == Self::V2_1
    }

    /// Whether password, ACL and persistence files are opened without following symbolic links.
    pub fn refuses_symlinks(self) -> bool {
        self == Self::V2_1
    }

    /// The default of `max_packet_size` in bytes.
    pub fn default_max_packet_size(self) -> u32 {
        match self {
            Self::V2_0 => 268_435_455,
            Self::V2_1 => 2_000_000,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2_0 => "2.0",
            Self::V2_1 => "2.1",
        })
    }
}

impl FromStr for Version {
    type Err = UnknownVersion;

    /// Takes `2.0` and `2.1`, with any patch number behind them.
    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        let mut parts = text.splitn(3, '.');
        let line = (parts.next(), parts.next());
        let patch = parts.next().is_none_or(|patch| patch.parse::<u16>().is_ok());
        match line {
            (Some("2"), Some("0")) if patch => Ok(Self::V2_0),
            (Some("2"), Some("1")) if patch => Ok(Self::V2_1),
            _ => Err(UnknownVersion {
                text: text.to_owned(),
            }),
        }
    }
}
