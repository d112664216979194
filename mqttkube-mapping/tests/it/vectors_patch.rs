//! Writes: the known answers.

use mqttkube_mapping::{ErrorKind, Locus, PatchOp, WriteError};
use serde_json::{Value, json};

use crate::vectors;

#[test]
fn vectors_patch() {
    vectors::run("patch.json", &[], |case| {
        let (object, locus) = (&case["object"], case["locus"].as_str().expect("a path"));
        let got = write(object, locus, case["value"].clone());
        if same(&got, &case["expect"]) {
            Ok(())
        } else {
            Err(format!("{locus}: {got} instead of {}", case["expect"]))
        }
    });
}

/// What a write does, in the notation of the cases.
fn write(object: &Value, locus: &str, value: Value) -> Value {
    let path = match Locus::parse(locus).and_then(|(locus, _)| locus.write_path()) {
        Ok(path) => path,
        Err(error) if error.kind == ErrorKind::NotSingular => return json!({"error": "not-singular"}),
        Err(_) => return json!({"error": "bad-locus"}),
    };
    let failure = |error: &WriteError| match error {
        WriteError::NotSingular { .. } => json!({"error": "not-singular"}),
        _ => json!({"error": "not-found"}),
    };
    let mut result = object.clone();
    if path.is_names_only() {
        return match path.merge_patch(Some(object), value) {
            Ok(patch) => {
                merge(&mut result, &patch);
                json!({"merge_patch": patch, "result": result})
            }
            Err(error) => failure(&error),
        };
    }
    match path.json_patch(object, value) {
        Ok(ops) => {
            apply(&mut result, &ops);
            json!({"json_patch": ops, "result": result})
        }
        Err(error) => failure(&error),
    }
}

/// RFC 7386 section 2.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().expect("it is an object now");
    for (key, value) in members {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// RFC 6902 section 4, for operations that must succeed.
#[track_caller]
pub(crate) fn apply(target: &mut Value, ops: &[PatchOp]) {
    for op in ops {
        match op {
            PatchOp::Test { path, value } => assert_eq!(target.pointer(path), Some(value), "{op:?}"),
            PatchOp::Replace { path, value } => {
                *target.pointer_mut(path).expect("it is there") = value.clone();
            }
            PatchOp::Add { path, value } => {
                let (parent, key) = parent(target, path);
                parent
                    .as_object_mut()
                    .expect("members are added to objects")
                    .insert(key, value.clone());
            }
            PatchOp::Remove { path } => match parent(target, path) {
                (Value::Array(items), key) => drop(items.remove(key.parse().expect("an index"))),
                (parent, key) => drop(
                    parent
                        .as_object_mut()
                        .expect("an object")
                        .remove(&key)
                        .expect("it is there"),
                ),
            },
            _ => panic!("unknown operation {op:?}"),
        }
    }
}

fn parent<'v>(target: &'v mut Value, path: &str) -> (&'v mut Value, String) {
    let (parent, key) = path.rsplit_once('/').expect("a path below the root");
    let key = key.replace("~1", "/").replace("~0", "~");
    (target.pointer_mut(parent).expect("the parent is there"), key)
}

/// Equal, where numbers compare by value.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let known =
                |(key, left): (&String, &Value)| right.get(key).is_some_and(|right| same(left, right));
            left.len() == right.len() && left.iter().all(known)
        }
        _ => left == right,
    }
}
