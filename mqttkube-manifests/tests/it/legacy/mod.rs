//! The tutorials, field by field, and what the check says about them.

mod binding_service;
mod cloud_bridge;
mod node_port;
mod openshift;

use std::collections::BTreeSet;

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::legacy;
use serde_json::Value;

use crate::objects::codes;

/// Checks fields by JSON pointer; null says that a field must be absent.
fn check(value: &Value, expected: &[(&str, Value)]) {
    for (pointer, expected) in expected {
        let found = value.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(found, expected, "{pointer}");
    }
}

fn names(bundle: &Bundle) -> Vec<String> {
    let objects = bundle.objects().iter();
    objects
        .map(|object| format!("{} {}", object.kind(), object.name()))
        .collect()
}

fn assert_found(bundle: &Bundle, expected: &[&'static str]) {
    let found = codes(bundle);
    for code in expected {
        assert!(found.contains(code), "{code} is not in {found:?}");
    }
}

#[test]
fn tutorials_have_names_of_their_own() {
    let names: BTreeSet<_> = legacy::ALL.iter().map(|tutorial| tutorial.name).collect();
    assert_eq!(names.len(), legacy::ALL.len());
}
