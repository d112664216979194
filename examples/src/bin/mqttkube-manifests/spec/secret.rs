//! Secrets that a SPEC points to, never holds: a Secret in the cluster, a hash, or a file or environment variable of
//! whoever renders.

use std::sync::OnceLock;

use mqttkube_examples::secrets::Process;
use mqttkube_manifests::broker::{Credential, Redacted, SecretKey, User};
use mqttkube_mapping::yaml::{Content, Cursor, Secret, SecretText, Section};
use mqttkube_mosquitto::password::{DEFAULT_ITERATIONS, PasswordHash, UserName, derived_salt};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::words::{optional, required, secret_key, value};

/// Whether files and variables are looked up. `check` needs none of them, and everything else may depend on none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// They are read, and missing ones are mistakes.
    Real,
    /// A text of no meaning stands for each.
    Placeholder,
}

/// Where a password comes from.
pub(super) enum Place {
    InCluster(SecretKey),
    /// It is known now.
    Given(SecretText),
}

/// Reads `{secret, key}`, `{env}` or `{file}`. The password itself is refused, and not shown.
pub(super) fn place(cursor: &Cursor<'_>, lookup: Lookup) -> Option<Place> {
    if !matches!(cursor.node().content, Content::Mapping(_)) {
        cursor.error_with_help(
            "a password has no place in this file",
            "write `{secret: NAME, key: KEY}`, `{env: NAME}` or `{file: PATH}`, or `hash:` with what \
             `mqttkube-manifests passwd` prints behind the colon",
        );
        return None;
    }
    if cursor.node().get("secret").is_some() {
        return secret_key(cursor).map(Place::InCluster);
    }
    given(cursor, lookup).map(Place::Given)
}

/// Reads `{env: NAME}` or `{file: PATH}`.
pub(super) fn given(cursor: &Cursor<'_>, lookup: Lookup) -> Option<SecretText> {
    let mut section = cursor.section("the place of a secret")?;
    let reference = match (value(&mut section, "env"), value(&mut section, "file")) {
        (Some(name), None) => name.text().map(|name| format!("${{env:{name}}}")),
        (None, Some(path)) => path.file_path().map(|path| format!("${{file:{path}}}")),
        _ => {
            cursor.error("the place of a secret is one of `secret` with `key`, `env` and `file`");
            None
        }
    };
    section.finish();
    let secret: Secret = match reference?.parse() {
        Ok(secret) => secret,
        Err(error) => {
            cursor.error(format!("{error}"));
            return None;
        }
    };
    let found = match lookup {
        Lookup::Placeholder => "placeholder"
            .parse::<Secret>()
            .and_then(|text| text.reveal(&Process)),
        Lookup::Real => secret.reveal(&Process),
    };
    match found {
        Ok(text) if text.as_str().is_empty() => {
            cursor.error("the secret is empty");
            None
        }
        Ok(text) => Some(text),
        Err(error) => {
            cursor.error(error.to_string());
            None
        }
    }
}

/// Hashes passwords that are known now.
pub(super) struct Hasher {
    /// With it, the same password gives the same hash, so that a second rendering changes nothing.
    pub(super) key: Option<SecretText>,
    pub(super) lookup: Lookup,
}

impl Hasher {
    /// One user: `{name, password}` or `{name, hash}`.
    pub(super) fn user(&self, cursor: &Cursor<'_>) -> Option<User> {
        let mut section = cursor.section("a user")?;
        let name: Option<UserName> = required(&mut section, "name");
        let password = value(&mut section, "password");
        let hash = section.has("hash");
        let hashed: Option<PasswordHash> = optional(&mut section, "hash");
        let credential = match password {
            Some(password) if hash => {
                password.error("a user has either `password` or `hash`");
                None
            }
            Some(password) => self.credential(&password, name.as_ref()),
            None if hash => hashed.map(Credential::Hash),
            None => {
                cursor.error_with_help(
                    "a user needs `password` or `hash`",
                    "write `password: {secret: NAME, key: KEY}`, or `hash:` with what `mqttkube-manifests passwd` prints \
                     behind the colon",
                );
                None
            }
        };
        section.finish();
        Some(User {
            name: name?,
            credential: credential?,
        })
    }

    fn credential(&self, cursor: &Cursor<'_>, user: Option<&UserName>) -> Option<Credential> {
        let password = match place(cursor, self.lookup)? {
            Place::InCluster(key) => return Some(Credential::Secret(key)),
            Place::Given(text) => text,
        };
        let salt = match &self.key {
            Some(key) => derived_salt(key.as_str().as_bytes(), user?, password.as_str()),
            None => derived_salt(random_key(cursor)?, user?, password.as_str()),
        };
        let hash = PasswordHash::new(password.as_str(), salt, DEFAULT_ITERATIONS);
        hash.map_err(|error| cursor.error(error.to_string()))
            .ok()
            .map(Credential::Hash)
    }
}

/// A key that is new in every run, and the same for all that is rendered in it.
fn random_key(cursor: &Cursor<'_>) -> Option<&'static [u8]> {
    static KEY: OnceLock<Option<[u8; 32]>> = OnceLock::new();
    let random = || {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).ok().map(|()| key)
    };
    let key = KEY.get_or_init(random).as_ref();
    if key.is_none() {
        cursor.error("the system gives no random numbers");
    }
    key.map(<[u8; 32]>::as_slice)
}

/// The key of salts, where there is one.
pub(super) fn salt_key(section: &mut Section<'_>, lookup: Lookup) -> Option<SecretText> {
    given(&value(section, "salt-key")?, lookup)
}

/// A secret as the models take it.
pub(super) fn redacted(text: &SecretText) -> Redacted {
    Redacted::from(text.as_str())
}
