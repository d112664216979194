//! What each service is shown in CONNECT, and what people see of it.

use std::io;
use std::sync::Arc;

use mqttkube_bridge::credential::{CLOCK_FLOOR, UnixTime};
use mqttkube_bridge::spec::{self, Bridge, RenderError, Secrets};
use mqttkube_mapping::yaml::SecretLookup;
use mqttkube_mosquitto::{Code, Version};
use mqttkube_mqtt::{Login, Renew as _, Transport};

const NOW: UnixTime = UnixTime(CLOCK_FLOOR.0 + 60);

/// Every file holds this text.
struct Everywhere(&'static str);

impl SecretLookup for Everywhere {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &str) -> io::Result<String> {
        Ok(self.0.to_owned())
    }
}

fn secrets(text: &'static str) -> Secrets {
    Arc::new(Everywhere(text))
}

fn bridge(cloud: &str) -> Bridge {
    let topic = if cloud.contains("azure-iot-hub") {
        "devices/d/messages/events/"
    } else {
        "v1/devices/me/telemetry"
    };
    let text = format!("cloud: {{{cloud}}}\nrules: [\"{topic} out 1\"]\n");
    spec::parse(&text, "bridge.yaml", "", |_| ()).expect("it is right")
}

#[track_caller]
fn check(cloud: &str, file: &'static str, expected: &Login) {
    let rollover = bridge(cloud).rollover(&secrets(file));
    let waker = std::task::Waker::noop();
    let mut login = rollover.login();
    let std::task::Poll::Ready(found) = login.as_mut().poll(&mut std::task::Context::from_waker(waker))
    else {
        panic!("nothing is waited for");
    };
    let found = found.expect("there is one");
    assert!(found == *expected, "{found:?}");
    assert!(
        !format!("{found:?}{rollover:?}").contains(file.trim()),
        "{found:?}"
    );
}

const THINGS: &str = "profile: thingsboard, host: h, client-id: c, credential: {type: token-file, path: t}";
const GRID: &str = "profile: azure-event-grid, namespace: n, region: r, client: c, ";

#[track_caller]
fn check_way(cloud: &str, port: u16, alpn: &[&str], path: Option<&str>) {
    let bridge = bridge(cloud);
    let mqtt = &bridge.cloud.mqtt;
    let found = match &mqtt.transport {
        Transport::WebSocket { path } => Some(path.as_str()),
        Transport::Tcp => None,
    };
    assert_eq!((mqtt.port, found), (Some(port), path), "{cloud}");
    assert_eq!(
        mqtt.tls.as_ref().map(|tls| tls.alpn.as_slice()),
        Some(&alpn.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..]),
        "{cloud}"
    );
    // What Mosquitto can do is free of findings about the way.
    match bridge.mosquitto(Version::V2_0) {
        Ok(config) => assert!(
            config
                .lint(Version::V2_0)
                .iter()
                .all(|lint| lint.code != Code::BridgeAlpn),
            "{cloud}"
        ),
        Err(error) => assert_eq!((error, path.is_some()), (RenderError::WebSocket, true), "{cloud}"),
    }
}

/// bridge.md sections 2.1 and 3.
#[test]
fn on_port_443_each_service_is_spoken_to_as_it_expects() {
    let files = "credential: {type: mtls, certfile: c.pem, keyfile: k.pem}";
    let aws = format!("profile: aws-iot-core, endpoint: a.iot.eu-west-1.amazonaws.com, client: c, {files}");
    check_way(&aws, 8883, &[], None);
    check_way(&format!("{aws}, port: 443"), 443, &["x-amzn-mqtt-ca"], None);
    let custom = "profile: aws-iot-core, endpoint: a.iot.eu-west-1.amazonaws.com, client: c, authorizer: mine, \
                  credential: {token: \"${file:t}\"}, port: 443";
    check_way(custom, 443, &["mqtt"], None);
    let hub = format!("profile: azure-iot-hub, hub: h, device: d, {files}");
    check_way(&hub, 8883, &[], None);
    let path = Some("/$iothub/websocket");
    check_way(&format!("{hub}, port: 443"), 443, &[], path);
    check_way(&format!("{hub}, transport: websocket"), 443, &[], path);
    check_way(&format!("{hub}, transport: tcp, port: 443"), 443, &[], None);
    let grid = format!("{GRID}{files}");
    check_way(&format!("{grid}, port: 443"), 443, &[], Some("/mqtt"));
    check_way(
        &format!("{grid}, transport: websocket, port: 8443"),
        8443,
        &[],
        Some("/mqtt"),
    );
}

