//! Creating, replacing and deleting objects, with the rules about metadata and status.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::ApiError;
use super::json::{at, finalizers, meta, put, set_finalizers, set_meta, take};
use super::kinds::{DEFINITIONS, NAMESPACES};
use super::managed;
use super::request::{Address, Call};
use super::rules;
use super::store::{Key, Store};

/// The finalizer of a deletion that waits for dependents.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of a deletion that lets dependents go.
pub(crate) const ORPHAN: &str = "orphan";

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
    check_type(address, &mut new)?;
    if !meta(&new, "resourceVersion").is_empty() {
        return Err(ApiError::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    name(store, address, &mut new)?;
    let key = Key {
        name: meta(&new, "name").to_owned(),
        ..address.key()
    };
    check_namespace(store, &key)?;
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
    check_type(address, &mut new)?;
    if meta(&new, "name") != key.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({})",
            meta(&new, "name"),
            key.name
        )));
    }
    check_preconditions(address, &old, meta(&new, "uid"), meta(&new, "resourceVersion"))?;
    isolate(address, &old, &mut new);
    keep_metadata(&old, &mut new);
    rules::default(kind, &mut new);
    rules::check(kind, &new, Some(&old))?;
    if kind.generation && spec_changed(kind.status, &old, &new) {
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

fn check_type(address: &Address, new: &mut Value) -> Result<(), ApiError> {
    let wanted = [
        ("apiVersion", address.api_version()),
        ("kind", address.kind.kind.clone()),
    ];
    for (member, wanted) in wanted {
        match new.get(member).and_then(Value::as_str) {
            // The types of built-in kinds follow from the address; custom ones have to be named.
            None | Some("") if !address.kind.custom => put(new, &[member], json!(wanted)),
            Some(found) if found == wanted => {}
            found => {
                let found = found.unwrap_or_default();
                return Err(ApiError::bad_request(format!(
                    "the {member} in the data ({found}) does not match the expected one ({wanted})"
                )));
            }
        }
    }
    match meta(new, "namespace") {
        "" if !address.namespace.is_empty() => set_meta(new, "namespace", address.namespace.as_str()),
        namespace if namespace != address.namespace => {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        _ => {}
    }
    Ok(())
}

fn name(store: &mut Store, address: &Address, new: &mut Value) -> Result<(), ApiError> {
    let stem = meta(new, "generateName").to_owned();
    if !address.name.is_empty() {
        set_meta(new, "name", address.name.as_str());
    } else if meta(new, "name").is_empty() {
        if stem.is_empty() {
            return Err(ApiError::invalid(
                &address.kind,
                "",
                "metadata.name",
                "Required value: name or generateName is required",
            ));
        }
        let random = format!("{:05x}", store.draw() & 0xf_ffff);
        set_meta(new, "name", stem + &random);
    }
    Ok(())
}

fn check_namespace(store: &Store, key: &Key) -> Result<(), ApiError> {
    if key.namespace.is_empty() {
        return Ok(());
    }
    let home = Key {
        resource: NAMESPACES.to_owned(),
        namespace: String::new(),
        name: key.namespace.clone(),
    };
    match store.get(&home) {
        Some(namespace) if at(namespace, &["metadata", "deletionTimestamp"]).is_none() => Ok(()),
        Some(_) => {
            let why = format!(
                "unable to create new content in namespace {} because it is being terminated",
                key.namespace
            );
            Err(ApiError::new(403, "Forbidden", why))
        }
        None => Err(ApiError::new(
            404,
            "NotFound",
            format!("namespaces \"{}\" not found", key.namespace),
        )),
    }
}

/// Writes to an object leave its status alone; writes to the status leave everything else alone.
fn isolate(address: &Address, old: &Value, new: &mut Value) {
    let restore = |into: &mut Value, from: &Value, member: &str| match from.get(member) {
        Some(value) => put(into, &[member], value.clone()),
        None => {
            take(into, member);
        }
    };
    if address.subresource == "status" {
        let mut kept = old.clone();
        restore(&mut kept, new, "status");
        *new = kept;
    } else if address.kind.status {
        restore(new, old, "status");
    }
}

/// Members of the metadata that only the server writes.
fn keep_metadata(old: &Value, new: &mut Value) {
    let server_side = [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "generateName",
        "managedFields",
    ];
    for member in server_side {
        match at(old, &["metadata", member]) {
            Some(value) => set_meta(new, member, value.clone()),
            None => {
                take(&mut new["metadata"], member);
            }
        }
    }
}

/// Everything but metadata and, where it is a subresource, the status.
fn spec_changed(status_apart: bool, old: &Value, new: &Value) -> bool {
    let rest = |value: &Value| {
        let mut rest = value.clone();
        take(&mut rest, "metadata");
        take(&mut rest, "apiVersion");
        if status_apart {
            take(&mut rest, "status");
        }
        rest
    };
    rest(old) != rest(new)
}
