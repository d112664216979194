//! Names made from names: what is appended must fit as well.

use thiserror::Error;

use super::{DnsLabel, ServiceName};

/// A derived name would be too long.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "`{base}` is too long for what is named after it: `{derived}` has {length} characters, {most} are allowed; shorten it to {budget}"
)]
pub struct TooLong {
    /// The name given.
    pub base: String,
    /// The name that would be made of it.
    pub derived: String,
    /// How long that is.
    pub length: usize,
    /// How long it may be.
    pub most: usize,
    /// How long the given name may be.
    pub budget: usize,
}

/// The longest suffix that will be put behind a name, decided before the name is accepted.
///
/// ```
/// use mqttkube_manifests::name::{Budget, ServiceName};
///
/// let base: ServiceName = "mosquitto".parse()?;
/// let headless = Budget::new("-headless").service(&base)?;
/// assert_eq!(headless.as_str(), "mosquitto-headless");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    suffix: &'static str,
}

impl Budget {
    const MOST: usize = 63;

    /// A suffix of lower-case letters, digits and `-` that ends in a letter or digit.
    ///
    /// # Panics
    /// When the suffix is something else, which in a constant is a compile error.
    #[must_use]
    pub const fn new(suffix: &'static str) -> Self {
        let bytes = suffix.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let fits = bytes[at].is_ascii_lowercase() || bytes[at].is_ascii_digit() || bytes[at] == b'-';
            assert!(fits, "a suffix is lower-case letters, digits and hyphens");
            at += 1;
        }
        assert!(
            bytes.is_empty() || bytes[bytes.len() - 1] != b'-',
            "a suffix ends in a letter or digit"
        );
        Self { suffix }
    }

    /// `base` with the suffix, as a Service.
    ///
    /// # Errors
    /// [`TooLong`] says how long the base may be.
    pub fn service(self, base: &ServiceName) -> Result<ServiceName, TooLong> {
        self.check(base.as_str())
            .map(|derived| ServiceName(derived.into()))
    }

    /// `base` with the suffix, as a label.
    ///
    /// # Errors
    /// [`TooLong`] says how long the base may be.
    pub fn label(self, base: &DnsLabel) -> Result<DnsLabel, TooLong> {
        self.check(base.as_str()).map(|derived| DnsLabel(derived.into()))
    }

    fn check(self, base: &str) -> Result<String, TooLong> {
        let derived = format!("{base}{}", self.suffix);
        if derived.len() <= Self::MOST {
            return Ok(derived);
        }
        let budget = Self::MOST.saturating_sub(self.suffix.len());
        Err(TooLong {
            base: base.to_owned(),
            length: derived.len(),
            derived,
            most: Self::MOST,
            budget,
        })
    }
}
