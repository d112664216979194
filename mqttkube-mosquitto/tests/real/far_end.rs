//! A bridge between two real brokers: what the far end sends back or refuses, and what the lint says of it (spec 2.5).

use std::thread;
use std::time::{Duration, Instant};

use mqttkube_mosquitto::analysis::FindingCode;
use mqttkube_mosquitto::setting::{Address, BridgeProtocol, Name};
use mqttkube_mosquitto::{BridgeOptions, Code, Config, Connection, Listener, Severity, Version, lint};

use crate::broker::{Broker, free_port, mosquitto_is_there};
use crate::client::Client;
use crate::remap::watch;

/// A broker with the limits that it has by default.
fn broker(connections: Vec<Connection>) -> Broker {
    started(Config {
        connections,
        ..Config::default()
    })
}

fn started(mut config: Config) -> Broker {
    config.security.allow_anonymous = Some(true);
    config.listeners.extend(Listener::tcp(free_port()));
    Broker::start(config)
}

/// How bad the lint finds it that one message goes out and comes back in, and how many copies the publisher's own
/// broker has of it.
fn copies(options: BridgeOptions) -> (Option<Severity>, usize) {
    let remote = broker(Vec::new());
    let address: Address = format!("127.0.0.1:{}", remote.port).parse().expect("an address");
    let rules = vec!["# both 1".parse().expect("a rule")];
    let mut bridge = Connection::new(Name::new("bridge").expect("a name"), vec![address], rules);
    bridge.options = options;
    bridge.options.notifications = Some(false);
    let text = Config {
        connections: vec![bridge.clone()],
        ..Config::default()
    };
    let text = text.write(Version::V2_0).expect("2.0 has all of this");
    let found = lint(&text, Version::V2_0);
    let echo = found
        .iter()
        .find(|lint| lint.code == Code::Rule(FindingCode::Echo));

    let local = broker(vec![bridge]);
    let (mut far, mut near) = (watch(&remote), watch(&local));
    let mut publisher = Client::connect(remote.port, "far", None).expect("anonymous clients may come in");
    let up = (0..100).any(|_| {
        publisher.publish("up", "up");
        near.receives("up", Duration::from_millis(200))
    });
    assert!(up, "the bridge does not come up: {}", local.log());
    let mut home = Client::connect(local.port, "near", None).expect("anonymous clients may come in");
    home.publish("a", "out");
    far.receive_until("out");
    // The remote broker has sent back what it sends back, and sends this behind it.
    publisher.publish("last", "last");
    near.receive_until("last");
    let copies = near.received.iter().filter(|(_, payload)| payload == "out");
    (echo.map(|lint| lint.severity), copies.count())
}

#[test]
fn a_message_comes_back_where_the_lint_warns_and_not_to_a_bridge_that_announces_itself() {
    let name = "a_message_comes_back_where_the_lint_warns_and_not_to_a_bridge_that_announces_itself";
    if !mosquitto_is_there(name) {
        return;
    }
    let silent = BridgeOptions {
        try_private: Some(false),
        ..BridgeOptions::default()
    };
    let five = BridgeOptions {
        protocol_version: Some(BridgeProtocol::V50),
        ..silent.clone()
    };
    assert_eq!(copies(silent), (Some(Severity::Warning), 2));
    assert_eq!(copies(BridgeOptions::default()), (Some(Severity::Note), 1));
    assert_eq!(copies(five), (None, 1));
}

#[test]
fn a_bridge_that_allows_messages_without_number_is_refused_over_mqtt_5() {
    if !mosquitto_is_there("a_bridge_that_allows_messages_without_number_is_refused_over_mqtt_5") {
        return;
    }
    let remote = broker(Vec::new());
    let text = format!(
        "max_inflight_messages 0\nconnection c\naddress 127.0.0.1:{}\ntopic a out 1\n\
         bridge_protocol_version mqttv50\n",
        remote.port
    );
    let found = lint(&text, Version::V2_0);
    assert!(found.iter().any(|lint| lint.code == Code::BridgeV5Unlimited));
    let local = started(Config::read(&text).config);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !remote.log().contains("disconnected due to protocol error") {
        assert!(Instant::now() < deadline, "{}\n{}", remote.log(), local.log());
        thread::park_timeout(Duration::from_millis(20));
    }
}
