//! Which directive belongs to which version.

use crate::Version;
use crate::config::Global;
use crate::connection::BridgeOptions;
use crate::listener::{ListenerOptions, Security};

/// Directives that are new in 2.1. `retain_expiry_interval` came with a late 2.0, but not with the 2.0.11 that
/// distributions package.
const NEW_IN_2_1: &[&str] = &[
    "accept_protocol_versions",
    "bridge_ciphers",
    "bridge_ciphers_tls1.3",
    "bridge_max_topic_alias",
    "bridge_receive_maximum",
    "bridge_reload_type",
    "bridge_session_expiry_interval",
    "bridge_tcp_keepalive",
    "bridge_tcp_user_timeout",
    "bridge_tls_use_os_certs",
    "disable_client_cert_date_checks",
    "enable_control_api",
    "enable_proxy_protocol",
    "global_max_clients",
    "global_max_connections",
    "global_plugin",
    "listener_allow_anonymous",
    "listener_auto_id_prefix",
    "max_topic_alias_broker",
    "packet_buffer_size",
    "plugin_load",
    "plugin_use",
    "proxy_protocol_v2_require_tls",
    "retain_expiry_interval",
    "websockets_origin",
];

/// Directives that are read and do nothing.
const WITHOUT_EFFECT: &[&str] = &["retry_interval"];

/// Directives that are not fields of a model.
const STRUCTURE: &[&str] = &[
    "address",
    "addresses",
    "auth_plugin",
    "auth_plugin_deny_special_chars",
    "bind_address",
    "connection",
    "global_plugin",
    "include_dir",
    "listener",
    "plugin",
    "plugin_load",
    "port",
    "topic",
];

/// Whether a version knows a directive.
///
/// ```
/// use mqttkube_mosquitto::{Version, is_directive};
///
/// assert!(is_directive("bridge_reload_type", Version::V2_1));
/// assert!(!is_directive("bridge_reload_type", Version::V2_0));
/// assert!(is_directive("plugin_opt_config_file", Version::V2_0));
/// ```
pub fn is_directive(name: &str, version: Version) -> bool {
    known(name) && (version == Version::V2_1 || !NEW_IN_2_1.contains(&name))
}

/// Every directive that has a fixed name, without the order of the versions.
pub fn directives() -> impl Iterator<Item = &'static str> {
    let tables = [
        Global::KEYS,
        Security::KEYS,
        ListenerOptions::KEYS,
        BridgeOptions::KEYS,
    ];
    tables
        .into_iter()
        .flatten()
        .chain(STRUCTURE)
        .chain(WITHOUT_EFFECT)
        .copied()
}

pub(crate) fn known(name: &str) -> bool {
    plugin_option(name).is_some() || directives().any(|known| known == name)
}

pub(crate) fn has_effect(name: &str) -> bool {
    !WITHOUT_EFFECT.contains(&name)
}

/// The name behind `plugin_opt_` or `auth_opt_`.
pub(crate) fn plugin_option(name: &str) -> Option<&str> {
    let option = name
        .strip_prefix("plugin_opt_")
        .or_else(|| name.strip_prefix("auth_opt_"))?;
    (!option.is_empty()).then_some(option)
}

/// The known directive that a misspelt one is nearest to.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let (known, distance) = directives()
        .map(|known| (known, distance(name, known)))
        .min_by_key(|(_, distance)| *distance)?;
    (distance <= 1 + name.len() / 5).then_some(known)
}

/// How many characters must be changed, added or taken away.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
