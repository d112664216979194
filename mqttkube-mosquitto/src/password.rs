//! The password file: one line `user:hash` for each user.
//!
//! Hashes are written as `$7$` (PBKDF2 with HMAC-SHA-512) with a salt of 12 bytes, the one form that both 2.0 and 2.1
//! take. The crate has no source of randomness: the caller brings the salt, or derives it with [`derived_salt`] so that
//! the same input gives the same file.

mod file;
mod hash;
mod user;

use thiserror::Error;

pub(crate) use file::lines;
pub use file::{PasswordEntry, PasswordFile};
pub use hash::{PasswordHash, derived_salt};
pub use user::UserName;

/// Bytes of a salt that every version takes.
pub const SALT_BYTES: usize = 12;
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
