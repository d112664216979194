//! Deleting, at once or when the last finalizer is gone.

use serde_json::{Value, json};

use super::error::ApiError;
use super::json::{at, finalizers, meta, put, set_finalizers, set_meta};
use super::kinds::NAMESPACES;
use super::request::Address;
use super::store::Store;
use super::write::now;

/// The finalizer of a deletion that waits for dependents.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of a deletion that lets dependents go.
pub(crate) const ORPHAN: &str = "orphan";

/// Deletes an object, or marks it deleted when a finalizer holds it. The answer is the object if it is
/// still there, else a `Status`.
pub(crate) fn delete(store: &mut Store, address: &Address, options: &Value) -> Result<Value, ApiError> {
    let kind = &address.kind;
    let key = address.key();
    let dry_run = options
        .get("dryRun")
        .is_some_and(|stages| *stages == json!(["All"]));
    let old = store
        .get(&key)
        .cloned()
        .ok_or_else(|| ApiError::not_found(kind, &key.name))?;
    let precondition = |name: &str| {
        at(options, &["preconditions", name])
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if let Some((what, wanted, found)) = [("UID", "uid"), ("ResourceVersion", "resourceVersion")]
        .map(|(what, name)| (what, precondition(name), meta(&old, name)))
        .into_iter()
        .find(|(_, wanted, found)| !wanted.is_empty() && wanted != found)
    {
        let why =
            format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}");
        return Err(ApiError::conflict(kind, &key.name, &why));
    }
    let mut holders = finalizers(&old);
    match options.get("propagationPolicy").and_then(Value::as_str) {
        Some("Foreground") if !holders.iter().any(|name| name == FOREGROUND) => {
            holders.push(FOREGROUND.to_owned());
        }
        Some("Orphan") if !holders.iter().any(|name| name == ORPHAN) => holders.push(ORPHAN.to_owned()),
        _ => {}
    }
    let mut last = (*old).clone();
    // A namespace stays until a controller has emptied it.
    let namespace = kind.resource() == NAMESPACES;
    if holders.is_empty() && !namespace {
        if !dry_run {
            store.remove(&key, last);
        }
        let mut details = json!({ "name": key.name, "kind": kind.plural, "uid": meta(&old, "uid") });
        if !kind.group.is_empty() {
            details["group"] = json!(kind.group);
        }
        return Ok(
            json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details }),
        );
    }
    set_finalizers(&mut last, &holders);
    if at(&last, &["metadata", "deletionTimestamp"]).is_none() {
        set_meta(&mut last, "deletionTimestamp", now());
        set_meta(&mut last, "deletionGracePeriodSeconds", 0);
        if let Some(generation) = last.pointer("/metadata/generation").and_then(Value::as_i64) {
            set_meta(&mut last, "generation", generation + 1);
        }
        if namespace {
            put(&mut last, &["status", "phase"], json!("Terminating"));
        }
    }
    if dry_run || last == *old {
        return Ok(last);
    }
    Ok((*store.put(key, last)).clone())
}
