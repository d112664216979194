//! The password file: one line `user:hash` for each user.
//!
//! Hashes are written as `$7$` (PBKDF2 with HMAC-SHA-512) with a salt of 12 bytes, the one form that both 2.0 and 2.1
//! take. The crate has no source of randomness: the caller brings the salt, or derives it with [`derived_salt`] so that
//! the same input gives the same file.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Bytes of a salt that every version takes.
pub const SALT_BYTES: usize = 12;
/// Bytes of a derived key, and of a SHA-512 digest.
const KEY_BYTES: usize = 64;
/// Rounds for passwords that are random and long, as those of machines should be.
pub const DEFAULT_ITERATIONS: u32 = 1000;
/// The most rounds that are written. The broker checks passwords on the thread that carries all messages.
pub const MAX_ITERATIONS: u32 = 1_000_000;

/// Why a line of a password file, or a part of it, is not one. Hashes are not shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// No colon between user and hash.
    #[error("a line must be a user, a colon and a hash")]
    Colon,
    /// Not a user name that the file can carry.
    #[error("the user name {name:?} {reason}")]
    User {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No known form of hash.
    #[error("the hash must begin with $7$, $6$ or $argon2id$")]
    Form,
    /// A hash that lacks a part, or whose part is no base64.
    #[error("the hash is damaged: {reason}")]
    Damaged {
        /// Which part.
        reason: &'static str,
    },
    /// More rounds than are written.
    #[error(
        "{iterations} iterations are more than {MAX_ITERATIONS}, and would stall the broker at every login"
    )]
    Iterations {
        /// The number as given.
        iterations: u32,
    },
    /// The same user twice.
    #[error("the user {name:?} is there twice")]
    Duplicate {
        /// The name.
        name: String,
    },
}

/// A user name that password and ACL files can carry: not empty, without colon, control characters and blanks at the
/// ends, and not beginning with `#`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

/// A hashed password.
///
/// ```
/// use mqttkube_mosquitto::password::PasswordHash;
///
/// let hash = PasswordHash::new("open sesame", [7; 12], 101)?;
/// assert!(hash.to_string().starts_with("$7$101$BwcHBwcHBwcHBwcH$"));
/// assert_eq!(hash.verify("open sesame"), Some(true));
/// assert_eq!(hash.verify("open barley"), Some(false));
/// # Ok::<(), mqttkube_mosquitto::password::PasswordError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordHash {
    /// `$7$`: PBKDF2 with HMAC-SHA-512.
    Pbkdf2 {
        /// Rounds.
        iterations: NonZeroU32,
        /// 12 bytes for all versions, or 64 for 2.1 alone.
        salt: Vec<u8>,
        /// 64 bytes.
        key: Vec<u8>,
    },
    /// `$6$`: SHA-512 of password and salt, one round. Read and verified, not made.
    Sha512 {
        /// Usually 12 bytes.
        salt: Vec<u8>,
        /// 64 bytes.
        digest: Vec<u8>,
    },
    /// `$argon2id$`, for a 2.1 that was built with it. Kept, not verified.
    Argon2 {
        /// The whole text.
        text: String,
    },
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordEntry {
    /// Who.
    pub user: UserName,
    /// What is compared with the password.
    pub hash: PasswordHash,
}

/// A whole file. No user is there twice.
///
/// ```
/// use mqttkube_mosquitto::password::{PasswordFile, PasswordHash};
///
/// let mut file = PasswordFile::default();
/// file.insert("probe".parse()?, PasswordHash::new("long random secret", [1; 12], 1000)?);
/// let text = file.to_string();
/// assert_eq!(text.parse::<PasswordFile>()?, file);
/// # Ok::<(), mqttkube_mosquitto::password::PasswordError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasswordFile {
    entries: Vec<PasswordEntry>,
}

