//! Random configurations that a version runs.

use mqttkube_mosquitto::setting::{LogDestination, LogType, Text};
use mqttkube_mosquitto::{
    BridgeOptions, Config, Connection, Global, Listener, ListenerOptions, Plugin, PluginKind, Security,
    TopicRule, Version,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Text> {
    "[!-~éß]{1,8}( [!-~]{1,5})?".prop_filter_map("a text without a comment", |text| {
        if text.contains(" #") {
            None
        } else {
            Text::new(text).ok()
        }
    })
}

fn path() -> impl Strategy<Value = Text> {
    "/[a-z]{1,6}(/[a-z.]{1,6})?".prop_map(|path| Text::new(path).expect("a path"))
}

/// A field of a type that is made from JSON: a number in its range, a word.
fn json<T: serde::de::DeserializeOwned + std::fmt::Debug>(value: impl Into<serde_json::Value>) -> T {
    serde_json::from_value(value.into()).expect("a value of the type")
}

fn rule(version: Version) -> impl Strategy<Value = TopicRule> {
    let pattern = if version == Version::V2_1 {
        "(#|[a-z]{1,3}( [a-z]{1,3})?(/#)?|\\+/[a-z])"
    } else {
        "(#|[a-z]{1,3}(/#)?|\\+/[a-z])"
    };
    (
        pattern,
        "out|in|both",
        0..3_u8,
        "([a-z]{1,3}/)?",
        "([a-z]{1,3}/)?",
    )
        .prop_map(|(pattern, way, qos, local, remote)| {
            TopicRule::new(pattern, json(way), qos, local, remote).expect("a rule")
        })
}

fn global() -> impl Strategy<Value = Global> {
    let flags = (
        any::<bool>(),
        of(any::<bool>()),
        of(any::<bool>()),
        of(any::<bool>()),
        of(any::<bool>()),
    );
    let numbers = (
        of(0..100_000_i64),
        of(0..65_536_i64),
        of(20..1_000_000_i64),
        of(10..65_536_i64),
        of(0..8_i64),
    );
    (
        flags,
        numbers,
        of("[1-9][hdwmy]"),
        vec(0..3_usize, 0..3),
        of(text()),
    )
        .prop_map(|(flags, numbers, expiry, logs, format)| {
            let types = [LogType::Error, LogType::Warning, LogType::All];
            let (per_listener, persistence, changes, qos0, duplicates) = flags;
            let (queued, inflight, packet, keepalive, facility) = numbers;
            Global {
                per_listener_settings: per_listener.then_some(true),
                persistence,
                autosave_on_changes: changes,
                queue_qos0_messages: qos0,
                allow_duplicate_messages: duplicates,
                max_queued_messages: queued.map(json),
                max_inflight_messages: inflight.map(json),
                max_packet_size: packet.map(json),
                max_keepalive: keepalive.map(json),
                log_facility: facility.map(json),
                persistent_client_expiration: expiry.map(json),
                log_type: logs.iter().map(|index| types[*index]).collect(),
                log_dest: if logs.len() == 1 {
                    vec![LogDestination::Stderr]
                } else {
                    Vec::new()
                },
                log_timestamp_format: format,
                ..Global::default()
            }
        })
}

fn security() -> impl Strategy<Value = Security> {
    (
        of(any::<bool>()),
        of(any::<bool>()),
        of(text()),
        of(any::<bool>()),
    )
        .prop_map(|(anonymous, zero, prefix, retain)| Security {
            allow_anonymous: anonymous,
            allow_zero_length_clientid: zero,
            auto_id_prefix: prefix,
            check_retain_source: retain,
            ..Security::default()
        })
}

fn plugin(version: Version) -> impl Strategy<Value = Plugin> {
    let kind = prop_oneof![Just(PluginKind::Plugin), Just(PluginKind::AuthPlugin)];
    (
        kind,
        any::<bool>(),
        path(),
        vec(("[a-z]{3,6}", text()), 0..2),
        of(any::<bool>()),
    )
        .prop_map(move |(kind, named, path, options, deny_special_chars)| Plugin {
            kind: if named && version == Version::V2_1 {
                PluginKind::Named(json("auth"))
            } else {
                kind
            },
            path,
            options: options
                .into_iter()
                .map(|(name, value)| (json(name), value))
                .collect(),
            deny_special_chars,
        })
}

fn listener(version: Version) -> impl Strategy<Value = Listener> {
    let new = version == Version::V2_1;
    let limits = (
        of(-1..1000_i64),
        of(0..3_i64),
        of(0..65_536_i64),
        of("[a-z]{1,5}/"),
        of(1..3_i64),
    );
    (1024..65_000_u16, any::<bool>(), any::<bool>(), limits, security()).prop_map(
        move |(port, local, web, (connections, qos, alias, mount, proxy), security)| {
            let host = if local { ",\"host\":\"127.0.0.1\"" } else { "" };
            let address = format!("{{\"tcp\":{{\"port\":{port}{host}}}}}");
            let mut listener = Listener::new(serde_json::from_str(&address).expect("an address"));
            listener.security = security;
            listener.options = ListenerOptions {
                protocol: web.then(|| json("websockets")),
                max_connections: connections.map(json),
                max_qos: qos.map(json),
                max_topic_alias: alias.map(json),
                mount_point: mount.map(json),
                enable_proxy_protocol: proxy.filter(|_| new).map(json),
                websockets_origins: if new && web {
                    vec![json("a.example"), json("b.example")]
                } else {
                    Vec::new()
                },
                ..ListenerOptions::default()
            };
            listener
        },
    )
}

fn options(version: Version) -> impl Strategy<Value = BridgeOptions> {
    let new = version == Version::V2_1;
    let texts = (of(text()), of(text()), of(text()), of(text()));
    let flags = (
        of(any::<bool>()),
        of(any::<bool>()),
        of(any::<bool>()),
        of(any::<bool>()),
    );
    let numbers = (
        of(0..65_536_i64),
        of(1..10_000_i64),
        of((1..3600_i64, 3600..7200_i64)),
        of(0..100_000_i64),
    );
    let words = (
        of("mqttv31|mqttv311|mqttv50"),
        of("automatic|lazy|once"),
        of("lazy|immediate"),
    );
    (texts, flags, numbers, words).prop_map(move |(texts, flags, numbers, words)| BridgeOptions {
        remote_clientid: texts.0,
        remote_username: texts.1,
        remote_password: texts.2.map(|password| json(password.as_str())),
        local_username: texts.3,
        cleansession: flags.0,
        try_private: flags.1,
        notifications: flags.2,
        outgoing_retain: flags.3,
        keepalive_interval: numbers.0.map(json),
        threshold: numbers.1.map(json),
        restart_timeout: numbers
            .2
            .map(|(base, cap)| json(serde_json::json!({"base": base, "cap": cap}))),
        max_packet_size: numbers.3.map(json),
        protocol_version: words.0.map(json),
        start_type: words.1.map(json),
        reload_type: words.2.filter(|_| new).map(json),
        tcp_keepalive: numbers
            .0
            .filter(|_| new)
            .map(|_| json(serde_json::json!({"idle": 5, "interval": 2, "counter": 3}))),
        ..BridgeOptions::default()
    })
}

fn connections(version: Version) -> impl Strategy<Value = Vec<Connection>> {
    let one = (
        vec("127[.]0[.]0[.]1:[1-9][0-9]{3}", 1..3),
        vec(rule(version), 1..4),
        options(version),
    );
    vec(one, 0..3).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        let connections = numbered.map(|(index, (addresses, rules, mut options))| {
            options.local_clientid = Some(json(format!("local-{index}")));
            let addresses = addresses.into_iter().map(json).collect();
            Connection {
                options,
                ..Connection::new(json(format!("bridge-{index}")), addresses, rules)
            }
        });
        connections.collect()
    })
}

/// A configuration that the version takes.
pub(crate) fn config(version: Version) -> impl Strategy<Value = Config> {
    let parts = (
        global(),
        security(),
        vec(plugin(version), 0..2),
        vec(listener(version), 0..3),
        connections(version),
    );
    parts.prop_map(|(global, security, plugins, listeners, connections)| {
        let mut config = Config {
            global,
            security,
            listeners,
            connections,
            ..Config::default()
        };
        if config.per_listener() {
            config.security = Security::default();
        } else {
            config
                .listeners
                .iter_mut()
                .for_each(|listener| listener.security = Security::default());
        }
        // 2.0 does not start with WebSocket listeners alone.
        config
            .listeners
            .iter_mut()
            .take(1)
            .for_each(|listener| listener.options.protocol = None);
        let everywhere = |plugin: &Plugin| matches!(plugin.kind, PluginKind::Named(_));
        let per_listener = config.per_listener();
        config.security.plugins = plugins
            .into_iter()
            .filter(|plugin| !per_listener || everywhere(plugin))
            .collect();
        config
    })
}
