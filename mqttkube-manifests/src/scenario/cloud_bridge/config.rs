//! The configuration file of cloud-bridge and jwt-refresher.

use std::fmt::Write as _;

use super::{CloudBridge, Form};

/// Text in quotes: a string of JSON is one of YAML.
fn quoted(text: &dyn std::fmt::Display) -> String {
    serde_json::Value::String(text.to_string()).to_string()
}

pub(super) fn text(bridge: &CloudBridge) -> String {
    let mut out = String::new();
    let device = &bridge.device;
    if let Form::Relay(relay) = &bridge.form {
        let _ = writeln!(
            out,
            "local:\n  host: {}\n  port: {}\n  client-id: {}",
            quoted(&relay.broker),
            relay.port,
            quoted(&bridge.name)
        );
        if let Some((user, _)) = &relay.login {
            let _ = writeln!(
                out,
                "  auth:\n    type: basic\n    username: {}\n    password: \"${{file:/secrets/password}}\"",
                quoted(&user)
            );
        }
    }
    let _ = writeln!(
        out,
        "cloud:\n  profile: clearblade\n  project: {}\n  region: {}\n  registry: {}\n  device: {}",
        quoted(&device.project),
        quoted(&device.region),
        quoted(&device.registry),
        quoted(&device.id)
    );
    out.push_str("  credential:\n    type: jwt\n    key: /key/private.pem\n    lifetime: 1h\nrules:\n");
    for rule in &bridge.rules {
        let _ = writeln!(out, "  - {}", quoted(&format!("topic {rule}")));
    }
    match &bridge.form {
        Form::Sidecar(_) => out.push_str(
            "sidecar:\n  template: /config/mosquitto.conf\n  output: /mosquitto/config/mosquitto.conf\n  \
             reload: sigterm\n  process: mosquitto\n",
        ),
        Form::Relay(relay) if relay.outbox.is_some() => {
            out.push_str("relay:\n  mode: store\n  store:\n    path: /outbox/store\n");
        }
        Form::Relay(_) => out.push_str("relay:\n  mode: relay\n"),
    }
    out.push_str("http:\n  port: 8080\n");
    out
}