impl PasswordHash {
    /// Hashes a password as `$7$`.
    ///
    /// # Errors
    /// [`PasswordError::Iterations`] above [`MAX_ITERATIONS`], [`PasswordError::Damaged`] for 0 rounds.
    pub fn new(password: &str, salt: [u8; SALT_BYTES], iterations: u32) -> Result<Self, PasswordError> {
        if iterations > MAX_ITERATIONS {
            return Err(PasswordError::Iterations { iterations });
        }
        let iterations = NonZeroU32::new(iterations).ok_or(PasswordError::Damaged {
            reason: "it has 0 iterations",
        })?;
        let mut key = vec![0; KEY_BYTES];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA512,
            iterations,
            &salt,
            password.as_bytes(),
            &mut key,
        );
        Ok(Self::Pbkdf2 {
            iterations,
            salt: salt.to_vec(),
            key,
        })
    }

    /// Whether this is the password; `None` for a form that is not verified here.
    pub fn verify(&self, password: &str) -> Option<bool> {
        match self {
            Self::Pbkdf2 {
                iterations,
                salt,
                key,
            } => {
                let algorithm = pbkdf2::PBKDF2_HMAC_SHA512;
                Some(pbkdf2::verify(algorithm, *iterations, salt, password.as_bytes(), key).is_ok())
            }
            Self::Sha512 { salt, digest } => {
                let mut context = digest::Context::new(&digest::SHA512);
                context.update(password.as_bytes());
                context.update(salt);
                Some(equal(context.finish().as_ref(), digest))
            }
            Self::Argon2 { .. } => None,
        }
    }

    /// About how long the broker stands still to check it: 0.8 µs a round on a small machine.
    pub fn cost(&self) -> Duration {
        match self {
            Self::Pbkdf2 { iterations, .. } => Duration::from_nanos(800) * iterations.get(),
            Self::Sha512 { .. } => Duration::from_micros(1),
            Self::Argon2 { .. } => Duration::from_millis(50),
        }
    }
}

/// A salt that depends on key, user and password alone, so that writing the same users again gives the same file. The
/// key is a secret that stays with whoever writes; another key gives other salts.
pub fn derived_salt(key: &[u8], user: &UserName, password: &str) -> [u8; SALT_BYTES] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA512, key));
    context.update(user.as_str().as_bytes());
    // No user name contains a colon, so that no two pairs give the same bytes.
    context.update(b":");
    context.update(password.as_bytes());
    let mut salt = [0; SALT_BYTES];
    salt.copy_from_slice(&context.sign().as_ref()[..SALT_BYTES]);
    salt
}

/// Compares in a time that does not depend on where the first difference is.
fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

impl PasswordFile {
    /// Sets the hash of a user; a user who is there keeps the place.
    pub fn insert(&mut self, user: UserName, hash: PasswordHash) {
        match self.entries.iter_mut().find(|entry| entry.user == user) {
            Some(entry) => entry.hash = hash,
            None => self.entries.push(PasswordEntry { user, hash }),
        }
    }

    /// The hash of a user.
    pub fn get(&self, user: &str) -> Option<&PasswordHash> {
        self.entries
            .iter()
            .find(|entry| entry.user.as_str() == user)
            .map(|entry| &entry.hash)
    }

    /// The lines in order.
    pub fn entries(&self) -> &[PasswordEntry] {
        &self.entries
    }
}

/// The lines that say something: number from 1, and the line as an entry. Comments and empty lines are left out.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, Result<PasswordEntry, PasswordError>)> + '_ {
    let numbered = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_end()));
    numbered
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| (number, line.parse()))
}

impl FromStr for PasswordFile {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<Self, PasswordError> {
        let mut file = Self::default();
        for (_, entry) in lines(text) {
            let entry = entry?;
            if file.get(entry.user.as_str()).is_some() {
                return Err(PasswordError::Duplicate { name: entry.user.0 });
            }
            file.entries.push(entry);
        }
        Ok(file)
    }
}

impl FromStr for PasswordEntry {
    type Err = PasswordError;

