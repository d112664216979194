//! From one tree to another, as a JSON patch (RFC 6902).

use serde_json::{Value, json};

/// The operations that make `to` of `from`; lists are replaced whole, so that an operation never depends on an index.
pub(super) fn operations(from: &Value, to: &Value) -> Vec<Value> {
    let mut operations = Vec::new();
    compare(from, to, "", &mut operations);
    operations
}

fn compare(from: &Value, to: &Value, path: &str, operations: &mut Vec<Value>) {
    let (Value::Object(old), Value::Object(new)) = (from, to) else {
        if from != to {
            operations.push(json!({"op": "replace", "path": path, "value": to}));
        }
        return;
    };
    let at = |key: &str| format!("{path}/{}", escape(key));
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        operations.push(json!({"op": "remove", "path": at(key)}));
    }
    for (key, value) in new {
        match old.get(key) {
            Some(before) => compare(before, value, &at(key), operations),
            None => operations.push(json!({"op": "add", "path": at(key), "value": value})),
        }
    }
}

/// A key inside a JSON pointer (RFC 6901).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Does what one operation of [`operations`] says; `None` when it does not fit.
pub(super) fn apply(value: &mut Value, operation: &Value) -> Option<()> {
    let path = operation["path"].as_str()?;
    let Some((parent, last)) = path.rsplit_once('/') else {
        *value = operation["value"].clone();
        return Some(());
    };
    let key = last.replace("~1", "/").replace("~0", "~");
    let map = value.pointer_mut(parent)?.as_object_mut()?;
    match operation["op"].as_str()? {
        "remove" => map.shift_remove(&key).map(drop),
        "replace" => map
            .get_mut(&key)
            .map(|member| *member = operation["value"].clone()),
        _ => {
            map.insert(key, operation["value"].clone());
            Some(())
        }
    }
}
