//! What the API server fills in and refuses: a few rules per kind, those that clients of bindings meet.

use serde_json::{Value, json};

use super::error::ApiError;
use super::json::{at, finalizers, meta, object, put};
use super::kinds::Kind;

/// Fills in what the server would.
pub(crate) fn default(kind: &Kind, value: &mut Value) {
    let defaults = match kind.resource().as_str() {
        "deployments.apps" => {
            json!({ "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600 })
        }
        "statefulsets.apps" => json!({ "replicas": 1, "podManagementPolicy": "OrderedReady" }),
        "replicasets.apps" | "replicationcontrollers" => json!({ "replicas": 1 }),
        "jobs.batch" => json!({ "parallelism": 1, "completions": 1, "backoffLimit": 6, "suspend": false }),
        "cronjobs.batch" => json!({ "suspend": false, "concurrencyPolicy": "Allow" }),
        "namespaces" => json!({ "finalizers": ["kubernetes"] }),
        _ => return,
    };
    let spec = object(value).entry("spec").or_insert_with(|| json!({}));
    for (name, default) in defaults.as_object().into_iter().flatten() {
        if spec.get(name).is_none_or(Value::is_null) {
            put(spec, &[name], default.clone());
        }
    }
}

/// Refuses what the server would refuse.
pub(crate) fn check(kind: &Kind, value: &Value, old: Option<&Value>) -> Result<(), ApiError> {
    let name = meta(value, "name");
    check_name(kind, name)?;
    for part in ["labels", "annotations"] {
        check_texts(kind, value, part)?;
    }
    if let Some(scale) = &kind.scale {
        let field = scale.spec.join(".");
        match at(value, &scale.spec) {
            None => {}
            Some(Value::Number(number)) if number.is_i64() => {
                let replicas = number.as_i64().unwrap_or_default();
                if replicas < 0 {
                    let why = format!("Invalid value: {replicas}: must be greater than or equal to 0");
                    return Err(ApiError::invalid(kind, name, &field, &why));
                }
            }
            Some(other) => return Err(wrong_type(kind, &field, other)),
        }
    }
    if let Some(old) = old
        && old.pointer("/metadata/deletionTimestamp").is_some()
    {
        let before = finalizers(old);
        if let Some(new) = finalizers(value)
            .iter()
            .find(|finalizer| !before.contains(finalizer))
        {
            let why = format!(
                "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {new:?}"
            );
            return Err(ApiError::invalid(kind, name, "metadata.finalizers", &why));
        }
    }
    required(kind, value)
}

/// Members without which the built-in kinds are refused.
fn required(kind: &Kind, value: &Value) -> Result<(), ApiError> {
    let fields: &[&[&str]] = match kind.resource().as_str() {
        "deployments.apps" | "statefulsets.apps" | "daemonsets.apps" | "replicasets.apps" => {
            &[&["spec", "selector"], &["spec", "template", "spec", "containers"]]
        }
        "jobs.batch" => &[&["spec", "template", "spec", "containers"]],
        "pods" => &[&["spec", "containers"]],
        _ => &[],
    };
    for field in fields {
        let absent = at(value, field).is_none_or(|value| match value {
            Value::Array(list) => list.is_empty(),
            value => value.is_null(),
        });
        if absent {
            return Err(ApiError::invalid(
                kind,
                meta(value, "name"),
                &field.join("."),
                "Required value",
            ));
        }
    }
    Ok(())
}

/// A DNS subdomain; a DNS label where the name ends up in one.
fn check_name(kind: &Kind, name: &str) -> Result<(), ApiError> {
    let label = matches!(kind.kind.as_str(), "Namespace" | "Service");
    let limit = if label { 63 } else { 253 };
    let plain = |part: &str| {
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        part.bytes().all(|byte| inside(byte) || byte == b'-')
            && part.bytes().next().is_some_and(inside)
            && part.bytes().last().is_some_and(inside)
    };
    let roles = kind.group == "rbac.authorization.k8s.io";
    let good = if label {
        plain(name)
    } else {
        roles || name.split('.').all(plain)
    };
    if good && name.len() <= limit {
        return Ok(());
    }
    let why = format!(
        "Invalid value: {name:?}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
    );
    Err(ApiError::invalid(kind, name, "metadata.name", &why))
}

fn check_texts(kind: &Kind, value: &Value, part: &str) -> Result<(), ApiError> {
    match at(value, &["metadata", part]) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(members)) => match members.iter().find(|(_, value)| !value.is_string()) {
            Some((name, other)) => Err(wrong_type(kind, &format!("metadata.{part}.{name}"), other)),
            None => Ok(()),
        },
        Some(other) => Err(wrong_type(kind, &format!("metadata.{part}"), other)),
    }
}

/// For a built-in kind the body cannot even be read; a custom one has a schema that it breaks.
fn wrong_type(kind: &Kind, field: &str, found: &Value) -> ApiError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let name = &kind.kind;
    if kind.custom {
        return ApiError::invalid(
            kind,
            "",
            field,
            &format!("Invalid value: {found:?}: has the wrong type"),
        );
    }
    ApiError::bad_request(format!(
        "{name} in version {:?} cannot be handled as a {name}: json: cannot unmarshal {found} into Go struct field {name}.{field}",
        kind.preferred()
    ))
}
