//! Ranges of addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that is no range of addresses.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is no range of addresses: {reason}")]
pub struct CidrError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A range of addresses, such as `10.0.0.0/8` or `2001:db8::/32`.
///
/// ```
/// use mqttkube_manifests::name::Cidr;
///
/// let range: Cidr = "10.1.0.0/16".parse()?;
/// assert_eq!(range.to_string(), "10.1.0.0/16");
/// let error = "10.1.2.3/16".parse::<Cidr>().unwrap_err();
/// assert_eq!(error.to_string(), "`10.1.2.3/16` is no range of addresses: the range that holds it is 10.1.0.0/16");
/// # Ok::<(), mqttkube_manifests::name::CidrError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let error = |reason: String| CidrError {
            text: text.to_owned(),
            reason,
        };
        let (address, bits) = text
            .split_once('/')
            .ok_or_else(|| error("write address and bits, as 10.0.0.0/8".to_owned()))?;
        let address: IpAddr = address
            .parse()
            .map_err(|_| error(format!("`{address}` is no address")))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let number = bits
            .parse()
            .ok()
            .filter(|number| *number <= most && !bits.starts_with('+'));
        let bits = number.ok_or_else(|| error(format!("`{bits}` is no number from 0 to {most}")))?;
        let range = Self {
            address: masked(address, bits),
            bits,
        };
        if range.address == address {
            Ok(range)
        } else {
            Err(error(format!("the range that holds it is {range}")))
        }
    }
}

/// The first address of the range.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

impl TryFrom<String> for Cidr {
    type Error = CidrError;

    fn try_from(text: String) -> Result<Self, CidrError> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(range: Cidr) -> Self {
        range.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}
