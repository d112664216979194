//! The broker as a whole: what it keeps, how much it queues.

use mqttkube_mosquitto::Version::{V2_0, V2_1};

use super::Case;

pub(crate) const BROKER: &[Case] = &[
    (
        "persistence-off",
        V2_0,
        "persistence false\nconnection c\n",
        1,
        "persistence true\nconnection c\n",
    ),
    (
        "persistence-location",
        V2_0,
        "persistence true\n",
        1,
        "persistence true\npersistence_location /data/\n",
    ),
    (
        "autosave-window",
        V2_0,
        "persistence true\n",
        1,
        "persistence true\nautosave_interval 1\n",
    ),
    (
        "persistence-sqlite",
        V2_1,
        "persistence true\nglobal_plugin /usr/lib/mosquitto_persist_sqlite.so\n",
        1,
        "global_plugin /usr/lib/mosquitto_persist_sqlite.so\n",
    ),
    (
        "test-config-wipes",
        V2_1,
        "persistence true\n",
        1,
        "persistence false\n",
    ),
    (
        "queue-limit",
        V2_0,
        "max_queued_messages 5000\nconnection c\n",
        1,
        "max_queued_messages 100000\nconnection c\n",
    ),
    (
        "queue-limit",
        V2_1,
        "max_queued_messages 0\nmax_queued_bytes 1000\nconnection c\n",
        2,
        "max_queued_messages 0\nconnection c\n",
    ),
    (
        "queue-unlimited",
        V2_0,
        "max_queued_messages 0\n",
        1,
        "max_queued_messages 1000000\n",
    ),
    (
        "qos0-not-queued",
        V2_0,
        "queue_qos0_messages false\nBRIDGE\ntopic a out 0\n",
        1,
        "queue_qos0_messages false\nBRIDGE\ntopic a out 1\n",
    ),
    (
        "client-expiration",
        V2_0,
        "persistent_client_expiration 1d\n",
        1,
        "persistence true\n",
    ),
    (
        "upgrade-outgoing-qos",
        V2_0,
        "upgrade_outgoing_qos true\n",
        1,
        "upgrade_outgoing_qos false\n",
    ),
    (
        "packet-size-default",
        V2_1,
        "listener 1883\n",
        1,
        "listener 1883\nmax_packet_size 100000\n",
    ),
    (
        "duplicates-deprecated",
        V2_0,
        "allow_duplicate_messages true\n",
        1,
        "listener 1883\n",
    ),
    (
        "per-listener-bridges",
        V2_0,
        "per_listener_settings true\nconnection c\n",
        1,
        "per_listener_settings true\n",
    ),
    ("log-all", V2_0, "log_type all\n", 1, "log_type error\n"),
];
