//! The scale subresource: one number of an object, under a name that is the same for every kind.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::ApiError;
use super::json::{at, meta, put};
use super::kinds::Kind;
use super::request::Address;
use super::store::Store;
use super::write::{self, Writer};

/// The `Scale` of an object.
pub(crate) fn of(kind: &Kind, object: &Value) -> Value {
    let mut view = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": { "name": meta(object, "name") },
        "spec": {}, "status": { "replicas": 0 },
    });
    for member in ["namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = at(object, &["metadata", member]) {
            put(&mut view, &["metadata", member], value.clone());
        }
    }
    let Some(scale) = &kind.scale else { return view };
    if let Some(replicas) = at(object, &scale.spec).filter(|replicas| **replicas != 0) {
        put(&mut view, &["spec", "replicas"], replicas.clone());
    }
    if let Some(replicas) = at(object, &scale.status) {
        put(&mut view, &["status", "replicas"], replicas.clone());
    }
    if let Some(selector) = scale.selector.as_ref().and_then(|path| at(object, path)) {
        put(&mut view, &["status", "selector"], json!(selector_text(selector)));
    }
    view
}

/// Writes the number of a `Scale` into its object and returns the object.
pub(crate) fn replace(
    store: &mut Store,
    address: &Address,
    view: &Value,
    writer: &Writer,
) -> Result<Arc<Value>, ApiError> {
    let kind = &address.kind;
    let old = store
        .get(&address.key())
        .cloned()
        .ok_or_else(|| ApiError::not_found(kind, &address.name))?;
    write::check_preconditions(address, &old, meta(view, "uid"), meta(view, "resourceVersion"))?;
    // A Scale leaves out a number that is zero.
    let replicas = match at(view, &["spec", "replicas"]) {
        None | Some(Value::Null) => json!(0),
        Some(Value::Number(number)) if number.is_i64() => json!(number),
        Some(other) => {
            let found = if other.is_string() { "string" } else { "value" };
            return Err(ApiError::bad_request(format!(
                "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal {found} into Go struct field ScaleSpec.spec.replicas of type int32"
            )));
        }
    };
    if replicas.as_i64() < Some(0) {
        let why = format!("Invalid value: {replicas}: must be greater than or equal to 0");
        let named = Kind {
            kind: "Scale".to_owned(),
            group: "autoscaling".to_owned(),
            ..(**kind).clone()
        };
        return Err(ApiError::invalid(&named, &address.name, "spec.replicas", &why));
    }
    let mut new = (*old).clone();
    put(&mut new, &["apiVersion"], address.api_version().into());
    if let Some(scale) = &kind.scale {
        put(&mut new, &scale.spec, replicas);
    }
    write::update(store, address, new, writer)
}

/// `app=web,tier in (a,b)`; custom kinds keep the text themselves.
fn selector_text(selector: &Value) -> String {
    if let Value::String(text) = selector {
        return text.clone();
    }
    let labels = selector.get("matchLabels").unwrap_or(selector).as_object();
    let terms = labels.into_iter().flatten();
    let terms: Vec<_> = terms
        .filter_map(|(key, value)| value.as_str().map(|value| format!("{key}={value}")))
        .collect();
    terms.join(",")
}
