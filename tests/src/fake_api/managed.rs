//! `metadata.managedFields`: who wrote which field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::json::{at, object, set_meta, take};
use super::lists::{ListKind, key_value, list_kind};
use super::request::Address;
use super::write::{Writer, now};

/// A field, as the elements that `fieldsV1` uses: `f:name`, `k:{"name":"x"}`, `v:"x"`.
pub(crate) type Path = Vec<String>;

/// What one manager owns by one kind of operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) manager: String,
    pub(crate) operation: String,
    pub(crate) subresource: String,
    api_version: String,
    time: String,
    pub(crate) fields: BTreeSet<Path>,
}

impl Entry {
    pub(crate) fn new(address: &Address, manager: &str, operation: &str) -> Self {
        Self {
            manager: manager.to_owned(),
            operation: operation.to_owned(),
            subresource: address.subresource.clone(),
            api_version: address.api_version(),
            time: now(),
            fields: BTreeSet::new(),
        }
    }

    pub(crate) fn belongs_to(&self, manager: &str, operation: &str, subresource: &str) -> bool {
        self.manager == manager && self.operation == operation && self.subresource == subresource
    }

    /// Replaces the fields; the time changes only with them.
    pub(crate) fn set_fields(&mut self, fields: BTreeSet<Path>) {
        if self.fields != fields {
            self.fields = fields;
            self.time = now();
        }
    }

    fn read(value: &Value) -> Self {
        let text = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut fields = BTreeSet::new();
        collect(
            value.get("fieldsV1").unwrap_or(&Value::Null),
            &mut Vec::new(),
            &mut fields,
        );
        Self {
            manager: text("manager"),
            operation: text("operation"),
            subresource: text("subresource"),
            api_version: text("apiVersion"),
            time: text("time"),
            fields,
        }
    }

    fn write(&self) -> Value {
        let mut tree = json!({});
        for path in &self.fields {
            let mut node = &mut tree;
            for element in path {
                node = object(node).entry(element).or_insert_with(|| json!({}));
            }
            // A field that is owned itself and has owned fields below it bears a dot.
            if self
                .fields
                .iter()
                .any(|other| other.len() > path.len() && other.starts_with(path))
            {
                object(node).insert(".".to_owned(), json!({}));
            }
        }
        let mut entry = json!({
            "manager": self.manager, "operation": self.operation, "apiVersion": self.api_version,
            "time": self.time, "fieldsType": "FieldsV1", "fieldsV1": tree,
        });
        if !self.subresource.is_empty() {
            entry["subresource"] = json!(self.subresource);
        }
        entry
    }
}

/// The entries of an object.
pub(crate) fn entries(value: &Value) -> Vec<Entry> {
    let list = at(value, &["metadata", "managedFields"]).and_then(Value::as_array);
    list.into_iter().flatten().map(Entry::read).collect()
}

/// The value of `metadata.managedFields`; entries that own nothing go.
pub(crate) fn to_value(entries: &[Entry]) -> Value {
    entries
        .iter()
        .filter(|entry| !entry.fields.is_empty())
        .map(Entry::write)
        .collect()
}

/// Updates the record for a write: the writer owns what changed.
pub(crate) fn record(address: &Address, old: Option<&Value>, new: &mut Value, writer: &Writer) {
    if let Some(applied) = &writer.applied {
        set_meta(new, "managedFields", applied.clone());
        return;
    }
    let before = old
        .map(|old| fields(old, address.kind.custom))
        .unwrap_or_default();
    let after = fields(new, address.kind.custom);
    let changed: BTreeSet<_> = after
        .iter()
        .filter(|(path, value)| before.get(*path) != Some(value))
        .map(|(path, _)| path.clone())
        .collect();
    let removed: Vec<_> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    if changed.is_empty() && removed.is_empty() {
        return;
    }
    let mut entries = old.map(entries).unwrap_or_default();
    let mine = |entry: &Entry| entry.belongs_to(&writer.manager, "Update", &address.subresource);
    if !entries.iter().any(mine) {
        entries.push(Entry::new(address, &writer.manager, "Update"));
    }
    for entry in &mut entries {
        let mut owned = entry.fields.clone();
        owned.retain(|path| !removed.contains(&path));
        if mine(entry) {
            owned.extend(changed.iter().cloned());
        } else {
            owned.retain(|path| !changed.contains(path));
        }
        entry.set_fields(owned);
    }
    set_meta(new, "managedFields", to_value(&entries));
}

