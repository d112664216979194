//! Lists of the built-in kinds whose items have an identity: which members tell one item from another.

use serde_json::{Value, json};

/// How a list merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// Replaced as a whole.
    Atomic,
    /// Values without order; each is its own identity.
    Set,
    /// Objects told apart by these members; the first one suffices for a strategic merge.
    Map(&'static [&'static str]),
}

/// How the list in a member called `name` merges, judged by its items.
pub(crate) fn list_kind(name: &str, items: &[Value]) -> ListKind {
    let all_have = |key: &str| !items.is_empty() && items.iter().all(|item| item.get(key).is_some());
    let keys: &'static [&'static str] = match name {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets" => &["name"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "conditions" => &["type"],
        "hostAliases" => &["ip"],
        "ownerReferences" => &["uid"],
        "ports" if all_have("containerPort") => &["containerPort", "protocol"],
        "ports" => &["port", "protocol"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        "finalizers" => return ListKind::Set,
        _ => return ListKind::Atomic,
    };
    // A list without its key, such as that of a custom kind that reuses the name, is a plain one.
    if all_have(keys[0]) {
        ListKind::Map(keys)
    } else {
        ListKind::Atomic
    }
}

/// The value of a key member of an item, with the default that makes keys complete.
pub(crate) fn key_value(item: &Value, key: &str) -> Value {
    match item.get(key) {
        Some(value) => value.clone(),
        None if key == "protocol" => json!("TCP"),
        None => Value::Null,
    }
}

/// Whether two items of a list are the same one.
pub(crate) fn same_item(keys: &[&str], one: &Value, other: &Value) -> bool {
    keys.iter()
        .all(|key| key_value(one, key) == key_value(other, key))
}
