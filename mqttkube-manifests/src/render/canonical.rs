//! One form for objects that mean the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Members that come before the others, which follow by name.
const FIRST: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "type",
    "image",
    "imagePullPolicy",
    "command",
    "args",
    "ports",
    "env",
    "envFrom",
    "resources",
];

/// The object in the form that is written.
pub(super) fn object(value: &Value) -> Value {
    let mut value = sorted(value);
    if value["kind"] == "Secret" && value["apiVersion"] == "v1" {
        encode_texts(&mut value);
        value = sorted(&value);
    }
    if value["status"].as_object().is_some_and(Map::is_empty) {
        value.as_object_mut().map(|object| object.remove("status"));
    }
    drop_empty_metadata(&mut value);
    value
}

/// Members in order, nulls gone; elements of lists stay where they are.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().filter(|(_, value)| !value.is_null()).collect();
            members.sort_by_key(|(key, _)| (place(key), *key));
            members
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect()
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn place(key: &str) -> usize {
    FIRST
        .iter()
        .position(|first| *first == key)
        .unwrap_or(FIRST.len())
}

/// What the API server does with `stringData`: it wins over `data`.
fn encode_texts(secret: &mut Value) {
    let Some(object) = secret.as_object_mut() else {
        return;
    };
    let Some(Value::Object(texts)) = object.remove("stringData") else {
        return;
    };
    let data = object.entry("data").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(data) = data else { return };
    for (key, text) in texts {
        let encoded = text
            .as_str()
            .map_or(text.clone(), |text| STANDARD.encode(text).into());
        data.insert(key, encoded);
    }
}

/// At every depth: pod templates and claim templates have metadata of their own.
fn drop_empty_metadata(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
                for key in ["labels", "annotations"] {
                    if metadata
                        .get(key)
                        .and_then(Value::as_object)
                        .is_some_and(Map::is_empty)
                    {
                        metadata.shift_remove(key);
                    }
                }
            }
            map.values_mut().for_each(drop_empty_metadata);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_empty_metadata),
        _ => {}
    }
}