/// Whether a write changes nothing, so that nobody needs to hear of it.
pub(crate) fn same(old: &Value, new: &Value) -> bool {
    let plain = |value: &Value| {
        let mut value = value.clone();
        if let Some(metadata) = value.get_mut("metadata") {
            take(metadata, "resourceVersion");
            if metadata
                .get("managedFields")
                .is_some_and(|fields| fields == &json!([]))
            {
                take(metadata, "managedFields");
            }
        }
        value
    };
    plain(old) == plain(new)
}

/// Every field of an object that somebody can own, with its value.
pub(crate) fn fields(value: &Value, custom: bool) -> BTreeMap<Path, Value> {
    let mut found = BTreeMap::new();
    for (name, member) in value.as_object().into_iter().flatten() {
        match (name.as_str(), member) {
            ("apiVersion" | "kind", _) => {}
            ("metadata", Value::Object(metadata)) => {
                let owned = [
                    "labels",
                    "annotations",
                    "finalizers",
                    "ownerReferences",
                    "generateName",
                ];
                for (name, member) in metadata.iter().filter(|(name, _)| owned.contains(&name.as_str())) {
                    walk(
                        name,
                        member,
                        vec!["f:metadata".to_owned(), format!("f:{name}")],
                        false,
                        &mut found,
                    );
                }
            }
            (name, member) => walk(name, member, vec![format!("f:{name}")], custom, &mut found),
        }
    }
    found
}

fn walk(name: &str, value: &Value, path: Path, custom: bool, found: &mut BTreeMap<Path, Value>) {
    let below = |element: String| path.iter().cloned().chain([element]).collect::<Path>();
    match value {
        // A label selector changes as a whole.
        Value::Object(members) if !members.is_empty() && name != "selector" => {
            for (name, member) in members {
                walk(name, member, below(format!("f:{name}")), custom, found);
            }
        }
        Value::Array(items) if !custom => match list_kind(name, items) {
            ListKind::Map(keys) => {
                for item in items {
                    let path = below(item_element(keys, item));
                    found.insert(path.clone(), Value::Null);
                    for (name, member) in item.as_object().into_iter().flatten() {
                        let path = path.iter().cloned().chain([format!("f:{name}")]).collect();
                        walk(name, member, path, custom, found);
                    }
                }
            }
            ListKind::Set => {
                found.extend(
                    items
                        .iter()
                        .map(|item| (below(format!("v:{item}")), item.clone())),
                );
            }
            ListKind::Atomic => {
                found.insert(path, value.clone());
            }
        },
        value => {
            found.insert(path, value.clone());
        }
    }
}

/// The path element of an item in a list with keys.
pub(crate) fn item_element(keys: &[&str], item: &Value) -> String {
    let keys: Map<_, _> = keys
        .iter()
        .map(|key| ((*key).to_owned(), key_value(item, key)))
        .collect();
    format!("k:{}", Value::Object(keys))
}

fn collect(node: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
    let members = node.as_object();
    if members.is_none_or(Map::is_empty) {
        if !path.is_empty() {
            found.insert(path.clone());
        }
        return;
    }
    for (element, below) in members.into_iter().flatten() {
        if element == "." {
            found.insert(path.clone());
        } else {
            path.push(element.clone());
            collect(below, path, found);
            path.pop();
        }
    }
}
