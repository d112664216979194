//! Hashes of passwords, and the salts that they need.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

use super::{MAX_ITERATIONS, PasswordError, SALT_BYTES, UserName};

/// Bytes of a derived key, and of a SHA-512 digest.
const KEY_BYTES: usize = 64;

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
