//! Listeners, and those that speak WebSocket.

use mqttkube_mosquitto::Version::{V2_0, V2_1};

use super::Case;

pub(crate) const LISTENERS: &[Case] = &[
    ("no-listener", V2_0, "persistence false\n", 1, "listener 1883\n"),
    ("default-listener", V2_0, "port 1883\n", 1, "listener 1883\n"),
    (
        "duplicate-listener",
        V2_0,
        "listener 1883\nlistener 1883\n",
        2,
        "listener 1883\nlistener 1884\n",
    ),
    (
        "anonymous-open",
        V2_0,
        "listener 1883\nallow_anonymous true\n",
        2,
        "listener 1883 127.0.0.1\nallow_anonymous true\n",
    ),
    (
        "nobody-can-connect",
        V2_0,
        "listener 1883\n",
        1,
        "listener 1883\npassword_file /p\n",
    ),
    (
        "anonymous-deprecated",
        V2_1,
        "listener 1883\nallow_anonymous true\n",
        2,
        "listener 1883\nlistener_allow_anonymous true\n",
    ),
    (
        "file-option-deprecated",
        V2_1,
        "listener 1883\npassword_file /p\n",
        2,
        "listener 1883\nplugin /p.so\n",
    ),
    (
        "auth-plugin-name",
        V2_0,
        "listener 1883\nauth_plugin /p.so\n",
        2,
        "listener 1883\nplugin /p.so\n",
    ),
    (
        "symlink-refused",
        V2_1,
        "listener 1883\npassword_file /p\n",
        2,
        "listener 1883\nplugin /p.so\n",
    ),
    (
        "symlink-written",
        V2_1,
        "persistence true\npersistence_location /data/\n",
        2,
        "persistence false\npersistence_location /data/\n",
    ),
    (
        "symlink-written",
        V2_1,
        "log_dest stderr\nlog_dest file /var/log/mosquitto.log\n",
        2,
        "log_dest stderr\n",
    ),
    (
        "symlink-written",
        V2_1,
        "listener 1883\nplugin /usr/lib/mosquitto_dynamic_security.so\nplugin_opt_config_file /d.json\n",
        3,
        "listener 1883\nplugin /usr/lib/other.so\nplugin_opt_config_file /d.json\n",
    ),
    (
        "symlink-written",
        V2_1,
        "per_listener_settings true\nlistener 1883\nplugin /mosquitto_dynamic_security.so\nplugin_opt_config_file /d\n",
        4,
        "per_listener_settings true\nlistener 1883\nplugin /mosquitto_dynamic_security.so\n",
    ),
    (
        "tls-pair",
        V2_0,
        "listener 8883\ncertfile /t.crt\n",
        2,
        "listener 8883\ncertfile /t.crt\nkeyfile /t.key\n",
    ),
    (
        "tls-and-psk",
        V2_0,
        "listener 8883\ncertfile /t.crt\nkeyfile /t.key\npsk_hint h\n",
        4,
        "listener 8883\npsk_hint h\n",
    ),
    (
        "client-certificate-ca",
        V2_0,
        "listener 8883\ncertfile /t.crt\nkeyfile /t.key\nrequire_certificate true\n",
        4,
        "listener 8883\ncertfile /t.crt\nkeyfile /t.key\ncafile /ca.crt\nrequire_certificate true\n",
    ),
    (
        "old-tls",
        V2_0,
        "listener 8883\ntls_version tlsv1.1\n",
        2,
        "listener 8883\ntls_version tlsv1.3\n",
    ),
    (
        "proxy-health-check",
        V2_1,
        "listener 1883\nenable_proxy_protocol 2\n",
        2,
        "listener 1883\nenable_proxy_protocol 1\n",
    ),
    (
        "proxy-tls",
        V2_1,
        "listener 1883\nenable_proxy_protocol 2\ncertfile /t.crt\nkeyfile /t.key\n",
        2,
        "listener 1883\nenable_proxy_protocol 1\ncertfile /t.crt\nkeyfile /t.key\n",
    ),
    (
        "http-api-auth",
        V2_1,
        "listener 9883\nprotocol http_api\n",
        2,
        "listener 9883\nprotocol http_api\nlistener_allow_anonymous true\n",
    ),
    (
        "mount-point",
        V2_0,
        "listener 1883\nmount_point a/#\n",
        2,
        "listener 1883\nmount_point a/\n",
    ),
];

pub(crate) const WEBSOCKETS: &[Case] = &[
    (
        "websocket-only",
        V2_0,
        "listener 9001\nprotocol websockets\n",
        2,
        "listener 9001\nprotocol websockets\nlistener 1883\n",
    ),
    (
        "websocket-host",
        V2_0,
        "listener 1883\nlistener 9001 127.0.0.1\nprotocol websockets\n",
        2,
        "listener 1883\nlistener 9001 lo\nprotocol websockets\n",
    ),
    (
        "websocket-host",
        V2_0,
        "listener 1883\nlistener 9001 10.0.0.1\nprotocol websockets\n",
        2,
        "listener 1883\nlistener 9001 0.0.0.0\nprotocol websockets\n",
    ),
];
