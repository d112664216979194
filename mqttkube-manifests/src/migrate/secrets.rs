//! Secrets out of ConfigMaps.

use std::collections::BTreeSet;

use k8s_openapi::ByteString;
use serde_json::{Map, Value, json};

use super::{Change, Work, at_mut, key, list_mut, pod, put, take};
use crate::bundle::Bundle;
use crate::check::rules;

/// Private keys, password files and passwords that the check finds in ConfigMaps go into Secrets, and every reference in
/// the bundle follows. A ConfigMap without anything else becomes the Secret, under its name where that is free.
#[must_use]
pub fn secrets(bundle: &Bundle) -> (Bundle, Vec<Change>) {
    let mut work = Work::new(bundle);
    let codes = [
        rules::KEY_IN_CONFIG_MAP.code,
        rules::PASSWORDS_IN_CONFIG_MAP.code,
        rules::TOKEN_IN_CONFIG_MAP.code,
    ];
    let report = bundle.check();
    let found = report
        .findings()
        .iter()
        .filter(|finding| codes.contains(&finding.code));
    let mut maps: Vec<(String, BTreeSet<String>)> = Vec::new();
    for finding in found {
        let data_key = finding
            .path
            .strip_prefix("data[")
            .and_then(|path| path.strip_suffix(']'));
        let Some(data_key) = data_key else { continue };
        match maps.iter_mut().find(|(name, _)| *name == finding.object) {
            Some((_, keys)) => drop(keys.insert(data_key.to_owned())),
            None => maps.push((finding.object.clone(), BTreeSet::from([data_key.to_owned()]))),
        }
    }
    for (name, keys) in maps {
        split(&mut work, &name, &keys);
    }
    work.done()
}

/// What moves from where to where.
struct Move<'a> {
    namespace: Value,
    map: String,
    secret: String,
    keys: &'a BTreeSet<String>,
    /// Nothing is left in the ConfigMap.
    whole: bool,
}

fn split(work: &mut Work, name: &str, keys: &BTreeSet<String>) {
    let Some(index) = work.objects.iter().position(|object| key(object) == name) else {
        return;
    };
    let map = &mut work.objects[index];
    let mut data = Map::new();
    for key in keys {
        if let Some(Value::String(text)) = take(map, &["data", key]) {
            data.insert(key.clone(), json!(ByteString(text.into_bytes())));
        }
    }
    let empty = |value: &Value| value.as_object().is_none_or(Map::is_empty);
    let whole = empty(&map["data"]) && empty(&map["binaryData"]);
    let mut metadata = map["metadata"].clone();
    let own = metadata["name"].as_str().unwrap_or_default().to_owned();
    let secret = free_name(work, &metadata["namespace"], &own);
    put(&mut metadata, &["name"], json!(secret));
    let moved = Move {
        namespace: metadata["namespace"].clone(),
        map: own,
        secret,
        keys,
        whole,
    };
    let object =
        json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data});
    if whole {
        work.objects[index] = object;
    } else {
        work.objects.push(object);
    }
    for key in keys {
        let what = format!("moves into the Secret {}", moved.secret);
        let why = "whoever may read ConfigMaps could read it; copies of it stay in backups, so replace it";
        work.say(name, format!("data[{key}]"), what, why);
    }
    for index in 0..work.objects.len() {
        follow(work, index, &moved);
    }
}

fn free_name(work: &Work, namespace: &Value, name: &str) -> String {
    let mut names = std::iter::once(name.to_owned())
        .chain(std::iter::once(format!("{name}-secret")))
        .chain((2_u32..).map(|number| format!("{name}-secret-{number}")));
    names
        .find(|name| work.find("Secret", namespace, name).is_none())
        .expect("a bundle is finite")
}

fn follow(work: &mut Work, index: usize, moved: &Move<'_>) {
    let object = &mut work.objects[index];
    let Some((pointer, path)) = pod(object) else {
        return;
    };
    if object["metadata"]["namespace"] != moved.namespace {
        return;
    }
    let name = key(object);
    let Some(spec) = object.pointer_mut(pointer) else {
        return;
    };
    let mut places = Vec::new();
    for (number, volume) in list_mut(spec, &["volumes"]).enumerate() {
        if follow_volume(volume, moved) {
            places.push(format!("{path}.volumes[{number}]"));
        }
    }
    for list in ["initContainers", "containers"] {
        for (number, container) in list_mut(spec, &[list]).enumerate() {
            if follow_variables(container, moved) {
                places.push(format!("{path}.{list}[{number}]"));
            }
        }
    }
    for place in places {
        let what = format!("refers to the Secret {}", moved.secret);
        work.say(&name, place, what, "the ConfigMap no longer has it");
    }
}

