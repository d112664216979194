//! Configurations: what is written starts, and what is called wrong is refused.

use mqttkube_mosquitto::setting::{Address, Name};
use mqttkube_mosquitto::{
    Config, Lint, Listener, ListenerAddress, Severity, Version, lint, lint_named_files,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::broker::{Broker, free_port, mosquitto_is_there, scale};
use crate::models;

/// Puts a random configuration where it can run: free ports, no plugins that are not there, nobody at the other end.
fn grounded(mut config: Config) -> Config {
    config.security.plugins.clear();
    config.listeners.iter_mut().for_each(|listener| {
        let host = Some(Name::new("127.0.0.1").expect("a host"));
        let port = free_port().into();
        listener.address = ListenerAddress::Tcp {
            port: mqttkube_mosquitto::Port::new(port).expect("a port"),
            host,
        };
    });
    if config.listeners.is_empty() {
        config.listeners.extend(Listener::tcp(free_port()));
    }
    for bridge in &mut config.connections {
        let nobody: Address = format!("127.0.0.1:{}", free_port()).parse().expect("an address");
        bridge.addresses = vec![nobody];
    }
    config
}

#[test]
fn every_configuration_that_is_written_for_2_0_starts() {
    if !mosquitto_is_there("every_configuration_that_is_written_for_2_0_starts") {
        return;
    }
    let mut runner = TestRunner::deterministic();
    for _ in 0..40 * scale() {
        let config = models::config(Version::V2_0)
            .new_tree(&mut runner)
            .expect("a configuration")
            .current();
        drop(Broker::start(grounded(config)));
    }
}

/// Whether the real broker starts with these lines is as expected. Returns the whole file.
#[track_caller]
fn tried(lines: &str, expected: bool) -> String {
    let port = free_port();
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{lines}");
    let outcome = Broker::run(&text, port);
    assert_eq!(
        outcome.is_ok(),
        expected,
        "{lines}\n{}",
        outcome.err().unwrap_or_default()
    );
    text
}

#[track_caller]
fn starts(lines: &str, expected: bool) {
    let text = tried(lines, expected);
    let fatal = lint(&text, Version::V2_0)
        .into_iter()
        .filter(|lint| lint.severity == Severity::Error)
        .collect::<Vec<_>>();
    assert!(
        expected || !fatal.is_empty(),
        "Mosquitto refuses what no lint calls an error:\n{lines}"
    );
}

#[test]
fn what_mosquitto_refuses_is_called_an_error() {
    if !mosquitto_is_there("what_mosquitto_refuses_is_called_an_error") {
        return;
    }
    let bridge = "connection c\naddress 127.0.0.1:1\n";
    for lines in [
        "max_qued_messages 0\n",
        "listener_allow_anonymous true\n",
        "sys_interval\n",
        "persistence yes\n",
        " # indented\n",
        "sys_interval\t10\n",
        "pid_file /tmp/a\npid_file /tmp/b\n",
        "address 127.0.0.1\n",
        "max_packet_size 5\n",
        "connection c\ntopic a out 1\n",
        bridge,
    ] {
        starts(lines, false);
    }
    for line in [
        "topic a sideways\n",
        "topic a out 3\n",
        "topic # out 1 l r\n",
        "topic \"a b/#\" out 1\n",
        "topic \"\" out 1 l/\n",
        "topic a out 1 +/ r/\n",
        "topic a out 1\nbridge_reload_type lazy\n",
        "topic a out 1\nbridge_protocol_version mqttv5\n",
        "topic a out 1\nrestart_timeout 30 10\n",
        "topic a out 1\nbridge_identity i\n",
        "topic a out 1\nkeepalive_interval 70000\n",
        "topic a out 1\nstart_type manual\n",
    ] {
        starts(&format!("{bridge}{line}"), false);
    }
}

#[test]
fn what_mosquitto_starts_with_although_it_is_wrong_is_known() {
    if !mosquitto_is_there("what_mosquitto_starts_with_although_it_is_wrong_is_known") {
        return;
    }
    for (line, code) in [
        ("topic #b out 1\n", "rule-no-filter"),
        ("topic a out 1\nremote_password p\n", "bridge-password-alone"),
        (
            "topic a out 1\nnotification_topic x/#\n",
            "bridge-notification-topic",
        ),
        (
            "topic a out 1\nremote_clientid x\nlocal_clientid x\n",
            "bridge-equal-ids",
        ),
        ("topic a out 1 # all\nkeepalive_interval 1\n", "bridge-keepalive"),
        ("topic a out 1\nidle_timeout 0\n", "bridge-lazy-minimum"),
        ("topic a out 1\nthreshold -4\n", "bridge-lazy-minimum"),
        ("topic a out 1\nthreshold 5\n", "bridge-lazy-only"),
        ("topic a out 1\nrestart_timeout 5 30 10\n", "ignored-text"),
    ] {
        let lines = format!("connection c\naddress 127.0.0.1:1\n{line}");
        starts(&lines, true);
        let found = lint(&lines, Version::V2_0);
        assert!(
            found.iter().any(|lint| lint.code.as_str() == code),
            "{code} in {lines}"
        );
    }
}

/// Directives of a bridge whose names do not begin with `bridge_`, and those that do.
const OF_A_BRIDGE: &[&str] = &[
    "round_robin true",
    "remote_clientid x",
    "clientid x",
    "remote_username u\nremote_password p",
    "username u\npassword p",
    "local_clientid x",
    "local_username u\nlocal_password p",
    "cleansession true",
    "local_cleansession true",
    "cleansession true\nlocal_cleansession false",
    "keepalive_interval 0",
    "keepalive_interval 65535",
    "start_type lazy\nidle_timeout 30\nthreshold 3",
    "start_type once",
    "restart_timeout 3600 7200",
    "notifications false",
    "notifications_local_only true",
    "notification_topic state",
    "try_private false",
    "bridge_protocol_version mqttv31",
    "bridge_protocol_version mqttv50",
    "bridge_attempt_unsubscribe false",
    "bridge_outgoing_retain false",
    "bridge_max_packet_size 1000",
    "bridge_bind_address 127.0.0.1",
    "bridge_cafile /nowhere",
    "bridge_capath /nowhere",
    "bridge_cafile /nowhere\nbridge_certfile /nowhere\nbridge_keyfile /nowhere",
    "bridge_identity i\nbridge_psk ab12",
    "bridge_cafile /nowhere\nbridge_insecure true",
    "bridge_cafile /nowhere\nbridge_require_ocsp true",
    "bridge_cafile /nowhere\nbridge_tls_version tlsv1.3",
    "bridge_cafile /nowhere\nbridge_alpn mqtt",
];

/// Read, written and loaded: alone with what it needs, so that no other line can cover for it.
#[test]
fn every_directive_of_a_bridge_is_written_so_that_the_real_2_0_takes_it() {
    if !mosquitto_is_there("every_directive_of_a_bridge_is_written_so_that_the_real_2_0_takes_it") {
        return;
    }
    for lines in OF_A_BRIDGE {
        let text = format!("connection c\naddress 127.0.0.1:1 127.0.0.1:2\ntopic a out 1\n{lines}\n");
        let read = Config::read(&text);
        assert_eq!(read.problems, [], "{lines}");
        let written = read.config.write(Version::V2_0).expect("a configuration of 2.0");
        let kept = |line: &str| {
            let value = line.split_once(' ').map_or("", |(_, value)| value);
            written.lines().any(|other| other.ends_with(value))
        };
        assert!(lines.lines().all(kept), "{lines}\n{written}");
        drop(Broker::start(grounded(read.config)));
    }
    let tested = |name: &&str| OF_A_BRIDGE.iter().any(|lines| lines.contains(name));
    let bridge =
        |name: &&str| name.starts_with("bridge_") && mqttkube_mosquitto::is_directive(name, Version::V2_0);
    let left: Vec<&str> = mqttkube_mosquitto::directives()
        .filter(|name| bridge(name) && !tested(name))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_missing_file_does_to_the_real_2_0_what_the_lint_says() {
    if !mosquitto_is_there("a_missing_file_does_to_the_real_2_0_what_the_lint_says") {
        return;
    }
    for (lines, expected) in [
        ("password_file /nowhere\n", false),
        ("acl_file /nowhere\n", false),
        ("psk_hint h\npsk_file /nowhere\n", false),
        (
            "connection c\naddress 127.0.0.1:1\ntopic a out 1\nbridge_cafile /nowhere\n",
            true,
        ),
    ] {
        let text = tried(lines, expected);
        let found = lint_named_files(&text, |path| path != "/nowhere");
        assert!(!found.is_empty());
        let says = |lint: &Lint| lint.message.ends_with("the broker does not start");
        assert!(found.iter().all(|lint| says(lint) != expected), "{found:?}");
    }
}

#[test]
fn directives_of_2_1_are_refused_by_the_real_2_0() {
    if !mosquitto_is_there("directives_of_2_1_are_refused_by_the_real_2_0") {
        return;
    }
    let new: Vec<&str> = mqttkube_mosquitto::directives()
        .filter(|name| !mqttkube_mosquitto::is_directive(name, Version::V2_0))
        .collect();
    assert_eq!(new.len(), 25);
    for name in new {
        starts(
            &format!("connection c\naddress 127.0.0.1:1\ntopic a out 1\n{name} 1\n"),
            false,
        );
    }
}

#[test]
fn websocket_listeners_of_2_0_need_another_listener_and_ignore_an_address() {
    if !mosquitto_is_there("websocket_listeners_of_2_0_need_another_listener_and_ignore_an_address") {
        return;
    }
    let (plain, web) = (free_port(), free_port());
    let alone = format!("user root\nallow_anonymous true\nlistener {web} 127.0.0.1\nprotocol websockets\n");
    let found = |text: &str| {
        lint(text, Version::V2_0)
            .iter()
            .map(|lint| lint.code.as_str())
            .collect::<Vec<_>>()
    };
    assert!(found(&alone).contains(&"websocket-only"));
    // The port is open for a moment before the broker ends, so that nobody waits for it here.
    let Err(log) = Broker::run(&alone, plain) else {
        panic!("nobody listens on {plain}")
    };
    assert!(log.contains("Unable to start any listening sockets"), "{log}");

    let both = format!("{alone}listener {plain}\n");
    let broker = Broker::run(&both, plain).unwrap_or_else(|log| panic!("it does not start: {log}"));
    let elsewhere = std::net::TcpStream::connect(("127.0.0.2", web));
    assert!(
        elsewhere.is_ok(),
        "it listens on 127.0.0.1 alone\n{}",
        broker.log()
    );
    assert!(found(&both).contains(&"websocket-host"));
}
