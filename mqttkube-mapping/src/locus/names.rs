//! Member names in the notation of the Kubernetes client for Python, `available_replicas`.

use serde_json::{Map, Value};

/// Parents whose members are named by people, so that an underscore is meant.
const FREE_NAMES: &[&str] = &[
    "labels",
    "annotations",
    "data",
    "stringData",
    "binaryData",
    "matchLabels",
    "nodeSelector",
    "parameters",
];

/// Words that Kubernetes writes in capitals inside of a name.
const CAPITALS: &[(&str, &str)] = &[
    ("ip", "IP"),
    ("ips", "IPs"),
    ("id", "ID"),
    ("uid", "UID"),
    ("pid", "PID"),
    ("ipc", "IPC"),
    ("cidr", "CIDR"),
    ("cidrs", "CIDRs"),
    ("url", "URL"),
    ("tls", "TLS"),
];

/// Whether a name looks like `snake_case`: lower case with an underscore inside.
pub(super) fn is_snake(name: &str) -> bool {
    let inside = name.trim_matches('_');
    inside.len() == name.len()
        && name.contains('_')
        && name
            .chars()
            .all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
}

pub(super) fn has_free_names(parent: &str) -> bool {
    FREE_NAMES.contains(&parent)
}

/// `available_replicas` -> `availableReplicas`, `pod_ip` -> `podIP`.
pub(super) fn camel(name: &str) -> String {
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        if let Some((_, capitals)) = CAPITALS.iter().find(|(lower, _)| *lower == word) {
            camel.push_str(capitals);
            continue;
        }
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.extend(letters);
    }
    camel
}

/// The member that a snake_case name means: itself, or the only one with the same letters in the same order.
pub(super) fn find<'v>(object: &'v Map<String, Value>, name: &str) -> Option<(&'v str, &'v Value)> {
    if let Some((key, value)) = object.get_key_value(name) {
        return Some((key, value));
    }
    let same = |key: &str| {
        let letters = |text: &str| {
            text.chars()
                .filter(|c| *c != '_')
                .map(|c| c.to_ascii_lowercase())
                .collect::<Vec<_>>()
        };
        letters(key) == letters(name)
    };
    object
        .iter()
        .find(|(key, _)| same(key))
        .map(|(key, value)| (key.as_str(), value))
}
