//! From a path inside a document to its place in the file.

use mqttkube_mapping::yaml::{Content, Node, Position};

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
            longest.map_or_else(
                || here(false),
                |(_, entry, rest)| follow(&entry.value, Some(entry.key.position), rest),
            )
        }
        _ => here(false),
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