fn follow_volume(volume: &mut Value, moved: &Move<'_>) -> bool {
    if volume["configMap"]["name"] == moved.map.as_str() {
        let source = take(volume, &["configMap"]).unwrap_or_default();
        let mode = source["defaultMode"].clone();
        let sources = sources(source, moved);
        let only = sources
            .first()
            .filter(|_| sources.len() == 1)
            .and_then(|source| source.get("secret"));
        let member = if let Some(mut secret) = only.cloned() {
            let name = take(&mut secret, &["name"]).unwrap_or_default();
            put(&mut secret, &["secretName"], name);
            put(volume, &["secret"], secret);
            "secret"
        } else {
            put(volume, &["projected", "sources"], json!(sources));
            "projected"
        };
        if !mode.is_null() {
            put(volume, &[member, "defaultMode"], mode);
        }
        return true;
    }
    let Some(old) = at_mut(volume, &["projected", "sources"]).and_then(Value::as_array_mut) else {
        return false;
    };
    let (mut new, mut changed) = (Vec::new(), false);
    for mut source in old.drain(..) {
        if source["configMap"]["name"] == moved.map.as_str() {
            changed = true;
            new.extend(sources(
                take(&mut source, &["configMap"]).unwrap_or_default(),
                moved,
            ));
        } else {
            new.push(source);
        }
    }
    *old = new;
    changed
}

/// The sources of a projected volume in place of one ConfigMap. `items` name what is mounted; without them it is all.
fn sources(mut source: Value, moved: &Move<'_>) -> Vec<Value> {
    take(&mut source, &["defaultMode"]);
    let mut secret = source.clone();
    put(&mut secret, &["name"], json!(moved.secret));
    if let Some(items) = take(&mut source, &["items"]).and_then(|items| items.as_array().cloned()) {
        let (ours, others): (Vec<Value>, Vec<Value>) = items
            .into_iter()
            .partition(|item| item["key"].as_str().is_some_and(|key| moved.keys.contains(key)));
        let mut sources = Vec::new();
        if !others.is_empty() {
            put(&mut source, &["items"], json!(others));
            sources.push(json!({"configMap": source}));
        }
        if !ours.is_empty() {
            put(&mut secret, &["items"], json!(ours));
            sources.push(json!({"secret": secret}));
        }
        return sources;
    }
    let mut sources = vec![json!({"secret": secret})];
    if !moved.whole {
        sources.insert(0, json!({"configMap": source}));
    }
    sources
}

fn follow_variables(container: &mut Value, moved: &Move<'_>) -> bool {
    let mut changed = false;
    for variable in list_mut(container, &["env"]) {
        let reference = &variable["valueFrom"]["configMapKeyRef"];
        let ours = reference["name"] == moved.map.as_str()
            && reference["key"]
                .as_str()
                .is_some_and(|key| moved.keys.contains(key));
        if ours && let Some(mut reference) = take(variable, &["valueFrom", "configMapKeyRef"]) {
            put(&mut reference, &["name"], json!(moved.secret));
            put(variable, &["valueFrom", "secretKeyRef"], reference);
            changed = true;
        }
    }
    let Some(all) = at_mut(container, &["envFrom"]).and_then(Value::as_array_mut) else {
        return changed;
    };
    let mut new = Vec::new();
    for source in all.drain(..) {
        if source["configMapRef"]["name"] != moved.map.as_str() {
            new.push(source);
            continue;
        }
        changed = true;
        let mut secret = source.clone();
        let mut reference = take(&mut secret, &["configMapRef"]).unwrap_or_default();
        put(&mut reference, &["name"], json!(moved.secret));
        put(&mut secret, &["secretRef"], reference);
        if !moved.whole {
            new.push(source);
        }
        new.push(secret);
    }
    *all = new;
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_gets_an_end() {
        let secret = |name: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
        let work = Work {
            objects: vec![secret("a"), secret("a-secret")],
            changes: Vec::new(),
        };
        assert_eq!(free_name(&work, &Value::Null, "a"), "a-secret-2");
        assert_eq!(free_name(&work, &Value::Null, "b"), "b");
    }
}
