//! Small values: names, numbers, quantities, places of secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use mqttkube_manifests::broker::SecretKey;
use mqttkube_manifests::name::{LabelKey, NodePort, Port};
use mqttkube_manifests::quantity::Quantity;
use mqttkube_mapping::yaml::{Content, Cursor, Section};

/// A value that is not there: the key is missing or null.
pub(super) fn value<'t>(section: &mut Section<'t>, key: &'static str) -> Option<Cursor<'t>> {
    section.get(key).filter(|value| !value.node().is_null())
}

/// A name, or any text with rules. Where another spelling would do, it is suggested.
pub(super) fn parse<T: FromStr<Err: fmt::Display>>(cursor: &Cursor<'_>) -> Option<T> {
    let text = cursor.text()?;
    let error = match text.parse() {
        Ok(value) => return Some(value),
        Err(error) => error.to_string(),
    };
    let lower = text.trim().to_ascii_lowercase();
    let spellings = [
        lower.clone(),
        lower.replace(['_', ' '], "-"),
        lower.replace(['_', ' ', '.'], "-"),
    ];
    match spellings
        .iter()
        .find(|spelling| *spelling != text && spelling.parse::<T>().is_ok())
    {
        Some(spelling) => cursor.error_with_help(error, format!("did you mean {spelling:?}?")),
        None => cursor.error(error),
    }
    None
}

pub(super) fn required<T: FromStr<Err: fmt::Display>>(
    section: &mut Section<'_>,
    key: &'static str,
) -> Option<T> {
    match section.get(key) {
        Some(value) => parse(&value),
        None => section.missing(key),
    }
}

pub(super) fn optional<T: FromStr<Err: fmt::Display>>(
    section: &mut Section<'_>,
    key: &'static str,
) -> Option<T> {
    parse(&value(section, key)?)
}

/// The elements of a list, read one by one so that all mistakes are found. A single value is a list of one.
pub(super) fn list<'t, T>(
    section: &mut Section<'t>,
    key: &'static str,
    read: impl Fn(&Cursor<'t>) -> Option<T>,
) -> Vec<T> {
    section.one_or_many(key).iter().filter_map(read).collect()
}

pub(super) fn names<T: FromStr<Err: fmt::Display>>(section: &mut Section<'_>, key: &'static str) -> Vec<T> {
    list(section, key, parse)
}

/// Labels or annotations.
pub(super) fn map<T>(
    section: &mut Section<'_>,
    key: &'static str,
    read: impl Fn(&Cursor<'_>) -> Option<T>,
) -> BTreeMap<LabelKey, T> {
    let entries = value(section, key)
        .and_then(|map| map.entries())
        .unwrap_or_default();
    let pair = |(key, value): &(Cursor<'_>, Cursor<'_>)| {
        let (key, value) = (parse(key), read(value));
        Some((key?, value?))
    };
    entries.iter().filter_map(pair).collect()
}

pub(super) fn port(cursor: &Cursor<'_>) -> Option<Port> {
    number(cursor, Port::try_from)
}

pub(super) fn node_port(cursor: &Cursor<'_>) -> Option<NodePort> {
    number(cursor, NodePort::try_from)
}

fn number<T, E: fmt::Display>(cursor: &Cursor<'_>, make: impl Fn(u32) -> Result<T, E>) -> Option<T> {
    let number: i64 = cursor.read()?;
    let made = u32::try_from(number)
        .map_err(|_| format!("`{number}` is no port"))
        .and_then(|number| make(number).map_err(|error| error.to_string()));
    match made {
        Ok(made) => Some(made),
        Err(error) => {
            cursor.error(error);
            None
        }
    }
}

/// `100m`, `64Mi`, or a number.
pub(super) fn quantity(cursor: &Cursor<'_>) -> Option<Quantity> {
    let text = match &cursor.node().content {
        Content::Text(text) => text.to_string(),
        Content::Int(number) => number.to_string(),
        Content::Float(number) => number.to_string(),
        _ => return cursor.expected("a quantity such as 100m or 64Mi"),
    };
    match text.parse() {
        Ok(quantity) => Some(quantity),
        Err(error) => {
            let binary = text
                .strip_suffix('B')
                .filter(|rest| rest.parse::<Quantity>().is_ok());
            match binary {
                Some(rest) => cursor.error_with_help(format!("{error}"), format!("did you mean {rest:?}?")),
                None => cursor.error(error.to_string()),
            }
            None
        }
    }
}

/// The place of a secret that must be said.
pub(super) fn place(section: &mut Section<'_>, key: &'static str) -> Option<SecretKey> {
    match section.get(key) {
        Some(place) => secret_key(&place),
        None => section.missing(key),
    }
}

/// `{secret: NAME, key: KEY}`.
pub(super) fn secret_key(cursor: &Cursor<'_>) -> Option<SecretKey> {
    let mut section = cursor.section("the place of a secret")?;
    let secret = required(&mut section, "secret");
    let key = required(&mut section, "key");
    section.finish();
    Some(SecretKey {
        secret: secret?,
        key: key?,
    })
}
