//! Creating and replacing objects, with the rules about metadata and status.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::ApiError;
use super::json::{at, finalizers, meta, put, set_meta, take};
use super::kinds::{DEFINITIONS, NAMESPACES};
use super::managed;
use super::prepare;
use super::request::{Address, Call};
use super::rules;
use super::store::{Key, Store};

/// Who writes and how.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) manager: String,
    /// Server-side apply keeps its own record of fields.
    pub(crate) applied: Option<Value>,
    pub(crate) dry_run: bool,
}

impl Writer {
    pub(crate) fn of(call: &Call) -> Self {
        Self {
            manager: call.manager(),
            applied: None,
            dry_run: call.dry_run(),
        }
    }
}

/// Stores a new object.
pub(crate) fn create(
    store: &mut Store,
    address: &Address,
    mut new: Value,
    writer: &Writer,
) -> Result<Arc<Value>, ApiError> {
    let kind = &address.kind;
    prepare::check_type(address, &mut new)?;
    if !meta(&new, "resourceVersion").is_empty() {
        return Err(ApiError::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    prepare::name(store, address, &mut new)?;
    let key = Key {
        name: meta(&new, "name").to_owned(),
        ..address.key()
    };
    prepare::check_namespace(store, &key)?;
    if store.get(&key).is_some() {
        return Err(ApiError::already_exists(kind, &key.name));
    }
    for server_side in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
    ] {
        take(&mut new["metadata"], server_side);
    }
    let uid = store.draw();
    set_meta(
        &mut new,
        "uid",
        format!(
            "{:08x}-{:04x}-4000-8000-{:012x}",
            uid >> 32,
            uid as u16,
            store.draw() >> 16
        ),
    );
    set_meta(&mut new, "creationTimestamp", now());
    if kind.generation {
        set_meta(&mut new, "generation", 1);
    }
    if kind.status {
        take(&mut new, "status");
        if !kind.custom {
            put(&mut new, &["status"], json!({}));
        }
    }
    if kind.resource() == NAMESPACES {
        put(&mut new, &["status", "phase"], json!("Active"));
    }
    if kind.resource() == DEFINITIONS {
        let condition = |kind| json!({ "type": kind, "status": "True", "lastTransitionTime": now() });
        put(
            &mut new,
            &["status", "conditions"],
            json!([condition("NamesAccepted"), condition("Established")]),
        );
    }
    rules::default(kind, &mut new);
    rules::check(kind, &new, None)?;
    managed::record(address, None, &mut new, writer);
    if writer.dry_run {
        return Ok(Arc::new(new));
    }
    Ok(store.put(key, new))
}

/// Replaces an object, or its status, by what a client made of it.
pub(crate) fn update(
    store: &mut Store,
    address: &Address,
    mut new: Value,
    writer: &Writer,
) -> Result<Arc<Value>, ApiError> {
    let kind = &address.kind;
    let key = address.key();
    let old = store
        .get(&key)
        .cloned()
        .ok_or_else(|| ApiError::not_found(kind, &key.name))?;
    prepare::check_type(address, &mut new)?;
    if meta(&new, "name") != key.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({})",
            meta(&new, "name"),
            key.name
        )));
    }
    check_preconditions(address, &old, meta(&new, "uid"), meta(&new, "resourceVersion"))?;
    prepare::isolate(address, &old, &mut new);
    prepare::keep_metadata(&old, &mut new);
    rules::default(kind, &mut new);
    rules::check(kind, &new, Some(&old))?;
    if kind.generation && prepare::spec_changed(kind.status, &old, &new) {
        let generation = old
            .pointer("/metadata/generation")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        set_meta(&mut new, "generation", generation + 1);
    }
    managed::record(address, Some(&old), &mut new, writer);
    if managed::same(&old, &new) {
        return Ok(old);
    }
    if writer.dry_run {
        return Ok(Arc::new(new));
    }
    // The last finalizer of a deleted object gone means that the object goes.
    if at(&new, &["metadata", "deletionTimestamp"]).is_some() && finalizers(&new).is_empty() {
        return Ok(store.remove(&key, new));
    }
    Ok(store.put(key, new))
}

/// A stale version or another object under the same name is a conflict. Empty texts ask for nothing.
pub(crate) fn check_preconditions(
    address: &Address,
    old: &Value,
    uid: &str,
    version: &str,
) -> Result<(), ApiError> {
    if !uid.is_empty() && uid != meta(old, "uid") {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            meta(old, "uid")
        );
        return Err(ApiError::conflict(&address.kind, &address.name, &why));
    }
    if !version.is_empty() && version != meta(old, "resourceVersion") {
        return Err(ApiError::stale(&address.kind, &address.name));
    }
    Ok(())
}

/// The present time as the API writes it.
pub(crate) fn now() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}
