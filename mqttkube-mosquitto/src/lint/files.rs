//! The files that a configuration refers to.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Code, Lint};
use crate::Version;
use crate::acl::{self, Grant, Line};
use crate::dynsec::{AclType, Credential, DynSec, DynSecError};
use crate::password::{self, PasswordHash, SALT_BYTES};

/// The longest that a check of a password should take.
const SLOW: Duration = Duration::from_millis(20);

fn say(lints: &mut Vec<Lint>, code: Code, line: usize, message: impl Into<String>, help: &str) {
    lints.push(Lint {
        code,
        severity: code.severity(),
        line,
        message: message.into(),
        help: help.to_owned(),
    });
}

/// Looks at a password file.
///
/// ```
/// use mqttkube_mosquitto::{Code, Version, lint_password_file};
///
/// let found = lint_password_file("probe:not-a-hash\n", Version::V2_1);
/// assert_eq!((found[0].code, found[0].line), (Code::PasswordLine, 1));
/// ```
pub fn lint_password_file(text: &str, version: Version) -> Vec<Lint> {
    let (mut lints, mut users) = (Vec::new(), BTreeSet::new());
    for (line, entry) in password::lines(text) {
        match entry {
            Err(error) => {
                let effect = match version {
                    Version::V2_0 => "the user cannot log in",
                    Version::V2_1 => {
                        "the broker does not start, and stops when it meets the line at a SIGHUP"
                    }
                };
                let help = "write the line again with `mosquitto_passwd`, or remove it";
                say(
                    &mut lints,
                    Code::PasswordLine,
                    line,
                    format!("{error}; {effect}"),
                    help,
                );
            }
            Ok(entry) => {
                hash(&mut lints, line, entry.user.as_str(), &entry.hash, version);
                if !users.insert(entry.user.clone()) {
                    let message = format!("the user `{}` is there twice", entry.user);
                    say(
                        &mut lints,
                        Code::PasswordTwice,
                        line,
                        message,
                        "keep one of the two lines",
                    );
                }
            }
        }
    }
    lints
}

fn hash(lints: &mut Vec<Lint>, line: usize, user: &str, hash: &PasswordHash, version: Version) {
    match hash {
        PasswordHash::Pbkdf2 { salt, .. } | PasswordHash::Sha512 { salt, .. }
            if salt.len() != SALT_BYTES && (version == Version::V2_0 || salt.len() != 64) =>
        {
            let message = format!(
                "the salt of `{user}` has {} bytes; 2.0 takes 12, and 2.1 takes 12 and 64",
                salt.len()
            );
            say(
                lints,
                Code::PasswordSalt,
                line,
                message,
                "hash the password again with a salt of 12 bytes",
            );
        }
        PasswordHash::Argon2 { .. } if version == Version::V2_0 => {
            let message = format!("2.0 does not know the hash of `{user}`");
            say(
                lints,
                Code::PasswordArgon2,
                line,
                message,
                "hash the password again as $7$",
            );
        }
        _ => {}
    }
    if matches!(hash, PasswordHash::Sha512 { .. }) {
        let message = format!(
            "the hash of `{user}` is one round of SHA-512, of which billions can be tried in a second"
        );
        say(
            lints,
            Code::PasswordOldHash,
            line,
            message,
            "hash the password again as $7$",
        );
    }
    if hash.cost() > SLOW {
        let message = format!(
            "checking the password of `{user}` stops the broker for about {} ms",
            hash.cost().as_millis()
        );
        say(
            lints,
            Code::PasswordCost,
            line,
            message,
            "use a long random password with 1000 iterations",
        );
    }
}

