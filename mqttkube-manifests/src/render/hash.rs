//! Names that hold a hash of their content, so that a change rolls the pods: exactly those of kustomize.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::canonical;
use super::error::RenderError;
use super::references;
use crate::bundle::{Bundle, VerifiedBundle};
use crate::object::{Object, ObjectKey};

/// The hash that kustomize puts behind the name of a ConfigMap or Secret: ten characters. `None` for other kinds.
///
/// ```
/// use mqttkube_manifests::object::Object;
/// use mqttkube_manifests::render::name_hash;
/// use serde_json::json;
///
/// let data = json!({"a": "b", "bridge.conf.tmpl": "x\n"});
/// let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mqtt-conf"}, "data": data});
/// assert_eq!(name_hash(&Object::new(object)?).as_deref(), Some("8chkt6c78f"));
/// # Ok::<(), mqttkube_manifests::object::ObjectError>(())
/// ```
#[must_use]
pub fn name_hash(object: &Object) -> Option<String> {
    let value = canonical::object(object.value());
    let kind = hashed_kind(object.key())?;
    let mut hashed = json!({"data": content(&value, "data"), "kind": kind, "name": ""});
    if kind == "Secret" {
        in_lines(&mut hashed["data"]);
        hashed["type"] = value["type"].as_str().unwrap_or("Opaque").into();
    } else if !has_members(&value["data"]) {
        // What kustomize reads where nothing is.
        hashed["data"] = "".into();
    }
    if kind == "ConfigMap" && has_members(&value["binaryData"]) {
        hashed["binaryData"] = content(&value, "binaryData");
        in_lines(&mut hashed["binaryData"]);
    }
    let digest = digest(&SHA256, go_json(&hashed).as_bytes());
    let hex = digest.as_ref()[..5].iter().map(|byte| format!("{byte:02x}"));
    Some(hex.collect::<String>().chars().map(harmless).collect())
}

/// The bundle with the objects of these keys named after their content, and everything that refers to them changed.
///
/// # Errors
/// When a key is not there or of another kind, or the new names are too long for the check.
pub fn with_hashed_names(bundle: &VerifiedBundle, keys: &[ObjectKey]) -> Result<VerifiedBundle, RenderError> {
    let mut names = BTreeMap::new();
    for key in keys {
        let object = bundle.objects().iter().find(|object| object.key() == key);
        let object = object.ok_or_else(|| RenderError::Absent(key.to_string()))?;
        let hash = name_hash(object).ok_or_else(|| RenderError::NotHashed(key.to_string()))?;
        let name = format!("{}-{hash}", key.name);
        if name.len() > 253 {
            return Err(RenderError::Long(name));
        }
        names.insert(key.clone(), name);
    }
    let mut renamed = Bundle::new();
    for object in bundle.objects() {
        let mut value = object.value().clone();
        if let Some(name) = names.get(object.key()) {
            value["metadata"]["name"] = name.as_str().into();
        }
        references::rename(&mut value, object.namespace(), &names);
        renamed.add_value(value)?;
    }
    Ok(match bundle.override_reason() {
        Some(reason) => renamed.unverified(reason)?,
        None => renamed.verified()?,
    })
}

/// The kind, when its objects can be named after their content.
pub(super) fn hashed_kind(key: &ObjectKey) -> Option<&'static str> {
    let kinds = ["ConfigMap", "Secret"];
    kinds
        .into_iter()
        .find(|kind| key.group.is_empty() && key.kind == *kind)
}

fn has_members(value: &Value) -> bool {
    value.as_object().is_some_and(|map| !map.is_empty())
}

/// Go sorts the keys of a map by their bytes.
fn content(value: &Value, member: &str) -> Value {
    let mut members: Vec<_> = value[member].as_object().into_iter().flatten().collect();
    members.sort_by_key(|(key, _)| *key);
    let pairs = members
        .into_iter()
        .map(|(key, value)| (key.clone(), value.clone()));
    pairs.collect::<Map<_, _>>().into()
}

/// Generators of kustomize break base64 of 70 characters and more into lines, and hash the line breaks.
fn in_lines(data: &mut Value) {
    const LINE: usize = 70;
    for text in data.as_object_mut().into_iter().flatten().map(|(_, text)| text) {
        let Some(long) = text.as_str().filter(|text| text.is_ascii() && text.len() >= LINE) else {
            continue;
        };
        let lines = long.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
        *text = lines.map(|line| format!("{line}\n")).collect::<String>().into();
    }
}

/// JSON as Go's `encoding/json` writes it: by key, and with what HTML could take for itself escaped.
fn go_json(value: &Value) -> String {
    let mut members: Vec<_> = value.as_object().into_iter().flatten().collect();
    members.sort_by_key(|(key, _)| *key);
    let ordered: Map<_, _> = members
        .into_iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut text = String::new();
    for character in Value::from(ordered).to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => text.push(other),
        }
    }
    text
}

/// Digits and letters that could make a word are replaced.
const fn harmless(digit: char) -> char {
    match digit {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    }
}
