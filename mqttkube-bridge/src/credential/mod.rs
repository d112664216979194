//! Credentials that expire, and when to make them anew.
//!
//! A [`Source`] issues a [`Credential`]; a [`Schedule`] says when the next one is due. The schedule is pure: it is
//! given the time and never asks for it.
//!
//! ```
//! use mqttkube_bridge::credential::{JwtSource, Source, UnixTime};
//!
//! # let pem = include_bytes!("../../tests/keys/rfc7515-a3.pem");
//! let mut source = JwtSource::new(pem, "my-project", 3_600)?;
//! let credential = source.issue(UnixTime(1_795_000_000))?;
//! assert_eq!(credential.expires, Some(UnixTime(1_795_003_600)));
//! assert!(format!("{credential:?}").contains("redacted"));
//! # Ok::<(), mqttkube_bridge::credential::CredentialError>(())
//! ```

mod claims;
mod jwt;
mod key;
mod sas;
mod schedule;
mod source;

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

pub use claims::token_expiry;
pub use jwt::{Claims, Header, Identity, Jwt};
pub use key::{Algorithm, KeyError, SigningKey};
pub use sas::{SasKey, sas_token};
pub use schedule::{Clock, Next, Schedule, ScheduleOptions};
pub use source::{JwtSource, SasSource, Source, StaticSource, TokenText};

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub u64);

/// No clock shows an earlier time than the day this release was prepared: one that does has lost its battery or has not
/// been set yet, and every token made by it would be refused.
pub const CLOCK_FLOOR: UnixTime = UnixTime(1_793_491_200); // 2026-11-01T00:00:00Z

/// Where in CONNECT a secret is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shown {
    /// As the password.
    #[default]
    Password,
    /// As the user name, without a password: access tokens of ThingsBoard.
    Username,
    /// As the data of enhanced authentication by this method (MQTT 5 section 4.12): tokens at Azure Event Grid.
    Data(&'static str),
}

/// What is sent as user name and secret, and until when it is good.
#[derive(Clone)]
pub struct Credential {
    /// The MQTT user name, where the credential decides it.
    pub username: Option<String>,
    /// The MQTT password, or what [`Shown`] says.
    pub secret: Zeroizing<String>,
    /// When the server stops accepting it; `None`: never.
    pub expires: Option<UnixTime>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("username", &self.username)
            .field("secret", &"(redacted)")
            .field("expires", &self.expires)
            .finish()
    }
}

/// Why no credential could be issued.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialError {
    /// The key cannot be used. Trying again does not help; the key has to be replaced.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The clock is before [`CLOCK_FLOOR`]. Trying again helps once the clock is set.
    #[error("the clock shows {} s since 1970, which is before this release was made; set the clock, no token is made with a wrong time", .0.0)]
    ClockTooEarly(UnixTime),
    /// A lifetime that the cloud does not accept.
    #[error("a token lifetime of {seconds} s is outside {min} s to {max} s")]
    Lifetime {
        /// What was asked for.
        seconds: u64,
        /// The shortest accepted.
        min: u64,
        /// The longest accepted.
        max: u64,
    },
    /// A shared access key that is not base64.
    #[error("the shared access key is not base64")]
    SasKey,
    /// The key, token or password is not where it should be; it says where. Trying again helps once it is.
    #[error("{0}")]
    Unavailable(String),
    /// A token without a readable expiry where one is needed.
    #[error("the token {0}")]
    Token(&'static str),
    /// The token file has ended its life and was not replaced.
    #[error("the token expired {seconds} s ago and has not been replaced")]
    Stale {
        /// For how long it has been expired.
        seconds: u64,
    },
}

/// Refuses a clock that cannot be right.
fn check_clock(now: UnixTime) -> Result<(), CredentialError> {
    if now < CLOCK_FLOOR {
        Err(CredentialError::ClockTooEarly(now))
    } else {
        Ok(())
    }
}
