//! What the plugin would ignore or refuse in a file of the right shape.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::{Client, Credential, DynSec};

/// Something that the plugin would ignore or refuse.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DynSecError {
    /// A name that nothing has.
    #[error("{what} {name:?} is named but not there")]
    Dangling {
        /// `the role`, `the client` or `the group`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name that two have.
    #[error("{what} {name:?} is there twice")]
    Duplicate {
        /// `the role`, `the client` or `the group`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A hash with parts of the wrong length.
    #[error("the hash of the client {name:?} needs a salt of 12 bytes and a key of 64, both in base64")]
    Hash {
        /// The client.
        name: String,
    },
    /// A client without a hash.
    #[error("the client {name:?} has no password and cannot log in")]
    NoPassword {
        /// The client.
        name: String,
    },
}

impl DynSec {
    /// Names that nothing has or two have, and hashes that no version takes.
    pub fn check(&self) -> Vec<DynSecError> {
        let mut errors = Vec::new();
        let roles = unique(
            "the role",
            self.roles.iter().map(|role| &role.rolename),
            &mut errors,
        );
        let clients = unique(
            "the client",
            self.clients.iter().map(|client| &client.username),
            &mut errors,
        );
        let groups = unique(
            "the group",
            self.groups.iter().map(|group| &group.groupname),
            &mut errors,
        );
        let named = self.clients.iter().flat_map(|client| &client.roles);
        let named = named.chain(self.groups.iter().flat_map(|group| &group.roles));
        dangling("the role", named.map(|role| &role.rolename), &roles, &mut errors);
        let members = self.groups.iter().flat_map(|group| &group.clients);
        dangling(
            "the client",
            members.map(|client| &client.username),
            &clients,
            &mut errors,
        );
        dangling("the group", self.anonymous_group.iter(), &groups, &mut errors);
        errors.extend(self.clients.iter().filter_map(Client::check));
        errors
    }
}

fn unique<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a String>,
    errors: &mut Vec<DynSecError>,
) -> BTreeSet<&'a String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            errors.push(DynSecError::Duplicate {
                what,
                name: name.clone(),
            });
        }
    }
    seen
}

fn dangling<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a String>,
    there: &BTreeSet<&String>,
    errors: &mut Vec<DynSecError>,
) {
    let missing = names.filter(|name| !there.contains(name));
    errors.extend(missing.map(|name| DynSecError::Dangling {
        what,
        name: name.clone(),
    }));
}

impl Client {
    fn check(&self) -> Option<DynSecError> {
        let length = |text: &str| STANDARD.decode(text).ok().map(|bytes| bytes.len());
        match &self.credential {
            Credential::Pbkdf2 {
                password,
                salt,
                iterations,
            } => {
                let good = length(password) == Some(64) && length(salt) == Some(12) && *iterations > 0;
                (!good).then(|| DynSecError::Hash {
                    name: self.username.clone(),
                })
            }
            Credential::Encoded { .. } => None,
            Credential::None {} => Some(DynSecError::NoPassword {
                name: self.username.clone(),
            }),
        }
    }
}
