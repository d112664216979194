//! Text that must not be shown.

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;
use zeroize::Zeroizing;

use super::cursor::{Cursor, FromNode};
use super::loader::join_path;

/// A secret as a file gives it: `${env:NAME}`, `${file:PATH}`, or the text itself.
///
/// A relative path begins at the folder of the file that it was read from. The secret is looked up each time
/// that [`Secret::reveal`] is called, so that a rotated one is found. `Debug` never shows a literal text.
///
/// ```
/// use std::io;
///
/// use mqttkube_mapping::yaml::{Secret, SecretLookup};
///
/// struct World;
///
/// impl SecretLookup for World {
///     fn env(&self, name: &str) -> Option<String> {
///         (name == "MQTT_PASSWORD").then(|| "swordfish".to_owned())
///     }
///     fn file(&self, _path: &str) -> io::Result<String> {
///         Ok("from a file\n".to_owned())
///     }
/// }
///
/// let password: Secret = "${env:MQTT_PASSWORD}".parse()?;
/// assert_eq!(password.reveal(&World)?.as_str(), "swordfish");
/// assert_eq!("${file:/run/token}".parse::<Secret>()?.reveal(&World)?.as_str(), "from a file");
/// assert_eq!(format!("{:?}", "swordfish".parse::<Secret>()?), "Secret(literal)");
/// assert!("${env:OTHER}".parse::<Secret>()?.reveal(&World).is_err());
/// # Ok::<(), mqttkube_mapping::yaml::SecretError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    Literal(Zeroizing<String>),
    Env(String),
    File(String),
}

/// Where secrets are found. The caller decides what the environment and the files are.
pub trait SecretLookup {
    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;

    /// The content of a file.
    ///
    /// # Errors
    /// The file cannot be read as text.
    fn file(&self, path: &str) -> io::Result<String>;
}

/// The secret itself. Its memory is overwritten when it is dropped, and `Debug` does not show it.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

/// Why there is no secret. For the person who wrote the file, or who provides the variable or file; a later
/// try may find it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The text begins like a reference but is none.
    #[error("{text:?} is no reference to a secret: write ${{env:NAME}} or ${{file:PATH}} and nothing else")]
    Syntax {
        /// The reference as given.
        text: String,
    },
    /// The environment has no such variable.
    #[error("the environment variable {name} is not set")]
    Unset {
        /// Name of the variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read")]
    File {
        /// Path of the file.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
}

impl Secret {
    /// Whether the text stands in the file itself.
    pub fn is_literal(&self) -> bool {
        matches!(self.0, Source::Literal(_))
    }

    /// Looks the secret up. One line end at the end of a file is not part of it.
    ///
    /// # Errors
    /// The variable is not set, or the file cannot be read.
    pub fn reveal(&self, lookup: &(impl SecretLookup + ?Sized)) -> Result<SecretText, SecretError> {
        match &self.0 {
            Source::Literal(text) => Ok(SecretText(text.clone())),
            Source::Env(name) => {
                let value = lookup
                    .env(name)
                    .ok_or_else(|| SecretError::Unset { name: name.clone() })?;
                Ok(SecretText(Zeroizing::new(value)))
            }
            Source::File(path) => {
                let content = lookup.file(path).map_err(|source| SecretError::File {
                    path: path.clone(),
                    source,
                })?;
                let mut content = Zeroizing::new(content);
                let line = content.strip_suffix('\n').unwrap_or(&content);
                let length = line.strip_suffix('\r').unwrap_or(line).len();
                content.truncate(length);
                Ok(SecretText(content))
            }
        }
    }
}

impl SecretText {
    /// The secret. Do not print it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let reference = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let parts = reference.and_then(|inner| inner.split_once(':'));
        match parts {
            Some(("env", name)) if is_name(name) => Ok(Self(Source::Env(name.to_owned()))),
            Some(("file", path)) if !path.is_empty() && !path.contains("${") => {
                Ok(Self(Source::File(path.to_owned())))
            }
            Some((scheme, _)) if is_name(scheme) => Err(SecretError::Syntax {
                text: text.to_owned(),
            }),
            // A reference amid other text: the rest may be a secret, so only the reference is shown.
            _ => match text.find("${env:").or_else(|| text.find("${file:")) {
                Some(start) => {
                    let end = text[start..]
                        .find('}')
                        .map_or(text.len(), |length| start + length + 1);
                    Err(SecretError::Syntax {
                        text: text[start..end].to_owned(),
                    })
                }
                None => Ok(Self(Source::Literal(Zeroizing::new(text.to_owned())))),
            },
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl FromNode for Secret {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let secret: Self = cursor.parse()?;
        Some(match secret.0 {
            Source::File(path) => Self(Source::File(join_path(cursor.folder(), &path))),
            source => Self(source),
        })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Zeroizing::new(String::deserialize(deserializer)?)
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Literal(_) => f.write_str("Secret(literal)"),
            Source::Env(name) => write!(f, "Secret(env {name})"),
            Source::File(path) => write!(f, "Secret(file {path})"),
        }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}
