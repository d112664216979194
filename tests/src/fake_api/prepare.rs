//! What every new state of an object passes before it is stored: its type and name, and the parts that the
//! writer has no say in.

use serde_json::{Value, json};

use super::error::ApiError;
use super::json::{at, meta, put, set_meta, take};
use super::kinds::NAMESPACES;
use super::request::Address;
use super::store::{Key, Store};

/// Fills in the type and namespace that the address tells, or refuses another one.
pub(super) fn check_type(address: &Address, new: &mut Value) -> Result<(), ApiError> {
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

/// Takes the name from the address, or makes one from `generateName`.
pub(super) fn name(store: &mut Store, address: &Address, new: &mut Value) -> Result<(), ApiError> {
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

/// The namespace must exist, and not be about to end.
pub(super) fn check_namespace(store: &Store, key: &Key) -> Result<(), ApiError> {
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
pub(super) fn isolate(address: &Address, old: &Value, new: &mut Value) {
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
pub(super) fn keep_metadata(old: &Value, new: &mut Value) {
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
pub(super) fn spec_changed(status_apart: bool, old: &Value, new: &Value) -> bool {
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
