//! Port numbers.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number that is no port, or not one of the kind asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is no {what}")]
pub struct PortError {
    /// What was asked for, with its range.
    pub what: &'static str,
    /// The text as given.
    pub text: String,
}

/// A TCP port, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u16")]
pub struct Port(NonZeroU16);

/// A port of every node, 30000 to 32767.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u16")]
pub struct NodePort(u16);

impl Port {
    const WHAT: &'static str = "port; write 1 to 65535";

    /// A literal; as a constant it is checked by the compiler.
    ///
    /// # Panics
    /// For 0, which in a constant is a compile error.
    #[must_use]
    pub const fn literal(number: u16) -> Self {
        match NonZeroU16::new(number) {
            Some(number) => Self(number),
            None => panic!("0 is no port"),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0.get()
    }

    /// Ports below 1024 need a capability that restricted pods may add, and that an unprivileged image does not have.
    #[must_use]
    pub const fn is_privileged(self) -> bool {
        self.number() < 1024
    }
}

impl NodePort {
    const WHAT: &'static str = "node port; write 30000 to 32767";

    /// A literal; as a constant it is checked by the compiler.
    ///
    /// # Panics
    /// Outside the range, which in a constant is a compile error.
    #[must_use]
    pub const fn literal(number: u16) -> Self {
        assert!(
            number >= 30_000 && number <= 32_767,
            "a node port is 30000 to 32767"
        );
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u32> for Port {
    type Error = PortError;

    fn try_from(number: u32) -> Result<Self, PortError> {
        let error = || PortError {
            what: Self::WHAT,
            text: number.to_string(),
        };
        u16::try_from(number)
            .ok()
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or_else(error)
    }
}

impl TryFrom<u32> for NodePort {
    type Error = PortError;

    fn try_from(number: u32) -> Result<Self, PortError> {
        let error = || PortError {
            what: Self::WHAT,
            text: number.to_string(),
        };
        let number = u16::try_from(number)
            .ok()
            .filter(|number| (30_000..=32_767).contains(number));
        number.map(Self).ok_or_else(error)
    }
}

impl FromStr for Port {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        let number: u32 = text.parse().map_err(|_| PortError {
            what: Self::WHAT,
            text: text.to_owned(),
        })?;
        number.try_into()
    }
}

impl FromStr for NodePort {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        let number: u32 = text.parse().map_err(|_| PortError {
            what: Self::WHAT,
            text: text.to_owned(),
        })?;
        number.try_into()
    }
}

impl From<Port> for u16 {
    fn from(port: Port) -> Self {
        port.number()
    }
}

impl From<NodePort> for u16 {
    fn from(port: NodePort) -> Self {
        port.number()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl fmt::Display for NodePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}
