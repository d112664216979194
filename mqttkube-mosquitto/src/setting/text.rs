//! Text that a line of a configuration can carry.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Ranged, Setting, ValueError, first_word};

/// The longest value in bytes.
const MAX_BYTES: usize = 65_535;

/// Why a text cannot be the value of a directive. The text itself is not shown: it may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// Nothing is left of it.
    #[error("a value must have at least one character")]
    Empty,
    /// Blanks at the ends are cut off when Mosquitto reads the line.
    #[error("a value cannot begin or end with a blank: Mosquitto cuts it off")]
    OuterBlank,
    /// A blank inside a value that ends at the first one.
    #[error("this value cannot contain a blank")]
    InnerBlank,
    /// Mosquitto takes what begins with `#` for a comment here.
    #[error("this value cannot begin with \"#\": it would be read as a comment")]
    Comment,
    /// A line break, or another control character, which Mosquitto refuses as malformed.
    #[error("a value cannot contain a control character (at byte {offset})")]
    Control {
        /// Position in bytes.
        offset: usize,
    },
    /// Longer than an MQTT string.
    #[error("a value cannot have more than 65535 bytes")]
    TooLong,
}

/// Cuts off the blanks that Mosquitto cuts off.
pub(crate) fn trim_blanks(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn check(text: &str) -> Result<(), TextError> {
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(TextError::TooLong);
    }
    if trim_blanks(text) != text {
        return Err(TextError::OuterBlank);
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((offset, _)) => Err(TextError::Control { offset }),
        None => Ok(()),
    }
}

/// A value that runs to the end of its line: a path, a user name, a client id.
///
/// ```
/// use mqttkube_mosquitto::setting::Text;
///
/// assert!(Text::new("/mosquitto/data/").is_ok());
/// assert!(Text::new(" leading blank").is_err());
/// assert!(Text::new("two\nlines").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

impl Text {
    /// Checks a text and keeps it.
    ///
    /// # Errors
    /// [`TextError`] when a line cannot carry the text.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        check(&text)?;
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A value that ends at the first blank: the name of a connection, a host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Checks a text and keeps it.
    ///
    /// # Errors
    /// [`TextError`] when it holds a blank, begins with `#`, or a line cannot carry it.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        check(&text)?;
        if text.contains([' ', '\t']) {
            return Err(TextError::InnerBlank);
        }
        if text.starts_with('#') {
            return Err(TextError::Comment);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_traits {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
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
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_traits!(Text);
text_traits!(Name);

impl Setting for Text {
    const ONCE: bool = true;
    const REST_OF_LINE: bool = true;

    fn read(raw: &str) -> Result<Self, ValueError> {
        Self::new(trim_blanks(raw)).map_err(|error| match error {
            TextError::Empty => ValueError::Missing,
            other => ValueError::Text(other),
        })
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

impl Setting for Name {
    fn read(raw: &str) -> Result<Self, ValueError> {
        Ok(Self::new(first_word(raw)?)?)
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// A password or key. It is wiped from memory when dropped, and `Debug` does not show it. Serialising does:
/// that is how it gets into a file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Checks a text and keeps it.
    ///
    /// # Errors
    /// [`TextError`] when a line cannot carry the text.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = Zeroizing::new(text.into());
        check(&text)?;
        Ok(Self(text))
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Secret {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl From<Secret> for String {
    fn from(value: Secret) -> Self {
        value.0.to_string()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Setting for Secret {
    const ONCE: bool = true;
    const REST_OF_LINE: bool = true;

    fn read(raw: &str) -> Result<Self, ValueError> {
        Text::read(raw).and_then(|text| Ok(Self::new(text.0)?))
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

/// Where a bridge connects to: a host with an optional port.
///
/// ```
/// use mqttkube_mosquitto::setting::Address;
///
/// let address: Address = "broker.example.org:8883".parse()?;
/// assert_eq!((address.host(), address.port()), ("broker.example.org", 8883));
/// assert_eq!("broker.example.org".parse::<Address>()?.port(), 1883);
/// # Ok::<(), mqttkube_mosquitto::setting::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    host: Name,
    port: Option<Ranged<1, 65_535>>,
}

impl Address {
    /// An address with a port.
    pub fn new(host: Name, port: Ranged<1, 65_535>) -> Self {
        Self {
            host,
            port: Some(port),
        }
    }

    /// The host: a name or an address.
    pub fn host(&self) -> &str {
        self.host.as_str()
    }

    /// The port, 1883 when none is written.
    pub fn port(&self) -> u16 {
        let port = self.port.map_or(1883, Ranged::get);
        u16::try_from(port).expect("the range is that of a port")
    }
}

impl FromStr for Address {
    type Err = ValueError;

    /// What follows the last colon is the port, so an IPv6 address needs one.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.rsplit_once(':') {
            None => Ok(Self {
                host: Name::new(text)?,
                port: None,
            }),
            Some((host, port)) => Ok(Self {
                host: Name::new(host)?,
                port: Some(Ranged::read(port)?),
            }),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(value: Address) -> Self {
        value.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}
