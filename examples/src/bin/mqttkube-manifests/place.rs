//! From a path inside a document to its place in the file.

use mqttkube_mapping::yaml::{Content, Cursor, Entry, Node, Position};

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Of the value, or of the innermost thing on the way that exists.
    pub(crate) position: Position,
    /// Of the key before it, where it has one.
    pub(crate) key: Option<Position>,
    /// Whether the whole path exists.
    pub(crate) complete: bool,
}

/// Follows a path such as `spec.ports[0].name`, as far as it goes.
pub(crate) fn find(node: &Node, path: &str) -> Place {
    follow(node, None, path)
}

fn follow(node: &Node, key: Option<Position>, path: &str) -> Place {
    let path = path.trim_start_matches('.');
    let here = |complete| Place {
        position: node.position,
        key,
        complete,
    };
    if path.is_empty() {
        return here(true);
    }
    match &node.content {
        Content::Sequence(items) => {
            let step = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let item = step.and_then(|(index, rest)| Some((items.get(index.parse::<usize>().ok()?)?, rest)));
            item.map_or_else(|| here(false), |(item, rest)| follow(item, None, rest))
        }
        Content::Mapping(entries) => {
            let below = entries.iter().filter_map(|entry| {
                let key = entry.key.as_str()?;
                Some((key.len(), entry, after(path, key)?))
            });
            // Keys such as `app.kubernetes.io/name` hold dots themselves, so the longest that fits is meant.
            let longest = below.max_by_key(|(length, ..)| *length);
            let step = longest
                .map(|(_, entry, rest)| (entry, rest))
                .or_else(|| numbered(entries, path));
            step.map_or_else(
                || here(false),
                |(entry, rest)| follow(&entry.value, Some(entry.key.position), rest),
            )
        }
        _ => here(false),
    }
}

/// An entry by its number, which is how paths have free keys.
fn numbered<'n, 'p>(entries: &'n [Entry], path: &'p str) -> Option<(&'n Entry, &'p str)> {
    let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
    Some((entries.get(index.parse::<usize>().ok()?)?, rest))
}

/// The same for a cursor: what is at a path below it, or the innermost thing on the way that exists.
pub(crate) fn cursor_at<'t>(cursor: &Cursor<'t>, path: &str) -> Cursor<'t> {
    let path = path.trim_start_matches('.');
    let step = match &cursor.node().content {
        Content::Sequence(_) => {
            let step = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            step.and_then(|(index, rest)| {
                let item = cursor.items()?.into_iter().nth(index.parse().ok()?)?;
                Some((item, rest))
            })
        }
        Content::Mapping(_) => cursor.entries().and_then(|entries| {
            let below = entries
                .into_iter()
                .filter_map(|(key, value)| Some((value, after(path, key.node().as_str()?)?)));
            below.min_by_key(|(_, rest)| rest.len())
        }),
        _ => None,
    };
    match step {
        Some((below, rest)) if !path.is_empty() => cursor_at(&below, rest),
        _ => cursor.clone(),
    }
}

/// What follows after a key at the beginning of a path: `key`, `"key"`, `[key]` and `["key"]` are the same step.
fn after<'p>(path: &'p str, key: &str) -> Option<&'p str> {
    if let Some(inside) = path.strip_prefix('[') {
        return quoted(inside, key)?.strip_prefix(']');
    }
    let rest = quoted(path, key)?;
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}

/// What follows after a key, with or without quotes around it.
fn quoted<'p>(text: &'p str, key: &str) -> Option<&'p str> {
    match text.strip_prefix('"') {
        Some(inside) => inside.strip_prefix(key)?.strip_prefix('"'),
        None => text.strip_prefix(key),
    }
}
