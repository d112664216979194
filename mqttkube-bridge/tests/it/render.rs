//! What a bridge of Mosquitto does instead of the relay, where it cannot do the same, and texts that are no configuration.

use mqttkube_bridge::spec::{self, Bridge, RenderError};
use mqttkube_mosquitto::{Code, Config, Version, Way};
use proptest::prelude::*;

/// A bridge with these keys in the section `local`, and these in `cloud`.
fn bridge(local: &str, cloud: &str) -> Bridge {
    let text = format!(
        "local: {{host: 127.0.0.1, {local}}}\n\
         cloud: {{profile: plain, host: cloud.example, {cloud}}}\n\
         rules: [\"# out 1 a/ b/\"]\n"
    );
    spec::parse(&text, "bridge.yaml", "/etc/bridge", |_| ()).expect("nothing is wrong")
}

/// What stands in both versions of the file, and what is said beside it.
#[track_caller]
fn check(bridge: &Bridge, lines: &[&str], notes: &[&str]) {
    for version in [Version::V2_0, Version::V2_1] {
        let text = bridge.mosquitto_conf(version).expect("Mosquitto can do it");
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line}:\n{text}");
        }
    }
    let found = bridge.not_in_mosquitto();
    assert_eq!(found.len(), notes.len(), "{found:?}");
    for (found, note) in found.iter().zip(notes) {
        assert!(found.contains(note), "{found}");
    }
}

#[test]
fn a_local_broker_with_tls_has_no_plain_listener() {
    let local = bridge("tls: {cafile: ca.pem, min-version: 1.3}", "");
    let lines = [
        "listener 8883 127.0.0.1",
        "certfile /mosquitto/config/tls.crt",
        "keyfile /mosquitto/config/tls.key",
        "tls_version tlsv1.3",
    ];
    check(
        &local,
        &lines,
        &["needs a certificate in /mosquitto/config/tls.crt"],
    );
    let mutual = bridge("tls: {certfile: c.pem, keyfile: k.pem}", "");
    let lines = ["cafile /mosquitto/config/ca.crt", "require_certificate true"];
    check(&mutual, &lines, &["needs a certificate", "asks for certificates"]);
}

#[test]
fn a_local_broker_on_websocket_listens_there_where_mosquitto_can() {
    let local = bridge("port: 9001, transport: websocket", "");
    let text = local.mosquitto_conf(Version::V2_1).expect("Mosquitto can do it");
    assert!(
        text.contains("listener 9001 127.0.0.1\nprotocol websockets\n"),
        "{text}"
    );
    let error = local.mosquitto_conf(Version::V2_0).unwrap_err().to_string();
    assert!(
        error.contains("2.0 needs a listener that does not speak WebSocket"),
        "{error}"
    );
}

#[test]
fn the_address_to_connect_from_is_kept_and_what_cannot_be_is_named() {
    check(
        &bridge("", "bind_address: 10.0.0.5"),
        &["bridge_bind_address 10.0.0.5"],
        &[],
    );
    let more = "bind_address: 10.0.0.5, bind_port: 4000, tls: {server-name: other.example, alpn: [mqtt, x]}";
    let notes = ["`server-name: other.example`", "\"mqtt\"", "`bind_port: 4000`"];
    check(
        &bridge("", more),
        &["bridge_bind_address 10.0.0.5", "bridge_alpn mqtt"],
        &notes,
    );
}

#[test]
fn a_bridge_over_websocket_cannot_be_rendered() {
    let error = bridge("", "transport: websocket")
        .mosquitto(Version::V2_0)
        .unwrap_err();
    assert_eq!(error, RenderError::WebSocket);
    assert_eq!(
        error.to_string(),
        "a bridge of Mosquitto cannot connect over WebSocket: use `transport: tcp`, or the relay"
    );
}

/// manifests.md 5e-0: 2.1 has a small default, which its own lint warns of.
#[test]
fn packets_are_as_large_with_2_1_as_with_2_0() {
    let text = bridge("", "")
        .mosquitto_conf(Version::V2_1)
        .expect("Mosquitto can do it");
    assert!(text.contains("\nmax_packet_size 268435455\n"), "{text}");
    let lints = Config::read(&text).config.lint(Version::V2_1);
    assert!(
        lints.iter().all(|lint| lint.code != Code::PacketSizeDefault),
        "{lints:?}"
    );
}

/// Files that are good, to be spoilt.
const FILES: [&str; 3] = [
    include_str!("../configs/clearblade.yaml"),
    include_str!("../configs/aws-iot-core.yaml"),
    include_str!("../configs/azure-iot-hub.yaml"),
];

/// Pieces that mean something somewhere.
const PIECES: &str = "(cloud|local|rules|relay|store|gateway|sidecar|credential|type|jwt|lifetime|tls|port|topic|both|[0-9]{1,20}|-1|1e309|[%smhiMGB]|\\$\\{env:A\\}|\\$\\{|&a|\\*a|<<|[:{},\\[\\]\"'#|>!?@+/ \\n\\t-]|\\PC){0,12}";

/// A file with up to three places where something else stands.
fn spoilt() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..12_usize, PIECES);
    let changes = proptest::collection::vec(change, 1..4);
    (0..FILES.len(), changes).prop_map(|(file, changes)| {
        let mut text: Vec<char> = FILES[file].chars().collect();
        for (at, gone, piece) in changes {
            let from = at.index(text.len() + 1);
            let to = (from + gone).min(text.len());
            text.splice(from..to, piece.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in prop_oneof![PIECES.prop_map(|text| text), spoilt()]) {
        match spec::parse(&text, "spoilt.yaml", "/etc/bridge", |_| ()) {
            Err(errors) => prop_assert!(errors.to_string().starts_with("spoilt.yaml:"), "{errors}"),
            // What can be read can be used.
            Ok(bridge) => {
                for version in [Version::V2_0, Version::V2_1] {
                    if let Ok(config) = bridge.mosquitto(version) {
                        config.lint(version);
                    }
                }
                let _ = bridge.not_in_mosquitto();
                let _ = bridge.routes();
                for way in [Way::Out, Way::In] {
                    let _ = bridge.explain("gcp/events/door", way).to_string();
                }
            }
        }
    }
}
