//! Numbers with a range.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Setting, ValueError, first_word};

/// A whole number between `MIN` and `MAX`, both included.
///
/// ```
/// use mqttkube_mosquitto::setting::Ranged;
///
/// let port: Ranged<1, 65535> = Ranged::new(8883).expect("in range");
/// assert_eq!(port.get(), 8883);
/// assert!(Ranged::<1, 65535>::new(0).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Ranged<const MIN: i64, const MAX: i64>(i64);

/// A number outside the range of a [`Ranged`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{number} is outside {min} to {max}")]
pub struct ParseRangedError {
    /// The number as given.
    pub number: i64,
    /// The smallest number of the type.
    pub min: i64,
    /// The largest number of the type.
    pub max: i64,
}

impl<const MIN: i64, const MAX: i64> Ranged<MIN, MAX> {
    /// `None` when the number is outside the range.
    pub const fn new(number: i64) -> Option<Self> {
        if number < MIN || number > MAX {
            None
        } else {
            Some(Self(number))
        }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64> TryFrom<i64> for Ranged<MIN, MAX> {
    type Error = ParseRangedError;

    fn try_from(number: i64) -> Result<Self, ParseRangedError> {
        Self::new(number).ok_or(ParseRangedError {
            number,
            min: MIN,
            max: MAX,
        })
    }
}

impl<const MIN: i64, const MAX: i64> From<Ranged<MIN, MAX>> for i64 {
    fn from(value: Ranged<MIN, MAX>) -> Self {
        value.0
    }
}

impl<const MIN: i64, const MAX: i64> fmt::Display for Ranged<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: i64, const MAX: i64> Setting for Ranged<MIN, MAX> {
    fn read(raw: &str) -> Result<Self, ValueError> {
        number(first_word(raw)?)
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

fn number<const MIN: i64, const MAX: i64>(word: &str) -> Result<Ranged<MIN, MAX>, ValueError> {
    let number = word.parse::<i64>().map_err(|_| ValueError::Number {
        text: word.to_owned(),
    })?;
    Ranged::new(number).ok_or(ValueError::Range {
        number,
        min: MIN,
        max: MAX,
    })
}

/// How long a bridge waits before it connects again: a constant, or a random time that grows from a base to a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartTimeout {
    /// Seconds; alone it is the constant.
    pub base: Ranged<1, 3600>,
    /// The longest wait in seconds, at least the base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Ranged<1, 7200>>,
    /// Seconds of connection after which the wait starts from the base again. Mosquitto 2.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<Ranged<0, 2_147_483_647>>,
}

impl Setting for RestartTimeout {
    fn read(raw: &str) -> Result<Self, ValueError> {
        let mut words = raw
            .split(' ')
            .filter(|word| !word.is_empty())
            .take_while(|word| !word.starts_with('#'));
        let base: Ranged<1, 3600> = number(words.next().ok_or(ValueError::Missing)?)?;
        let cap = words.next().map(number).transpose()?;
        let stable = words.next().map(number).transpose()?;
        if cap.is_some_and(|cap: Ranged<1, 7200>| cap.get() < base.get()) {
            return Err(ValueError::Other {
                reason: "the cap is lower than the base".to_owned(),
            });
        }
        Ok(Self { base, cap, stable })
    }

    fn write(&self) -> String {
        let rest = self
            .cap
            .map(Ranged::get)
            .into_iter()
            .chain(self.stable.map(Ranged::get));
        rest.fold(self.base.to_string(), |line, number| format!("{line} {number}"))
    }

    fn ignored(raw: &str) -> &str {
        raw.find(" #").map_or("", |at| &raw[at + 1..])
    }
}

/// TCP keepalive of a bridge's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpKeepalive {
    /// Seconds of silence before the first probe.
    pub idle: Ranged<1, 2_147_483_647>,
    /// Seconds between probes.
    pub interval: Ranged<1, 2_147_483_647>,
    /// Probes without an answer before the connection is given up.
    pub counter: Ranged<1, 2_147_483_647>,
}

impl Setting for TcpKeepalive {
    fn read(raw: &str) -> Result<Self, ValueError> {
        let mut words = raw.split(' ').filter(|word| !word.is_empty());
        let mut next = || number(words.next().ok_or(ValueError::Missing)?);
        Ok(Self {
            idle: next()?,
            interval: next()?,
            counter: next()?,
        })
    }

    fn write(&self) -> String {
        format!("{} {} {}", self.idle, self.interval, self.counter)
    }

    fn ignored(raw: &str) -> &str {
        raw.find(" #").map_or("", |at| &raw[at + 1..])
    }
}

/// `persistent_client_expiration`: after which time an absent client's session is thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expiry {
    count: Ranged<1, 65_535>,
    unit: char,
}

impl Expiry {
    /// Hours, days, weeks, months of 30 days or years of 365 days, as seconds.
    pub fn seconds(self) -> u64 {
        let unit = match self.unit {
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            'm' => 2_592_000,
            _ => 31_536_000,
        };
        self.count.get().unsigned_abs() * unit
    }
}

impl FromStr for Expiry {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let unit = text.chars().last().ok_or(ValueError::Missing)?;
        if !matches!(unit, 'h' | 'd' | 'w' | 'm' | 'y') {
            let reason = format!("{text:?} must end in h, d, w, m or y");
            return Err(ValueError::Other { reason });
        }
        Ok(Self {
            count: number(&text[..text.len() - 1])?,
            unit,
        })
    }
}

impl TryFrom<String> for Expiry {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<Expiry> for String {
    fn from(value: Expiry) -> Self {
        value.to_string()
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit)
    }
}

impl Setting for Expiry {
    fn read(raw: &str) -> Result<Self, ValueError> {
        first_word(raw)?.parse()
    }

    fn write(&self) -> String {
        self.to_string()
    }
}
