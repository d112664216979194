//! Who may come in, and what they may do.

use mqttkube_manifests::broker::{AclEntry, Auth, AuthMethod, ClientCertificates, DynamicSecurity, Subject};
use mqttkube_mapping::yaml::{Cursor, Section};
use mqttkube_mosquitto::dynsec::DynSec;

use super::secret::{Hasher, Lookup, salt_key};
use super::words::{list, optional, place, secret_key, value};

/// The section `auth`, and rights that stand beside it.
pub(super) fn read(broker: &mut Section<'_>, lookup: Lookup) -> Option<Auth> {
    let beside = value(broker, "acl");
    let rights = list(broker, "acl", acl_entry);
    let mut auth = section(broker, lookup)?;
    match beside {
        Some(acl) if !auth.acl.is_empty() => {
            acl.error("rights are in `auth.acl` already");
        }
        _ => auth.acl.extend(rights),
    }
    Some(auth)
}

fn section(section: &mut Section<'_>, lookup: Lookup) -> Option<Auth> {
    let Some(cursor) = value(section, "auth") else {
        section.cursor().error_with_help(
            "it is not said who may connect",
            "write `auth:` with `users`, `dynamic-security`, `client-certificates` or `anonymous: {reason: ...}`",
        );
        return None;
    };
    let mut section = cursor.section("the section auth")?;
    let hasher = Hasher {
        key: salt_key(&mut section, lookup),
        lookup,
    };
    let users = section.has("users").then(|| {
        let users = list(&mut section, "users", |user| hasher.user(user));
        Some(AuthMethod::Users(users))
    });
    if users.is_none() {
        let _known = section.get("users");
    }
    let dynamic = value(&mut section, "dynamic-security");
    let dynamic = dynamic.map(|cursor| dynamic_security(&cursor).map(AuthMethod::DynamicSecurity));
    let certificates = value(&mut section, "client-certificates");
    let certificates =
        certificates.map(|cursor| client_certificates(&cursor).map(AuthMethod::ClientCertificates));
    let anonymous = value(&mut section, "anonymous").map(|cursor| anonymous(&cursor));
    let acl = list(&mut section, "acl", acl_entry);
    section.finish();
    let mut methods = [users, dynamic, certificates, anonymous].into_iter().flatten();
    match (methods.next(), methods.next()) {
        (Some(method), None) => Some(Auth { method: method?, acl }),
        (None, _) => {
            cursor.error_with_help(
                "the section auth does not say who may connect",
                "write one of `users`, `dynamic-security`, `client-certificates` and `anonymous: {reason: ...}`",
            );
            None
        }
        (Some(_), Some(_)) => {
            cursor.error(
                "auth has exactly one of `users`, `dynamic-security`, `client-certificates` and `anonymous`",
            );
            None
        }
    }
}

fn anonymous(cursor: &Cursor<'_>) -> Option<AuthMethod> {
    let help = "write `anonymous: {reason: ...}`; the reason goes into the configuration";
    let Some(reason) = cursor.node().get("reason").and_then(|reason| reason.as_str()) else {
        cursor.error_with_help("letting everybody in needs a reason", help);
        return None;
    };
    let mut section = cursor.section("anonymous")?;
    let _known = section.get("reason");
    section.finish();
    if reason.trim().is_empty() {
        cursor.error_with_help("the reason for letting everybody in is empty", help);
        return None;
    }
    Some(AuthMethod::Anonymous {
        reason: reason.to_owned(),
    })
}

/// `{secret, key}`, or `{file: dynamic-security.json}`.
fn dynamic_security(cursor: &Cursor<'_>) -> Option<DynamicSecurity> {
    if cursor.node().get("file").is_none() {
        return secret_key(cursor).map(DynamicSecurity::Secret);
    }
    let mut section = cursor.section("the section dynamic-security")?;
    let file = value(&mut section, "file");
    section.finish();
    let file = file?;
    let path = file.file_path()?;
    let read = std::fs::read_to_string(&path)
        .map_err(|error| error.to_string())
        .and_then(|text| DynSec::read(&text).map_err(|error| error.to_string()));
    let seed = match read {
        Ok(seed) => seed,
        Err(error) => {
            file.error(format!("{path} cannot be read: {error}"));
            return None;
        }
    };
    let wrong = seed.check();
    for error in &wrong {
        file.error(format!("{path}: {error}"));
    }
    wrong.is_empty().then_some(DynamicSecurity::File(seed))
}

fn client_certificates(cursor: &Cursor<'_>) -> Option<ClientCertificates> {
    let mut section = cursor.section("the section client-certificates")?;
    let authority = place(&mut section, "authority");
    let whole_subject = section.or("whole-subject", false);
    section.finish();
    Some(ClientCertificates {
        authority: authority?,
        whole_subject,
    })
}

fn acl_entry(cursor: &Cursor<'_>) -> Option<AclEntry> {
    let mut section = cursor.section("an entry of acl")?;
    let named = section.has("user");
    let user = optional(&mut section, "user");
    let subject = match (
        named,
        section.or("everybody", false),
        section.or("anonymous", false),
    ) {
        (true, false, false) => user.map(Subject::User),
        (false, true, false) => Some(Subject::Everybody),
        (false, false, true) => Some(Subject::Anonymous),
        _ => {
            cursor.error(
                "rights are those of exactly one of `user: NAME`, `everybody: true` and `anonymous: true`",
            );
            None
        }
    };
    let mut filters = |key| list(&mut section, key, Cursor::read);
    let (read, write) = (filters("read"), filters("write"));
    let (readwrite, deny) = (filters("readwrite"), filters("deny"));
    section.finish();
    Some(AclEntry {
        subject: subject?,
        read,
        write,
        readwrite,
        deny,
    })
}
