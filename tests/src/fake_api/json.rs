//! Small steps in JSON that several parts need.

use serde_json::{Map, Value};

/// The value at a path of member names.
pub(crate) fn at<'a>(value: &'a Value, path: &[impl AsRef<str>]) -> Option<&'a Value> {
    path.iter()
        .try_fold(value, |value, name| value.get(name.as_ref()))
}

/// Puts a value at a path of member names, with new objects on the way where there are none.
pub(crate) fn put(value: &mut Value, path: &[impl AsRef<str>], new: Value) {
    let Some((last, parents)) = path.split_last() else {
        *value = new;
        return;
    };
    let parent = parents.iter().fold(value, |value, name| {
        let next = object(value).entry(name.as_ref()).or_insert(Value::Null);
        if !next.is_object() {
            *next = Value::Object(Map::new());
        }
        next
    });
    object(parent).insert(last.as_ref().to_owned(), new);
}

/// The members of an object; anything else becomes an empty object first.
pub(crate) fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(members) => members,
        _ => unreachable!("it was made an object just now"),
    }
}

/// Removes a member and says what it was.
pub(crate) fn take(value: &mut Value, name: &str) -> Option<Value> {
    value.as_object_mut()?.remove(name)
}

/// The text of a member of `metadata`, or nothing.
pub(crate) fn meta<'a>(object: &'a Value, name: &str) -> &'a str {
    at(object, &["metadata", name])
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Sets a member of `metadata`.
pub(crate) fn set_meta(object: &mut Value, name: &str, value: impl Into<Value>) {
    put(object, &["metadata", name], value.into());
}

/// The finalizers of an object.
pub(crate) fn finalizers(object: &Value) -> Vec<String> {
    let list = at(object, &["metadata", "finalizers"]).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Sets the finalizers of an object; an empty list removes the member.
pub(crate) fn set_finalizers(object: &mut Value, finalizers: &[String]) {
    if finalizers.is_empty() {
        if let Some(metadata) = object.get_mut("metadata") {
            take(metadata, "finalizers");
        }
    } else {
        set_meta(object, "finalizers", finalizers);
    }
}

/// RFC 7396: members of the patch replace or, when null, remove those of the target.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    let members = object(target);
    for (name, change) in patch {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), change);
        }
    }
}
