//! The four kinds of patches.

use std::sync::Arc;

use serde_json::Value;

use super::error::ApiError;
use super::json::{self, meta, put};
use super::request::{Address, Call};
use super::store::Store;
use super::write::{self, Writer};
use super::{apply, scale, strategic};

/// Patches an object, its status or its scale; the flag says whether an apply created the object.
pub(crate) fn patch(
    store: &mut Store,
    address: &Address,
    call: &Call,
) -> Result<(Arc<Value>, bool), ApiError> {
    if call.content_type() == "application/apply-patch+yaml" && address.subresource != "scale" {
        return apply::apply(store, address, call);
    }
    let old = store
        .get(&address.key())
        .cloned()
        .ok_or_else(|| ApiError::not_found(&address.kind, &address.name))?;
    let mut new = (*old).clone();
    put(&mut new, &["apiVersion"], address.api_version().into());
    let writer = Writer::of(call);
    if address.subresource == "scale" {
        let mut view = scale::of(&address.kind, &old);
        change(&mut view, address, call)?;
        let stored = scale::replace(store, address, &view, &writer).map_err(patched)?;
        return Ok((stored, false));
    }
    change(&mut new, address, call)?;
    if meta(&new, "uid") != meta(&old, "uid") {
        let why = format!("Invalid value: {:?}: field is immutable", meta(&new, "uid"));
        return Err(ApiError::invalid(
            &address.kind,
            &address.name,
            "metadata.uid",
            &why,
        ));
    }
    let stored = write::update(store, address, new, &writer).map_err(patched)?;
    Ok((stored, false))
}

/// An object that cannot be read is a bad request when the client sent it, but unprocessable when a patch
/// made it.
fn patched(error: ApiError) -> ApiError {
    if error.code != 400 {
        return error;
    }
    ApiError::unprocessable(format!(
        " \"\" is invalid: patch: Invalid value: {}",
        error.message
    ))
}

fn change(target: &mut Value, address: &Address, call: &Call) -> Result<(), ApiError> {
    match call.content_type() {
        "application/merge-patch+json" => {
            let patch = call.json()?;
            if !patch.is_object() {
                return Err(ApiError::bad_request("a merge patch must be an object"));
            }
            json::merge(target, &patch);
            Ok(())
        }
        "application/strategic-merge-patch+json" if !address.kind.custom => {
            strategic::merge(target, &call.json()?)
        }
        "application/json-patch+json" => {
            let patch: json_patch::Patch = serde_json::from_slice(&call.body)
                .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
            json_patch::patch(target, &patch).map_err(|error| {
                ApiError::unprocessable(format!(
                    "the server rejected our request due to an error in our request: {error}"
                ))
            })
        }
        other => Err(ApiError::unsupported(other)),
    }
}
