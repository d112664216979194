//! Objects of a bundle: looked up, changed a little, and checked.

use std::collections::BTreeSet;

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::check::Finding;
use mqttkube_manifests::object::Object;
use serde_json::Value;

#[track_caller]
pub(crate) fn find<'a>(bundle: &'a Bundle, kind: &str, name: &str) -> &'a Object {
    let found = bundle
        .objects()
        .iter()
        .find(|object| object.kind() == kind && object.name() == name);
    found.unwrap_or_else(|| panic!("there is no {kind}/{name}"))
}

#[track_caller]
pub(crate) fn value_of<'a>(bundle: &'a Bundle, kind: &str, name: &str) -> &'a Value {
    find(bundle, kind, name).value()
}

/// The codes of all findings.
pub(crate) fn codes(bundle: &Bundle) -> BTreeSet<&'static str> {
    let report = bundle.check();
    report.findings().iter().map(|finding| finding.code).collect()
}

/// The object that is named as `Kind/name`.
#[track_caller]
pub(crate) fn object_of<'a>(objects: &'a mut [Value], name: &str) -> &'a mut Value {
    let (kind, name) = name.split_once('/').expect("kind and name");
    objects
        .iter_mut()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
        .unwrap_or_else(|| panic!("{kind} {name} is there"))
}

/// A new value at a JSON pointer. Null removes a member; a pointer to the end of a list, `-`, appends.
#[track_caller]
pub(crate) fn put(object: &mut Value, pointer: &str, new: Value) {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    match object.pointer_mut(parent).expect("the parent is there") {
        Value::Array(list) => match last.parse::<usize>() {
            Ok(index) => list[index] = new,
            Err(_) => list.push(new),
        },
        Value::Object(map) if new.is_null() => drop(map.remove(&last.replace("~1", "/"))),
        Value::Object(map) => drop(map.insert(last.replace("~1", "/"), new)),
        _ => panic!("{pointer} is in no list or map"),
    }
}

pub(crate) fn findings(objects: Vec<Value>) -> Vec<Finding> {
    let mut bundle = Bundle::new();
    for object in objects {
        bundle.add_value(object).expect("it is an object");
    }
    bundle.check().findings().to_vec()
}
