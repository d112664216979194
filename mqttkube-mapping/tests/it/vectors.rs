//! The known-answer vectors: loading, skipping, counting.
//!
//! They lie in `tests/vectors`; `MQTTKUBE_VECTORS` names another folder. A case is skipped only by its id,
//! with the reason beside it.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Cases that are not run: id and reason.
pub(crate) type Skips<'a> = &'a [(&'a str, &'a str)];

/// The folder of the vectors.
fn folder() -> PathBuf {
    std::env::var_os("MQTTKUBE_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"),
        PathBuf::from,
    )
}

/// Runs `check` on every case of `file` but the skipped ones, and fails with all that went wrong.
///
/// `check` returns what is wrong with a case, in words.
#[track_caller]
pub(crate) fn run(file: &str, skips: Skips<'_>, check: impl Fn(&Value) -> Result<(), String>) {
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases: Vec<Value> = serde_json::from_str(&text).expect("a file of vectors is one JSON array");
    let mut failures = Vec::new();
    let mut skipped = 0;
    for case in &cases {
        let id = case["id"].as_str().expect("every case has an id");
        if let Some((_, reason)) = skips.iter().find(|(skip, _)| *skip == id) {
            println!("{file}: skipped {id}: {reason}");
            skipped += 1;
        } else if let Err(failure) = check(case) {
            failures.push(format!(
                "{id} ({}, {}): {failure}",
                case["rule"], case["decision"]
            ));
        }
    }
    let passed = cases.len() - skipped - failures.len();
    println!(
        "{file}: {passed} passed, {skipped} skipped, {} failed",
        failures.len()
    );
    assert!(
        failures.is_empty(),
        "{} cases of {file} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Whether two values are the same, integers and floats and both zeros kept apart.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left.is_f64() == right.is_f64() && left.to_string() == right.to_string()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let members = || {
                left.iter()
                    .all(|(name, left)| right.get(name).is_some_and(|right| same(left, right)))
            };
            left.len() == right.len() && members()
        }
        _ => left == right,
    }
}
