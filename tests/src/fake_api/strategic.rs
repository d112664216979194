//! Strategic merge: as a JSON merge, but lists with keys merge by item, and directives say the rest.

use serde_json::{Map, Value};

use super::error::ApiError;
use super::json::object;
use super::lists::{ListKind, list_kind, same_item};

const DIRECTIVE: &str = "$patch";
const ORDER: &str = "$setElementOrder/";
const DELETE_VALUES: &str = "$deleteFromPrimitiveList/";
const RETAIN: &str = "$retainKeys";

/// Applies a strategic merge patch.
pub(crate) fn merge(target: &mut Value, patch: &Value) -> Result<(), ApiError> {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return Ok(());
    };
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        None | Some("merge") => {}
        Some("replace") => {
            let rest = patch.iter().filter(|(name, _)| !name.starts_with('$'));
            *target = Value::Object(rest.map(|(name, value)| (name.clone(), value.clone())).collect());
            return Ok(());
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return Ok(());
        }
        Some(other) => return Err(ApiError::bad_request(format!("unknown patch type: {other}"))),
    }
    let members = object(target);
    if let Some(retained) = patch.get(RETAIN).and_then(Value::as_array) {
        members.retain(|name, _| retained.iter().any(|kept| kept == name.as_str()));
    }
    for (name, change) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        match change {
            Value::Null => {
                members.remove(name);
            }
            Value::Array(changes) => merge_list(members.entry(name).or_insert(Value::Null), name, changes)?,
            change => merge(members.entry(name).or_insert(Value::Null), change)?,
        }
    }
    for (directive, values) in patch {
        if let Some(name) = directive.strip_prefix(DELETE_VALUES) {
            remove_values(members, name, values);
        } else if let Some(name) = directive.strip_prefix(ORDER) {
            reorder(members, name, values);
        }
    }
    Ok(())
}

fn merge_list(target: &mut Value, name: &str, changes: &[Value]) -> Result<(), ApiError> {
    let (orders, changes): (Vec<_>, Vec<_>) = changes
        .iter()
        .cloned()
        .partition(|change| change.get(DIRECTIVE).is_some_and(|value| value == "replace"));
    let known = target.as_array().map_or(&[][..], Vec::as_slice);
    let kind = list_kind(name, if changes.is_empty() { known } else { &changes });
    let keys = match kind {
        ListKind::Map(keys) if orders.is_empty() => &keys[..1],
        ListKind::Set if orders.is_empty() => return merge_set(target, &changes),
        _ => {
            *target = Value::Array(changes);
            return Ok(());
        }
    };
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let Value::Array(items) = target else {
        return Ok(());
    };
    for change in changes {
        let found = items.iter().position(|item| same_item(keys, item, &change));
        match (found, change.get(DIRECTIVE).and_then(Value::as_str)) {
            (Some(index), Some("delete")) => {
                items.remove(index);
            }
            (None, Some("delete")) => {}
            (Some(index), _) => merge(&mut items[index], &change)?,
            (None, _) => {
                let mut item = Value::Null;
                merge(&mut item, &change)?;
                items.push(item);
            }
        }
    }
    Ok(())
}

fn merge_set(target: &mut Value, changes: &[Value]) -> Result<(), ApiError> {
    let mut values = target.as_array().cloned().unwrap_or_default();
    for change in changes {
        if !values.contains(change) {
            values.push(change.clone());
        }
    }
    *target = Value::Array(values);
    Ok(())
}

fn remove_values(members: &mut Map<String, Value>, name: &str, values: &Value) {
    let unwanted = values.as_array().map_or(&[][..], Vec::as_slice);
    if let Some(Value::Array(list)) = members.get_mut(name) {
        list.retain(|value| !unwanted.contains(value));
        if list.is_empty() {
            members.remove(name);
        }
    }
}

/// Items that the order names come first, as it names them; the others keep their order behind.
fn reorder(members: &mut Map<String, Value>, name: &str, order: &Value) {
    let (Some(Value::Array(items)), Some(order)) = (members.get_mut(name), order.as_array()) else {
        return;
    };
    let kind = list_kind(name, order);
    let rank = |item: &Value| {
        let same = |wanted: &Value| match kind {
            ListKind::Map(keys) => same_item(&keys[..1], wanted, item),
            ListKind::Set | ListKind::Atomic => wanted == item,
        };
        order.iter().position(same).unwrap_or(order.len())
    };
    items.sort_by_key(rank);
}