    fn from_str(line: &str) -> Result<Self, PasswordError> {
        let (user, hash) = line.split_once(':').ok_or(PasswordError::Colon)?;
        Ok(Self {
            user: user.trim().parse()?,
            hash: hash.trim().parse()?,
        })
    }
}

impl FromStr for PasswordHash {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<Self, PasswordError> {
        if text.starts_with("$argon2id$") {
            return Ok(Self::Argon2 {
                text: text.to_owned(),
            });
        }
        let mut parts = text.split('$').skip(1);
        let form = parts.next().ok_or(PasswordError::Form)?;
        match (form, parts.next(), parts.next(), parts.next(), parts.next()) {
            ("7", Some(rounds), Some(salt), Some(key), None) if text.starts_with('$') => {
                let iterations = rounds.parse().map_err(|_| PasswordError::Damaged {
                    reason: "the number of iterations",
                })?;
                Ok(Self::Pbkdf2 {
                    iterations,
                    salt: decode(salt, "the salt")?,
                    key: decode_key(key)?,
                })
            }
            ("6", Some(salt), Some(digest), None, None) if text.starts_with('$') => Ok(Self::Sha512 {
                salt: decode(salt, "the salt")?,
                digest: decode_key(digest)?,
            }),
            ("6" | "7", ..) => Err(PasswordError::Damaged {
                reason: "the number of its parts",
            }),
            _ => Err(PasswordError::Form),
        }
    }
}

fn decode(text: &str, reason: &'static str) -> Result<Vec<u8>, PasswordError> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| PasswordError::Damaged { reason })?;
    if bytes.is_empty() {
        Err(PasswordError::Damaged { reason })
    } else {
        Ok(bytes)
    }
}

fn decode_key(text: &str) -> Result<Vec<u8>, PasswordError> {
    let reason = "the derived key";
    decode(text, reason).and_then(|key| {
        if key.len() == KEY_BYTES {
            Ok(key)
        } else {
            Err(PasswordError::Damaged { reason })
        }
    })
}

impl UserName {
    /// Checks a name and keeps it.
    ///
    /// # Errors
    /// [`PasswordError::User`] when a file cannot carry it.
    pub fn new(name: impl Into<String>) -> Result<Self, PasswordError> {
        let name = name.into();
        let reason = if name.is_empty() {
            "is empty"
        } else if name.len() > 65_535 {
            "is longer than 65535 bytes"
        } else if name.contains(':') {
            "contains a colon"
        } else if name.chars().any(char::is_control) {
            "contains a control character"
        } else if name.trim() != name {
            "begins or ends with a blank"
        } else if name.starts_with('#') {
            "begins with #, as comments do"
        } else {
            return Ok(Self(name));
        };
        Err(PasswordError::User { name, reason })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = PasswordError;

    fn from_str(name: &str) -> Result<Self, PasswordError> {
        Self::new(name)
    }
}

impl TryFrom<String> for UserName {
    type Error = PasswordError;

    fn try_from(name: String) -> Result<Self, PasswordError> {
        Self::new(name)
    }
}

impl From<UserName> for String {
    fn from(value: UserName) -> Self {
        value.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pbkdf2 {
                iterations,
                salt,
                key,
            } => {
                write!(
                    f,
                    "$7${iterations}${}${}",
                    STANDARD.encode(salt),
                    STANDARD.encode(key)
                )
            }
            Self::Sha512 { salt, digest } => {
                write!(f, "$6${}${}", STANDARD.encode(salt), STANDARD.encode(digest))
            }
            Self::Argon2 { text } => f.write_str(text),
        }
    }
}

impl fmt::Debug for PasswordHash {
    /// The form without the hash, which is worth attacking.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pbkdf2 { iterations, .. } => write!(f, "$7${iterations}$..."),
            Self::Sha512 { .. } => f.write_str("$6$..."),
            Self::Argon2 { .. } => f.write_str("$argon2id$..."),
        }
    }
}

impl fmt::Display for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries
            .iter()
            .try_for_each(|entry| writeln!(f, "{}:{}", entry.user, entry.hash))
    }
}
