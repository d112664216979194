//! What happens when a mapping is complete: duplicate keys and merge keys.

use std::collections::HashMap;

use super::node::{Content, Entry, Node, Position, Style};

/// What makes two keys the same key.
#[derive(PartialEq, Eq, Hash)]
enum Identity<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// Bits of a number that is no integer.
    Float(u64),
    Text(&'a str),
}

impl<'a> Identity<'a> {
    fn of(key: &'a Node) -> Self {
        match &key.content {
            Content::Bool(value) => Self::Bool(*value),
            Content::Int(value) => Self::Int(*value),
            // 1 and 1.0 match the same inputs.
            Content::Float(value) => match *value as i64 {
                whole if whole as f64 == *value => Self::Int(whole),
                _ => Self::Float(value.to_bits()),
            },
            Content::Text(text) => Self::Text(text),
            _ => Self::Null,
        }
    }
}

/// Applies merge keys and refuses duplicates. What is merged comes first, as in PyYAML; own keys win over
/// merged ones, and earlier members of a merge list over later ones.
pub(super) fn finish(
    entries: Vec<Entry>,
    mut report: impl FnMut(Position, String, Option<&str>),
) -> Vec<Entry> {
    refuse_duplicates(&entries, &mut report);
    if !entries.iter().any(is_merge) {
        return entries;
    }
    let (merges, own): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_merge);
    let mut layers = Vec::new();
    for Entry { value, .. } in merges {
        let sources = match value.content {
            Content::Sequence(items) => items.into_iter().rev().collect(),
            _ => vec![value],
        };
        for Node {
            position, content, ..
        } in sources
        {
            match content {
                Content::Mapping(entries) => layers.push(entries),
                _ => report(
                    position,
                    "only mappings can be merged with \"<<\"".to_owned(),
                    None,
                ),
            }
        }
    }
    layers.push(own);
    overlay(layers)
}

fn is_merge(entry: &Entry) -> bool {
    entry.key.style == Style::Plain && entry.key.as_str() == Some("<<")
}

fn refuse_duplicates(entries: &[Entry], report: &mut impl FnMut(Position, String, Option<&str>)) {
    let mut first = HashMap::with_capacity(entries.len());
    for Entry { key, .. } in entries {
        if let Some(earlier) = first.insert(Identity::of(key), key.position) {
            let help = format!("it is there at line {} already", earlier.line);
            report(key.position, format!("duplicate key {}", shown(key)), Some(&help));
        }
    }
}

/// Later layers replace values of earlier ones where they stand, and add the rest at the end.
fn overlay(layers: Vec<Vec<Entry>>) -> Vec<Entry> {
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut known: HashMap<Identity<'_>, usize> = HashMap::new();
    for (layer, entries) in layers.iter().enumerate() {
        for (index, entry) in entries.iter().enumerate() {
            let place = *known.entry(Identity::of(&entry.key)).or_insert(places.len());
            match places.get_mut(place) {
                Some(replaced) => *replaced = (layer, index),
                None => places.push((layer, index)),
            }
        }
    }
    let mut layers: Vec<Vec<Option<Entry>>> = layers
        .into_iter()
        .map(|layer| layer.into_iter().map(Some).collect())
        .collect();
    places
        .into_iter()
        .filter_map(|(layer, index)| layers[layer][index].take())
        .collect()
}

/// A key as it looks in a message.
pub(super) fn shown(key: &Node) -> String {
    match &key.content {
        Content::Bool(value) => value.to_string(),
        Content::Int(value) => value.to_string(),
        Content::Float(value) => format!("{value:?}"),
        Content::Text(text) => format!("{text:?}"),
        _ => "null".to_owned(),
    }
}
