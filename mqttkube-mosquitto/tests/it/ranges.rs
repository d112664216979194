//! Directives that no Mosquitto of distributions takes yet: their values by the manual and the parser of 2.1.2
//! (spec 2.1).

use std::collections::BTreeSet;

use mqttkube_mosquitto::{Code, Severity, Version, directives, is_directive, lint};

/// Directive, values that 2.1 takes, values that it refuses.
const VALUES: &[(&str, &[&str], &[&str])] = &[
    (
        "bridge_session_expiry_interval",
        &["0", "2147483647"],
        &["-1", "2147483648", "4294967295"],
    ),
    ("bridge_max_topic_alias", &["0", "65535"], &["-1", "65536"]),
    ("bridge_receive_maximum", &["1", "65535"], &["0", "65536"]),
    (
        "bridge_tcp_keepalive",
        &["1 1 1", "60 10 5"],
        &["60", "60 10", "0 10 5", "60 0 5", "60 10 0"],
    ),
    (
        "bridge_tcp_user_timeout",
        &["0", "2147483647"],
        &["-1", "2147483648"],
    ),
    ("bridge_tls_use_os_certs", &["true", "false"], &["yes"]),
    ("bridge_reload_type", &["lazy", "immediate"], &["now"]),
    ("accept_protocol_versions", &["3,4,5"], &[""]),
    ("bridge_ciphers", &["ECDHE-RSA-AES128-GCM-SHA256"], &[""]),
    ("bridge_ciphers_tls1.3", &["TLS_AES_128_GCM_SHA256"], &[""]),
    ("disable_client_cert_date_checks", &["true", "false"], &["never"]),
    ("enable_control_api", &["true", "false"], &["on"]),
    ("enable_proxy_protocol", &["1", "2"], &["0", "3"]),
    ("global_max_clients", &["-1", "0", "2147483647"], &["-2", "many"]),
    (
        "global_max_connections",
        &["-1", "0", "2147483647"],
        &["-2", "many"],
    ),
    ("global_plugin", &["/p.so"], &[""]),
    ("listener_allow_anonymous", &["true", "false"], &["maybe"]),
    ("listener_auto_id_prefix", &["auto-"], &[""]),
    ("max_topic_alias_broker", &["0", "65535"], &["-1", "65536"]),
    ("packet_buffer_size", &["0", "65535"], &["-1", "65536"]),
    ("plugin_load", &["name /p.so"], &["", "name"]),
    ("plugin_use", &["name"], &[""]),
    ("proxy_protocol_v2_require_tls", &["true", "false"], &["1.2"]),
    ("retain_expiry_interval", &["1", "10000000"], &["0", "10000001"]),
    ("websockets_origin", &["https://example.org"], &[""]),
];

#[track_caller]
fn check(line: &str, expected: bool) {
    let text = format!("listener 1883\nconnection c\n{line}\n");
    let found = lint(&text, Version::V2_1);
    let refused = found
        .iter()
        .find(|lint| lint.line == 3 && lint.severity == Severity::Error && lint.code == Code::BadValue);
    assert_eq!(refused.is_none(), expected, "{line}: {refused:?}");
}

#[test]
fn directives_of_2_1_take_their_range_and_nothing_outside() {
    for (directive, taken, refused) in VALUES {
        taken
            .iter()
            .for_each(|value| check(&format!("{directive} {value}"), true));
        refused
            .iter()
            .for_each(|value| check(&format!("{directive} {value}"), false));
    }
}

#[test]
fn the_third_number_of_the_restart_timeout_has_a_range() {
    for value in ["1 1 0", "5 30 2147483647", "3600 7200 60"] {
        check(&format!("restart_timeout {value}"), true);
    }
    for value in [
        "0 1 1",
        "3601 7200 1",
        "5 7201 1",
        "30 10 1",
        "5 30 -1",
        "5 30 2147483648",
    ] {
        check(&format!("restart_timeout {value}"), false);
    }
}

#[test]
fn every_directive_that_is_new_in_2_1_has_a_row() {
    let new = directives().filter(|name| !is_directive(name, Version::V2_0));
    let rows: BTreeSet<&str> = VALUES.iter().map(|row| row.0).collect();
    assert_eq!(rows, new.collect());
}
