//! Users, their rights, and the seed of dynamic security.

use std::collections::BTreeSet;

use mqttkube_mosquitto::Version;
use mqttkube_mosquitto::dynsec;
use mqttkube_mosquitto::password::{PasswordHash, SALT_BYTES};

use super::twice;
use crate::broker::resolve::Errors;
use crate::broker::{AclEntry, AuthMethod, Broker, Credential, DynamicSecurity, ModelError, Subject};

pub(in crate::broker) fn auth(broker: &Broker, errors: &mut Errors) {
    match &broker.auth.method {
        AuthMethod::Users(users) => {
            if users.is_empty() && !broker.listeners.iter().any(|listener| listener.anonymous) {
                errors.push(ModelError::wrong(
                    "auth.users",
                    "there is no user, so nobody may come in",
                    "add one",
                ));
            }
            let mut seen = BTreeSet::new();
            for (index, user) in users.iter().enumerate() {
                if !seen.insert(&user.name) {
                    errors.push(twice(format!("auth.users[{index}].name"), "the user", &user.name));
                }
                if let Credential::Hash(hash) = &user.credential {
                    old_hash(broker, hash, index, errors);
                }
            }
            for (index, entry) in broker.auth.acl.iter().enumerate() {
                if let Subject::User(name) = &entry.subject
                    && !seen.contains(name)
                {
                    let found = format!("there is no user `{name}`");
                    errors.push(ModelError::wrong(
                        format!("auth.acl[{index}].user"),
                        found,
                        "add it to `users`",
                    ));
                }
            }
        }
        AuthMethod::DynamicSecurity(seed) => dynamic(broker, seed, errors),
        AuthMethod::ClientCertificates(_) => {}
        AuthMethod::Anonymous { reason } => {
            if reason.trim().is_empty() {
                let found = "there is no reason for letting everybody in";
                errors.push(ModelError::wrong(
                    "auth.anonymous.reason",
                    found,
                    "say why that is right here",
                ));
            }
        }
    }
    for (index, entry) in broker.auth.acl.iter().enumerate() {
        rights(entry, &format!("auth.acl[{index}]"), errors);
    }
}

/// 2.0 drops the users of hashes that it does not know.
fn old_hash(broker: &Broker, hash: &PasswordHash, index: usize, errors: &mut Errors) {
    if broker.version != Version::V2_0 {
        return;
    }
    let found = match hash {
        PasswordHash::Argon2 { .. } => "Mosquitto 2.0 does not know Argon2",
        PasswordHash::Pbkdf2 { salt, .. } if salt.len() != SALT_BYTES => {
            "Mosquitto 2.0 takes salts of 12 bytes alone"
        }
        _ => return,
    };
    let instead = "make the hash with `mqttkube-manifests passwd`";
    errors.push(ModelError::wrong(
        format!("auth.users[{index}].hash"),
        found,
        instead,
    ));
}

fn dynamic(broker: &Broker, seed: &DynamicSecurity, errors: &mut Errors) {
    let path = "auth.dynamic-security";
    if broker.persistence.is_none() {
        let found = "the plugin writes its file, and there is no volume";
        errors.push(ModelError::wrong(path, found, "add `persistence`"));
    }
    if !broker.auth.acl.is_empty() {
        let found = "dynamic security has rights of its own";
        errors.push(ModelError::wrong("auth.acl", found, "put them into its roles"));
    }
    if broker.differs_by_listener() {
        let found = "in Mosquitto 2.0 the plugin is the same for all listeners, and some let everybody in";
        errors.push(ModelError::wrong(
            path,
            found,
            "treat all listeners alike, or use 2.1",
        ));
    }
    let DynamicSecurity::File(file) = seed else {
        return;
    };
    let path = format!("{path}.file");
    for error in file.check() {
        errors.push(ModelError::wrong(&*path, error.to_string(), "correct the entry"));
    }
    let encoded = |client: &&dynsec::Client| matches!(client.credential, dynsec::Credential::Encoded { .. });
    if let Some(client) = file
        .clients
        .iter()
        .find(encoded)
        .filter(|_| broker.version == Version::V2_0)
    {
        let found = format!(
            "Mosquitto 2.0 does not know `encoded_password`, which `{}` has",
            client.username
        );
        errors.push(ModelError::wrong(
            path,
            found,
            "write `password`, `salt` and `iterations`",
        ));
    }
}

fn rights(entry: &AclEntry, path: &str, errors: &mut Errors) {
    let lists = [
        ("read", &entry.read),
        ("write", &entry.write),
        ("readwrite", &entry.readwrite),
        ("deny", &entry.deny),
    ];
    if lists.iter().all(|(_, list)| list.is_empty()) {
        let instead = "add `read`, `write`, `readwrite` or `deny`";
        errors.push(ModelError::wrong(
            path,
            "the entry says nothing about any topic",
            instead,
        ));
    }
    for (member, list) in lists.iter().filter(|_| entry.subject == Subject::Everybody) {
        for (index, filter) in list.iter().enumerate() {
            let partial = |level: &str| {
                (level.contains("%c") || level.contains("%u")) && level != "%c" && level != "%u"
            };
            if filter.as_str().split('/').any(partial) {
                let found = format!("in `{filter}` a name fills only part of a level");
                let instead = "give `%c` and `%u` a level of their own";
                errors.push(ModelError::wrong(
                    format!("{path}.{member}[{index}]"),
                    found,
                    instead,
                ));
            }
        }
    }
}
