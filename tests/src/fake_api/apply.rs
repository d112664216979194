//! Server-side apply: a manager says what it wants, and owns it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::json::object;
use super::lists::{ListKind, list_kind, same_item};
use super::managed::{self, Entry, Path, item_element};
use super::request::{Address, Call};
use super::store::Store;
use super::write::{self, Writer};

/// Applies the configuration in the body; the flag says whether the object was created by it.
pub(crate) fn apply(
    store: &mut Store,
    address: &Address,
    call: &Call,
) -> Result<(Arc<Value>, bool), ApiError> {
    let manager = call.query.get("fieldManager");
    if manager.is_empty() {
        return Err(ApiError::unprocessable(
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ));
    }
    let config = call.json()?;
    if config
        .pointer("/metadata/managedFields")
        .is_some_and(|fields| !fields.is_null())
    {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let live = store.get(&address.key()).cloned();
    let base = live.as_deref().cloned().unwrap_or_else(|| json!({}));
    let mut entries = managed::entries(&base);
    let wanted = managed::fields(&config, address.kind.custom);
    let mine = |entry: &Entry| entry.belongs_to(manager, "Apply", &address.subresource);

    let present = managed::fields(&base, address.kind.custom);
    let mut conflicts = Vec::new();
    for entry in entries.iter_mut().filter(|entry| !mine(entry)) {
        let taken = |path: &&Path| wanted.contains_key(*path) && wanted.get(*path) != present.get(*path);
        let lost: BTreeSet<_> = entry.fields.iter().filter(taken).cloned().collect();
        conflicts.extend(lost.iter().map(|path| conflict(entry, path)));
        let kept = entry.fields.difference(&lost).cloned().collect();
        entry.set_fields(kept);
    }
    if !conflicts.is_empty() && !call.query.flag("force") {
        return Err(refusal(&conflicts));
    }

    let mut merged = base;
    merge("", &mut merged, &config, address.kind.custom);
    if !entries.iter().any(mine) {
        entries.push(Entry::new(address, manager, "Apply"));
    }
    let others: BTreeSet<_> = entries
        .iter()
        .filter(|entry| !mine(entry))
        .flat_map(|entry| entry.fields.iter().cloned())
        .collect();
    for entry in entries.iter_mut().filter(|entry| mine(entry)) {
        for given_up in entry
            .fields
            .iter()
            .filter(|path| !wanted.contains_key(*path) && !others.contains(*path))
        {
            remove(&mut merged, given_up);
        }
        entry.set_fields(wanted.keys().cloned().collect());
    }
    let writer = Writer {
        manager: manager.to_owned(),
        applied: Some(managed::to_value(&entries)),
        dry_run: call.dry_run(),
    };
    if live.is_none() {
        return Ok((write::create(store, address, merged, &writer)?, true));
    }
    Ok((write::update(store, address, merged, &writer)?, false))
}

fn conflict(owner: &Entry, path: &Path) -> Value {
    let field = dotted(path);
    let using = if owner.operation == "Apply" {
        String::new()
    } else {
        " using the API directly".to_owned()
    };
    json!({
        "reason": "FieldManagerConflict",
        "message": format!("conflict with \"{}\"{using}", owner.manager),
        "field": field,
    })
}

fn refusal(causes: &[Value]) -> ApiError {
    let text = |cause: &Value, name: &str| cause[name].as_str().unwrap_or_default().to_owned();
    let list: Vec<_> = causes
        .iter()
        .map(|cause| format!("{}: {}", text(cause, "message"), text(cause, "field")))
        .collect();
    let plural = if list.len() == 1 { "conflict" } else { "conflicts" };
    let message = format!("Apply failed with {} {plural}: {}", list.len(), list.join(", "));
    ApiError {
        details: json!({ "causes": causes }),
        ..ApiError::new(409, "Conflict", message)
    }
}

/// `.spec.template.spec.containers[name="x"].image`
fn dotted(path: &Path) -> String {
    let mut text = String::new();
    for element in path {
        match element.split_at(2) {
            ("f:", name) => text.extend([".", name]),
            ("k:", keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let keys: Vec<_> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                text.extend(["[", &keys.join(","), "]"]);
            }
            (_, value) => text.extend(["[=", value, "]"]),
        }
    }
    text
}

fn merge(name: &str, target: &mut Value, config: &Value, custom: bool) {
    match config {
        Value::Object(members) if name != "selector" => {
            let target = object(target);
            for (name, member) in members {
                merge(name, target.entry(name).or_insert(Value::Null), member, custom);
            }
        }
        Value::Array(items) if !custom || name == "finalizers" => {
            let known = target.as_array().cloned().unwrap_or_default();
            *target = match list_kind(name, items) {
                ListKind::Atomic => config.clone(),
                ListKind::Set => known
                    .iter()
                    .chain(items.iter().filter(|item| !known.contains(item)))
                    .cloned()
                    .collect(),
                ListKind::Map(keys) => Value::Array(merge_items(keys, known, items, custom)),
            };
        }
        config => *target = config.clone(),
    }
}

fn merge_items(keys: &[&str], mut known: Vec<Value>, items: &[Value], custom: bool) -> Vec<Value> {
    for item in items {
        match known.iter_mut().find(|known| same_item(keys, known, item)) {
            Some(known) => merge("", known, item, custom),
            None => known.push(item.clone()),
        }
    }
    known
}

/// Removes a field, and objects on the way that became empty.
fn remove(value: &mut Value, path: &[String]) {
    let Some((element, rest)) = path.split_first() else {
        return;
    };
    let (tag, text) = element.split_at(2);
    match (tag, value) {
        ("f:", Value::Object(members)) => {
            if rest.is_empty() {
                members.remove(text);
            } else if let Some(member) = members.get_mut(text) {
                remove(member, rest);
                let empty = member.as_object().is_some_and(Map::is_empty) || *member == json!([]);
                if empty {
                    members.remove(text);
                }
            }
        }
        ("k:", Value::Array(items)) => {
            let keys: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
            let names: Vec<_> = keys.keys().map(String::as_str).collect();
            let found = items
                .iter()
                .position(|item| item_element(&names, item) == *element);
            if let Some(index) = found {
                if rest.is_empty() {
                    items.remove(index);
                } else {
                    remove(&mut items[index], rest);
                }
            }
        }
        ("v:", Value::Array(items)) => {
            let unwanted = serde_json::from_str::<Value>(text).ok();
            items.retain(|item| Some(item) != unwanted.as_ref());
        }
        _ => {}
    }
}