#[test]
fn a_keepalive_within_the_range_of_the_service_is_taken() {
    let hub = "profile: azure-iot-hub, hub: h, device: v1, credential: {key: \"${file:k}\"}, keepalive: 1177";
    let text = format!("cloud: {{{hub}}}\nrules: [\"devices/v1/messages/events/ out 1\"]\n");
    let bridge = spec::parse(&text, "bridge.yaml", "", |_| ()).expect("it is right");
    assert_eq!(bridge.cloud.mqtt.keepalive.get().as_secs(), 1_177);
    let text = bridge.mosquitto_conf(Version::V2_0).expect("Mosquitto can do it");
    assert!(text.contains("keepalive_interval 1177\n"), "{text}");
}

/// bridge.md section 3.
#[test]
fn the_secret_stands_where_the_service_looks_for_it() {
    check(THINGS, "A1_TEST_TOKEN\n", &Login::new("A1_TEST_TOKEN", ""));
    let method = |method: &str| Login {
        authentication: Some((method.to_owned(), "opaque".into())),
        ..Login::new("c", "")
    };
    let grid = |more: &str| format!("{GRID}credential: {{type: token-file, path: t, lifetime: 1h{more}}}");
    check(&grid(""), "opaque", &method("OAUTH2-JWT"));
    check(&grid(", method: CUSTOM-JWT"), "opaque", &method("CUSTOM-JWT"));
    let basic = "profile: thingsboard, host: h, credential: {username: u, password: \"${file:p}\"}";
    check(basic, "hunter2", &Login::new("u", "hunter2"));
}

#[test]
fn an_access_token_lasts_until_it_is_replaced_and_is_not_shown() {
    let (bridge, secrets) = (bridge(THINGS), secrets("A1_TEST_TOKEN"));
    let mut source = bridge.source(&secrets);
    let credential = source.issue(NOW).expect("it is there");
    assert_eq!(credential.expires, None);
    assert!(!source.replaced(&credential));
    let preview = bridge.preview(&secrets, NOW).expect("it is there");
    assert_eq!((preview.username.as_deref(), preview.kind), (None, "token-file"));
    let text = bridge.mosquitto_conf(Version::V2_0).expect("Mosquitto can do it");
    assert!(text.contains("remote_username GOOGLE_CLOUD_JWT\n"), "{text}");
    assert!(!text.contains("remote_password"), "{text}");
}

#[test]
fn a_token_of_ones_own_for_event_grid_names_its_issuer_and_the_client() {
    let key = include_str!("../keys/rfc7515-a2.pem");
    let bridge = bridge(&format!(
        "{GRID}credential: {{type: jwt, key: k.pem, issuer: plant, lifetime: 1m}}"
    ));
    let preview = bridge.preview(&secrets(key), NOW).expect("the vector is a key");
    let claims = format!(
        r#"{{"aud":"https://eventgrid.azure.net/","exp":{},"iat":{NOW},"iss":"plant","nbf":{NOW},"sub":"c"}}"#,
        NOW.0 + 60,
        NOW = NOW.0
    );
    assert_eq!(preview.claims.map(|found| found.to_string()), Some(claims));
    assert_eq!(
        (preview.username.as_deref(), preview.method),
        (Some("c"), Some("CUSTOM-JWT"))
    );
    assert_eq!(
        bridge.mosquitto_conf(Version::V2_1),
        Err(RenderError::Method { method: "CUSTOM-JWT" })
    );
}