/// Looks at an ACL file.
///
/// ```
/// use mqttkube_mosquitto::{Code, lint_acl_file};
///
/// let found = lint_acl_file("user probe\npattern readwrite #\n");
/// assert!(found.iter().any(|lint| lint.code == Code::AclPatternUnderUser && lint.line == 2));
/// ```
pub fn lint_acl_file(text: &str) -> Vec<Lint> {
    let (mut lints, mut user) = (Vec::new(), None);
    for (line, content) in acl::lines(text) {
        match content {
            Err(error) => {
                say(
                    &mut lints,
                    Code::AclLine,
                    line,
                    error.to_string(),
                    "write `user`, `topic` or `pattern` lines",
                );
            }
            Ok(Line::User(name)) => user = Some(name),
            Ok(Line::Pattern(grant)) => {
                if let Some(user) = &user {
                    let message = format!("it stands below `user {user}` and holds for every user");
                    let help =
                        "write `topic` for a right of this user, or move the line to the top of the file";
                    say(&mut lints, Code::AclPatternUnderUser, line, message, help);
                }
                pattern(&mut lints, line, &grant);
            }
            Ok(Line::Topic(grant)) if has_name(grant.filter.as_str()) => {
                let message = format!("in a `topic` line `{}` is taken literally", grant.filter);
                say(
                    &mut lints,
                    Code::AclLiteralName,
                    line,
                    message,
                    "write `pattern`, at the top of the file",
                );
            }
            Ok(Line::Topic(_)) => {}
        }
    }
    lints
}

fn has_name(topic: &str) -> bool {
    topic.contains("%c") || topic.contains("%u")
}

fn pattern(lints: &mut Vec<Lint>, line: usize, grant: &Grant) {
    let topic = grant.filter.as_str();
    if !has_name(topic) {
        let message = format!("`pattern {grant}` is a right of everybody");
        say(
            lints,
            Code::AclPlainPattern,
            line,
            message,
            "write `topic` below a user, or put `%c` or `%u` into it",
        );
    }
    if topic.split('/').any(|level| has_name(level) && level.len() > 2) {
        let message = format!("in `{topic}` a name shares its level with other characters");
        say(
            lints,
            Code::AclPartialLevel,
            line,
            message,
            "give `%c` and `%u` levels of their own",
        );
    }
}

/// Looks at a dynamic-security file. Lines are those where a name is first written.
pub fn lint_dynsec(text: &str, version: Version) -> Vec<Lint> {
    let mut lints = Vec::new();
    let file = match DynSec::read(text) {
        Ok(file) => file,
        Err(error) => {
            let reason = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
            say(
                &mut lints,
                Code::DynsecShape,
                1,
                format!("{error}: {reason}"),
                "correct the file",
            );
            return lints;
        }
    };
    let line = |name: &str| {
        text.lines()
            .position(|line| line.contains(&format!("\"{name}\"")))
            .map_or(1, |at| at + 1)
    };
    for error in file.check() {
        let (code, name) = match &error {
            DynSecError::Dangling { name, .. } | DynSecError::Duplicate { name, .. } => {
                (Code::DynsecReference, name)
            }
            DynSecError::Hash { name } | DynSecError::NoPassword { name } => (Code::DynsecHash, name),
        };
        say(
            &mut lints,
            code,
            line(name),
            error.to_string(),
            "correct the entry",
        );
    }
    for client in &file.clients {
        if version == Version::V2_0 && matches!(client.credential, Credential::Encoded { .. }) {
            let message = format!(
                "2.0 does not know `encoded_password`, so `{}` cannot log in",
                client.username
            );
            say(
                &mut lints,
                Code::DynsecEncoded,
                line(&client.username),
                message,
                "write `password`, `salt` and `iterations`",
            );
        }
    }
    literal_names(&mut lints, &file, line);
    lints
}

fn literal_names(lints: &mut Vec<Lint>, file: &DynSec, line: impl Fn(&str) -> usize) {
    for acl in file.roles.iter().flat_map(|role| &role.acls) {
        let literal = matches!(
            acl.acltype,
            AclType::SubscribeLiteral | AclType::UnsubscribeLiteral
        );
        if literal && has_name(&acl.topic) {
            let message = format!("`{}` is taken literally in a literal right", acl.topic);
            say(
                lints,
                Code::DynsecLiteralName,
                line(&acl.topic),
                message,
                "use the pattern type",
            );
        }
    }
}
