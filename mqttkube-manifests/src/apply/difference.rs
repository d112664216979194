//! What two states of an object differ in.

use serde_json::{Map, Value};

use crate::render::change::escape;

/// One place.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FieldChange {
    /// A JSON pointer.
    pub pointer: String,
    /// What is there; `None` when nothing is, or when it is not shown.
    pub before: Option<Value>,
    /// What would be there.
    pub after: Option<Value>,
    /// Whether both are left out because they are secret.
    pub hidden: bool,
}

/// Where two states differ in what people write; not in what the API server keeps for itself.
pub(super) fn fields(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare(Some(&plain(before)), Some(&plain(after)), "", &mut changes);
    if before["kind"] == "Secret" && before["apiVersion"] == "v1" {
        changes.iter_mut().for_each(hide);
    }
    changes
}

fn plain(object: &Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().map(|object| object.remove("status"));
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for key in [
            "managedFields",
            "resourceVersion",
            "generation",
            "uid",
            "creationTimestamp",
        ] {
            metadata.remove(key);
        }
    }
    object
}

fn compare(before: Option<&Value>, after: Option<&Value>, pointer: &str, changes: &mut Vec<FieldChange>) {
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => members(old, new, pointer, changes),
        (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(Some(old), Some(new), &format!("{pointer}/{index}"), changes);
            }
        }
        (before, after) if before == after => {}
        (before, after) => changes.push(FieldChange {
            pointer: pointer.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
            hidden: false,
        }),
    }
}

fn members(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    pointer: &str,
    changes: &mut Vec<FieldChange>,
) {
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    for key in gone.chain(new.keys()) {
        compare(
            old.get(key),
            new.get(key),
            &format!("{pointer}/{}", escape(key)),
            changes,
        );
    }
}

fn hide(change: &mut FieldChange) {
    // Annotations may hold a copy of the whole Secret (kubectl's last-applied-configuration).
    if change.pointer.starts_with("/data") || change.pointer.starts_with("/metadata/annotations") {
        change.before = None;
        change.after = None;
        change.hidden = true;
    }
}
