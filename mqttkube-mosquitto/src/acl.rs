//! The ACL file: which topics a user may read and write.

use std::fmt;
use std::str::FromStr;

use mqttkube_mapping::{TopicError, TopicFilter};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::password::{PasswordError, UserName};

/// What a line grants. `Deny` wins over everything else that the same user is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Subscribing and receiving.
    Read,
    /// Publishing.
    Write,
    /// Both.
    ReadWrite,
    /// Neither.
    Deny,
}

/// One line: topics and what may be done with them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// What may be done.
    pub access: Access,
    /// With which topics. In a pattern `%c` stands for the client id and `%u` for the user name.
    pub filter: TopicFilter,
}

/// The lines of one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserGrants {
    /// Who.
    pub user: UserName,
    /// What they may.
    pub grants: Vec<Grant>,
}

/// A whole file. Patterns hold for everybody who has a user name, so they are written first, where nobody takes them
/// for lines of one user.
///
/// ```
/// use mqttkube_mosquitto::acl::{Access, AclFile, Grant, UserGrants};
///
/// let file = AclFile {
///     users: vec![UserGrants {
///         user: "bridge".parse()?,
///         grants: vec![Grant { access: Access::Read, filter: "events/#".parse()? }],
///     }],
///     ..AclFile::default()
/// };
/// assert_eq!(file.to_string(), "user bridge\ntopic read events/#\n");
/// assert_eq!(file.to_string().parse::<AclFile>()?, file);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AclFile {
    /// For everybody, with `%c` and `%u` filled in.
    pub patterns: Vec<Grant>,
    /// For clients without a user name.
    pub anonymous: Vec<Grant>,
    /// For users.
    pub users: Vec<UserGrants>,
}

/// Why a line is none. Mosquitto does not start with such a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct AclError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: AclReason,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AclReason {
    /// The first word is none of the file.
    #[error("{word:?} is not one of user, topic, pattern")]
    Word {
        /// The word as given.
        word: String,
    },
    /// The word before the topic is no access.
    #[error("{word:?} is not one of read, write, readwrite, deny")]
    Access {
        /// The word as given.
        word: String,
    },
    /// No topic behind `topic` or `pattern`, or no name behind `user`.
    #[error("the line has no value")]
    Missing,
    /// The topic is no filter.
    #[error(transparent)]
    Filter(#[from] TopicError),
    /// The user name is none.
    #[error(transparent)]
    User(#[from] PasswordError),
}

/// One line as it stands in the file.
pub(crate) enum Line {
    User(UserName),
    Topic(Grant),
    Pattern(Grant),
}

/// The lines that say something, numbered from 1.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, Result<Line, AclReason>)> + '_ {
    let numbered = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_end()));
    numbered
        .filter(|(_, line)| !line.starts_with('#') && !line.trim_start_matches(' ').is_empty())
        .map(|(number, line)| (number, read_line(line.trim_start_matches(' '))))
}

fn read_line(line: &str) -> Result<Line, AclReason> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim_matches([' ', '\t']);
    match word {
        "user" | "topic" | "pattern" if rest.is_empty() => Err(AclReason::Missing),
        "user" => Ok(Line::User(rest.parse()?)),
        "topic" => read_grant(rest).map(Line::Topic),
        "pattern" => read_grant(rest).map(Line::Pattern),
        _ => Err(AclReason::Word {
            word: word.to_owned(),
        }),
    }
}

fn read_grant(rest: &str) -> Result<Grant, AclReason> {
    let Some((access, filter)) = rest.split_once(' ') else {
        return Ok(Grant {
            access: Access::ReadWrite,
            filter: rest.parse()?,
        });
    };
    let access = match access {
        "read" => Access::Read,
        "write" => Access::Write,
        "readwrite" => Access::ReadWrite,
        "deny" => Access::Deny,
        _ => {
            return Err(AclReason::Access {
                word: access.to_owned(),
            });
        }
    };
    Ok(Grant {
        access,
        filter: filter.trim_matches([' ', '\t']).parse()?,
    })
}

impl AclFile {
    /// Adds a line for a user; `None` is for clients without a user name.
    pub fn grant(&mut self, user: Option<&UserName>, grant: Grant) {
        let Some(user) = user else {
            self.anonymous.push(grant);
            return;
        };
        match self.users.iter_mut().find(|known| known.user == *user) {
            Some(known) => known.grants.push(grant),
            None => self.users.push(UserGrants {
                user: user.clone(),
                grants: vec![grant],
            }),
        }
    }
}

impl FromStr for AclFile {
    type Err = AclError;

    fn from_str(text: &str) -> Result<Self, AclError> {
        let (mut file, mut user) = (Self::default(), None);
        for (line, content) in lines(text) {
            match content.map_err(|reason| AclError { line, reason })? {
                Line::User(name) => user = Some(name),
                Line::Topic(grant) => file.grant(user.as_ref(), grant),
                Line::Pattern(grant) => file.patterns.push(grant),
            }
        }
        Ok(file)
    }
}

impl Access {
    /// The word as it stands in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "readwrite",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.access.as_str(), self.filter)
    }
}

impl fmt::Display for AclFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.patterns
            .iter()
            .try_for_each(|grant| writeln!(f, "pattern {grant}"))?;
        self.anonymous
            .iter()
            .try_for_each(|grant| writeln!(f, "topic {grant}"))?;
        for UserGrants { user, grants } in &self.users {
            writeln!(f, "user {user}")?;
            grants.iter().try_for_each(|grant| writeln!(f, "topic {grant}"))?;
        }
        Ok(())
    }
}
