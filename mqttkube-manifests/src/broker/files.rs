//! The files beside `mosquitto.conf`: users, rights, and the scripts that put things together and watch.

use std::fmt::Write as _;

use mqttkube_mosquitto::acl::{Access, AclFile, Grant};
use mqttkube_mosquitto::password::PasswordFile;

use super::place;
use super::{AclEntry, AuthMethod, Broker, Credential, DynamicSecurity, Protocol, Subject, User};
use crate::name::AbsolutePath;

/// The hashes that are known; empty for other methods.
pub(super) fn passwords(broker: &Broker) -> PasswordFile {
    let mut file = PasswordFile::default();
    if let AuthMethod::Users(users) = &broker.auth.method {
        for user in users {
            if let Credential::Hash(hash) = &user.credential {
                file.insert(user.name.clone(), hash.clone());
            }
        }
    }
    file
}

/// Users whose password is in a Secret, with their index.
pub(super) fn plain_users(broker: &Broker) -> impl Iterator<Item = (usize, &User)> {
    let users = match &broker.auth.method {
        AuthMethod::Users(users) => users.as_slice(),
        _ => &[],
    };
    users
        .iter()
        .enumerate()
        .filter(|(_, user)| matches!(user.credential, Credential::Secret(_)))
}

/// The rights, or `None` where everything is allowed.
pub(super) fn acl(broker: &Broker) -> Option<AclFile> {
    if broker.auth.acl.is_empty() {
        return None;
    }
    let mut file = AclFile::default();
    // The HTTP interface asks the rights of clients without a name for its path.
    if broker
        .listeners
        .iter()
        .any(|listener| listener.protocol == Protocol::HttpApi)
    {
        let filter = "/api/v1/version".parse().expect("the literal is a filter");
        file.grant(
            None,
            Grant {
                access: Access::Read,
                filter,
            },
        );
    }
    for entry in &broker.auth.acl {
        for grant in grants(entry) {
            match &entry.subject {
                Subject::User(user) => file.grant(Some(user), grant),
                Subject::Everybody => file.patterns.push(grant),
                Subject::Anonymous => file.grant(None, grant),
            }
        }
    }
    Some(file)
}

/// What is denied goes first: it wins in any case, and people see it.
fn grants(entry: &AclEntry) -> impl Iterator<Item = Grant> + '_ {
    let lists = [
        (Access::Deny, &entry.deny),
        (Access::Read, &entry.read),
        (Access::Write, &entry.write),
        (Access::ReadWrite, &entry.readwrite),
    ];
    lists.into_iter().flat_map(|(access, list)| {
        list.iter().map(move |filter| Grant {
            access,
            filter: filter.clone(),
        })
    })
}

/// The script of the container that runs before the broker; `None` when there is nothing to put together.
pub(super) fn prepare(broker: &Broker) -> Option<String> {
    let mut steps = String::new();
    if broker.hashes_in_pod() {
        steps.push_str(&hashing(broker));
    }
    let bridges: Vec<usize> = passworded(broker).collect();
    if !bridges.is_empty() {
        steps.push_str(&filling(&bridges));
    }
    if matches!(broker.auth.method, AuthMethod::DynamicSecurity(_)) {
        steps.push_str(SEEDING);
    }
    (!steps.is_empty()).then(|| format!("{PREPARE}{steps}"))
}

/// Bridges with a password, by index.
pub(super) fn passworded(broker: &Broker) -> impl Iterator<Item = usize> + '_ {
    let bridges = broker.bridges.iter().enumerate();
    bridges
        .filter(|(_, bridge)| bridge.password.is_some())
        .map(|(index, _)| index)
}

/// Whether the seed of the dynamic-security plugin is in the broker's own Secret.
pub(super) fn own_seed(broker: &Broker) -> Option<String> {
    match &broker.auth.method {
        AuthMethod::DynamicSecurity(DynamicSecurity::File(file)) => Some(file.write()),
        _ => None,
    }
}

const PREPARE: &str = r#"#!/bin/sh
# Puts together what Mosquitto wants in files of its own. Secrets stay in memory and out of the arguments of programs.
set -eu
umask 077
cd /mosquitto/run

# The text of a Secret without the line break that editors add; nothing that a line of a file cannot carry.
secret() {
  value=$(cat "/mosquitto/seed/$1")
  case $value in
    "") echo "$2 is empty" >&2; exit 1 ;;
    *"
"*) echo "$2 has more than one line" >&2; exit 1 ;;
  esac
}
"#;

/// `mosquitto_passwd -U` hashes a whole file, so that no password is an argument. It ends a password at a colon.
fn hashing(broker: &Broker) -> String {
    let mut text = r#"
user() {
  secret "$1" "the password of $2"
  case $value in
    *:*) echo "the password of $2 holds a colon, which mosquitto_passwd does not take" >&2; exit 1 ;;
  esac
  printf '%s:%s\n' "$2" "$value" >> plain
}
rm -f plain passwd
"#
    .to_owned();
    for (index, user) in plain_users(broker) {
        let name = user.name.as_str().replace('\'', r"'\''");
        writeln!(text, "user user-{index} '{name}'").expect("writing to a string cannot fail");
    }
    text.push_str("mosquitto_passwd -U plain\n");
    let known = if passwords(broker).entries().is_empty() {
        ""
    } else {
        "/mosquitto/seed/passwd "
    };
    writeln!(text, "cat {known}plain > passwd\nrm plain").expect("writing to a string cannot fail");
    text
}

/// Mosquitto reads the passwords of bridges from its configuration alone.
fn filling(bridges: &[usize]) -> String {
    let mut text = String::from("\nwhile IFS= read -r line; do\n  case $line in\n");
    for index in bridges {
        let placeholder = super::conf::placeholder(*index);
        let step = format!("secret bridge-{index} \"the password of bridge {index}\"");
        writeln!(
            text,
            "    'remote_password {placeholder}') {step}; printf 'remote_password %s\\n' \"$value\" ;;"
        )
        .expect("writing to a string cannot fail");
    }
    text.push_str(
        "    *) printf '%s\\n' \"$line\" ;;\n  esac\ndone < /mosquitto/config/mosquitto.conf > mosquitto.conf\n",
    );
    text
}

/// The plugin writes its file, so it is made once and never again.
const SEEDING: &str = r"
seeded=/mosquitto/data/dynamic-security.json
if [ ! -e $seeded ]; then
  cp /mosquitto/seed/dynamic-security.json $seeded.new
  mv $seeded.new $seeded
fi
";

/// The script that starts the broker, and beside it a loop that looks at folders of Secrets. The kubelet swaps the link
/// `..data` when a Secret changes. The shell becomes the broker, so signals reach it.
pub(super) fn start(folders: &[AbsolutePath], conf: &str) -> String {
    let list = folders
        .iter()
        .map(AbsolutePath::as_str)
        .collect::<Vec<_>>()
        .join(" ");
    format!(
        r#"#!/bin/sh
# Mosquitto, and a loop that makes it read its passwords, rights and certificates again when a Secret has changed.
set -eu
broker=$$
state() {{
  for folder in {list}; do
    readlink "$folder/..data" || true
  done
}}
(
  seen=$(state)
  while sleep 15 && kill -0 "$broker"; do
    now=$(state)
    if [ "$now" != "$seen" ]; then
      seen=$now
      kill -HUP "$broker"
    fi
  done
) &
exec {program} -c {conf}
"#,
        program = place::MOSQUITTO,
    )
}
