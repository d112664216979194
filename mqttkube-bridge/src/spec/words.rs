//! Small values: names, hosts, shares, paths of secret files.

use mqttkube_mapping::yaml::{Cursor, Duration, FromNode, Secret, Section};

/// A name that becomes part of client ids, host names and topics.
pub(super) struct Name(pub(super) String);

impl FromNode for Name {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let text = cursor.text()?;
        if text.is_empty() {
            cursor.error("the name is empty");
            return None;
        }
        let bad =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '+' | '#' | '"' | '?' | '&');
        if let Some(bad) = text.chars().find(|c| bad(*c)) {
            cursor.error_with_help(
                format!("{text:?} is no name"),
                format!("{bad:?} cannot be part of it"),
            );
            return None;
        }
        Some(Self(text.to_owned()))
    }
}

/// A host: a name or an address, nothing before or after it.
pub(super) struct Host(pub(super) String);

impl FromNode for Host {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let text = cursor.text()?;
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if text.parse::<std::net::IpAddr>().is_ok() || (!text.is_empty() && text.chars().all(name)) {
            return Some(Self(text.to_owned()));
        }
        cursor.error_with_help(
            format!("{text:?} is no host"),
            "write its name without a scheme, and the port under `port`",
        );
        None
    }
}

/// `80%`, as 0.8.
pub(super) struct Share(pub(super) f64);

impl FromNode for Share {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let text = cursor.node().as_str().unwrap_or_default();
        let number = text
            .strip_suffix('%')
            .and_then(|number| number.parse::<u8>().ok());
        match number.filter(|number| *number <= 100) {
            Some(number) => Some(Self(f64::from(number) / 100.0)),
            None => cursor.expected("a share such as 80%"),
        }
    }
}

/// A value that must be there, as a plain text.
pub(super) fn name(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    section.required(key).map(|name: Name| name.0)
}

/// Several of them; all are looked at before one of them fails the whole.
pub(super) fn names<const N: usize>(
    section: &mut Section<'_>,
    keys: [&'static str; N],
) -> Option<[String; N]> {
    let found = keys.map(|key| name(section, key));
    let complete = found.iter().all(Option::is_some);
    complete.then(|| found.map(Option::unwrap_or_default))
}

/// The path of a file, relative to the configuration's folder.
pub(super) fn path(section: &mut Section<'_>, key: &'static str) -> Option<std::path::PathBuf> {
    let value = section.get(key).filter(|value| !value.node().is_null())?;
    value.file_path().map(Into::into)
}

/// A secret that lies in a file: the path of the file, or a reference. The secret itself is refused.
pub(super) struct SecretFile(pub(super) Secret);

impl FromNode for SecretFile {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let text = cursor.text()?;
        if text.starts_with("${") {
            return cursor.read().map(Self);
        }
        if text.is_empty() || text.contains("-----BEGIN") || text.contains(['\n', '}']) {
            cursor.error_with_help(
                "this is no path of a file",
                "write the path, ${file:PATH} or ${env:NAME}",
            );
            return None;
        }
        let reference = format!("${{file:{}}}", cursor.file_path()?);
        reference.parse().ok().map(Self)
    }
}

/// A secret that should not stand in the file itself.
pub(super) fn secret(section: &mut Section<'_>, key: &'static str) -> Option<Secret> {
    let Some(value) = section.get(key) else {
        return section.missing(key);
    };
    let secret: Secret = value.read()?;
    if secret.is_literal() {
        value.warning(format!(
            "the {key} stands in the file itself; write ${{env:NAME}} or ${{file:PATH}}"
        ));
    }
    Some(secret)
}

/// How long a credential lives, in seconds.
pub(super) fn lifetime(section: &mut Section<'_>, default: u64, most: u64) -> u64 {
    let Some(value) = section.get("lifetime").filter(|value| !value.node().is_null()) else {
        return default;
    };
    let Some(lifetime) = value.read::<Duration>() else {
        return default;
    };
    let seconds = lifetime.get().as_secs();
    if !(1..=most).contains(&seconds) {
        let most = Duration::from_secs(most);
        value.error(format!("a lifetime of {lifetime} is out of range: 1s to {most}"));
    }
    seconds
}
