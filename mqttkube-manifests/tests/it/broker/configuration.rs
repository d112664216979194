//! The text of the configuration, and the files beside it.

use k8s_openapi::api::core::v1::Secret;
use mqttkube_manifests::bundle::Bundle;
use serde_json::json;

use super::{HASH, bundle, newer, pod, with};
use crate::objects::find;

/// The text of a file in the ConfigMap.
fn file<'a>(bundle: &'a Bundle, key: &str) -> &'a str {
    let files = find(bundle, "ConfigMap", "mosquitto-config").at("/data");
    files[key].as_str().unwrap_or_else(|| panic!("there is no {key}"))
}

#[test]
fn a_configuration_of_2_1_says_for_each_listener_who_may_come_in() {
    let bundle = bundle(&newer());
    let expected = "persistence true\npersistence_location /mosquitto/data/\nautosave_interval 30\n\
        max_queued_messages 10000\nmax_inflight_messages 100\nmax_packet_size 2000000\nlog_dest stderr\nlog_type error\n\
        log_type warning\nlog_type notice\nlog_type information\nlog_timestamp_format %Y-%m-%dT%H:%M:%S%z\n\
        connection_messages true\npassword_file /mosquitto/auth/passwd\nacl_file /mosquitto/auth/acl\n\
        listener 1883\nenable_proxy_protocol 1\nlistener_allow_anonymous false\n\
        listener 8883\ncertfile /mosquitto/tls/mqtts/tls.crt\nkeyfile /mosquitto/tls/mqtts/tls.key\ntls_version tlsv1.3\n\
        listener_allow_anonymous false\n\
        listener 8080\nprotocol websockets\nmax_connections 10\nlistener_allow_anonymous true\n\
        listener 9883\nprotocol http_api\nlistener_allow_anonymous true\n";
    assert_eq!(file(&bundle, "mosquitto.conf"), expected);
    let secret: Secret = find(&bundle, "Secret", "mosquitto-auth")
        .to()
        .expect("it is a Secret");
    let data = secret.data.expect("it has data");
    assert_eq!(
        String::from_utf8_lossy(&data["passwd"].0),
        format!("panel:{HASH}\n")
    );
    assert_eq!(
        String::from_utf8_lossy(&data["acl"].0),
        "topic read /api/v1/version\ntopic read open/#\n"
    );
    let main = &pod(&bundle)["containers"][0];
    assert_eq!(
        main["env"],
        json!([{"name": "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "value": "1"}])
    );
}

#[test]
fn a_configuration_of_2_0_has_settings_for_each_listener_only_where_they_differ() {
    let text = |open: bool| {
        let listeners =
            json!([{"name": "mqtt", "port": 1883}, {"name": "open", "port": 1884, "anonymous": open}]);
        let users = json!({"users": [{"name": "panel", "hash": HASH}]});
        file(
            &bundle(&with(
                json!({"listeners": listeners, "auth": users, "expose": []}),
            )),
            "mosquitto.conf",
        )
        .to_owned()
    };
    let alike = "allow_anonymous false\npassword_file /mosquitto/auth/passwd\nlistener 1883\nlistener 1884\n";
    assert!(text(false).ends_with(alike), "{}", text(false));
    let differ = "listener 1883\nallow_anonymous false\npassword_file /mosquitto/auth/passwd\n\
        listener 1884\nallow_anonymous true\npassword_file /mosquitto/auth/passwd\n";
    assert!(text(true).ends_with(differ), "{}", text(true));
    assert!(
        text(true).starts_with("per_listener_settings true\n"),
        "{}",
        text(true)
    );
}

#[test]
fn letting_everybody_in_stands_in_the_configuration_with_its_reason() {
    let bundle = bundle(&with(json!({"auth": {"anonymous": {"reason": "a test\nbench"}}})));
    let text = file(&bundle, "mosquitto.conf");
    assert!(
        text.starts_with("# Everybody may come in: a test bench\n"),
        "{text}"
    );
    assert!(text.contains("\nallow_anonymous true\n"), "{text}");
}

#[test]
fn the_plugin_of_dynamic_security_writes_to_the_volume_and_is_seeded_once() {
    let bundle = bundle(&with(json!({"auth": {"dynamic-security": {"file": {}}}})));
    let text = file(&bundle, "mosquitto.conf");
    let plugin = "plugin /usr/lib/mosquitto_dynamic_security.so\nplugin_opt_config_file /mosquitto/data/dynamic-security.json\n";
    assert!(text.contains(plugin), "{text}");
    let script = file(&bundle, "prepare.sh");
    assert!(script.contains("if [ ! -e $seeded ]; then"), "{script}");
    let main = &pod(&bundle)["containers"][0]["volumeMounts"];
    let seen: Vec<&str> = main
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|mount| mount["name"].as_str())
        .collect();
    assert!(
        !seen.contains(&"seed"),
        "the broker does not see the seed: {seen:?}"
    );
}
