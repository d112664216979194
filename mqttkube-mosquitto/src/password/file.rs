//! The lines of a password file.

use std::fmt;
use std::str::FromStr;

use super::{PasswordError, PasswordHash, UserName};

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
                return Err(PasswordError::Duplicate {
                    name: entry.user.into(),
                });
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

impl fmt::Display for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries
            .iter()
            .try_for_each(|entry| writeln!(f, "{}:{}", entry.user, entry.hash))
    }
}
