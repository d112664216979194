//! The whole of a mosquitto.conf.

use serde::{Deserialize, Serialize};

use crate::lint::{self, Lint};
use crate::read::{self, Document};
use crate::setting::{Expiry, LogDestination, LogType, Ranged, Text, directives};
use crate::write::{self, WriteError};
use crate::{Connection, DefaultListener, Listener, Security, Version};

/// A mosquitto.conf as types. What is `None` or empty is not written, and Mosquitto's default holds.
///
/// ```
/// use mqttkube_mosquitto::{Config, Listener, Version};
///
/// let mut config = Config::default();
/// config.global.persistence = Some(true);
/// config.global.persistence_location = Some("/mosquitto/data/".parse()?);
/// config.security.password_file = Some("/mosquitto/config/passwd".parse()?);
/// config.listeners.extend(Listener::tcp(1883));
///
/// let text = config.write(Version::V2_0)?;
/// assert_eq!(
///     text,
///     "persistence true\npersistence_location /mosquitto/data/\n\
///      password_file /mosquitto/config/passwd\nlistener 1883\n",
/// );
/// assert_eq!(Config::read(&text).config, config);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What holds for the whole broker.
    pub global: Global,
    /// Who may come in, for all listeners; with `per_listener_settings true` each has its own.
    pub security: Security,
    /// Listener directives before the first `listener`.
    pub default_listener: DefaultListener,
    /// In the order of the file.
    pub listeners: Vec<Listener>,
    /// Bridges.
    pub connections: Vec<Connection>,
    /// `include_dir`: folders whose `*.conf` files are read as well.
    pub include_dirs: Vec<Text>,
}

directives! {
    /// Directives for the whole broker.
    pub struct Global {
        /// Listeners have their own authentication. Must stand before what it is about.
        "per_listener_settings" => per_listener_settings: Option<bool>,
        /// Whether sessions, queues and retained messages are written to disk. Default false.
        "persistence" => persistence: Option<bool>,
        /// The folder of the database; the working directory when absent.
        "persistence_location" => persistence_location: Option<Text>,
        /// Its name, default `mosquitto.db`.
        "persistence_file" => persistence_file: Option<Text>,
        /// Seconds (default 1800), or changes, between two writes of the database; 0 is only at the end.
        "autosave_interval" => autosave_interval: Option<Ranged<0, 2_147_483_647>>,
        /// The interval counts changes. Default false.
        "autosave_on_changes" => autosave_on_changes: Option<bool>,
        /// When absent clients are forgotten with their queues. Default never.
        "persistent_client_expiration" => persistent_client_expiration: Option<Expiry>,
        /// Messages that wait for one client (default 1000, 0 is no limit, in 2.0 only from 2.0.22); more are dropped without a word.
        "max_queued_messages" => max_queued_messages: Option<Ranged<0, 2_147_483_647>>,
        /// The same in bytes, default 0, no limit.
        "max_queued_bytes" => max_queued_bytes: Option<Ranged<0, 2_147_483_647>>,
        /// Unacknowledged messages under way to one client, default 20, 0 is no limit.
        "max_inflight_messages" => max_inflight_messages: Option<Ranged<0, 65_535>>,
        /// The same in bytes, default 0, no limit.
        "max_inflight_bytes" => max_inflight_bytes: Option<Ranged<0, 2_147_483_647>>,
        /// Messages of QoS 0 wait for absent clients too. Default false.
        "queue_qos0_messages" => queue_qos0_messages: Option<bool>,
        /// Sends with the QoS of the subscription even when it was published with a lower one. Default false.
        "upgrade_outgoing_qos" => upgrade_outgoing_qos: Option<bool>,
        /// One copy per overlapping subscription. Default false in 2.0, true in 2.1. Deprecated.
        "allow_duplicate_messages" => allow_duplicate_messages: Option<bool>,
        /// Bytes of a packet; 2,000,000 in 2.1 when absent.
        "max_packet_size" => max_packet_size: Option<Ranged<20, 2_147_483_647>>,
        /// Bytes of a payload. Older than `max_packet_size`.
        "message_size_limit" => message_size_limit: Option<Ranged<0, 268_435_455>>,
        /// Seconds.
        "max_keepalive" => max_keepalive: Option<Ranged<10, 65_535>>,
        /// Bytes of memory.
        "memory_limit" => memory_limit: Option<Ranged<0, 9_223_372_036_854_775_807>>,
        /// Default true.
        "retain_available" => retain_available: Option<bool>,
        /// Minutes. Mosquitto 2.1, and the last of 2.0.
        "retain_expiry_interval" => retain_expiry_interval: Option<Ranged<1, 10_000_000>>,
        /// Clients that are known or connected, over all listeners. Mosquitto 2.1.
        "global_max_clients" => global_max_clients: Option<Ranged<-1, 2_147_483_647>>,
        /// Connections over all listeners. Mosquitto 2.1.
        "global_max_connections" => global_max_connections: Option<Ranged<-1, 2_147_483_647>>,
        /// The `$CONTROL` interface of the broker itself. Mosquitto 2.1.
        "enable_control_api" => enable_control_api: Option<bool>,
        /// Seconds between two writes of `$SYS`, default 10.
        "sys_interval" => sys_interval: Option<Ranged<0, 65_535>>,
        /// Sends small packets at once. Default false.
        "set_tcp_nodelay" => set_tcp_nodelay: Option<bool>,
        /// Client ids must begin with it. Deprecated.
        "clientid_prefixes" => clientid_prefixes: Option<Text>,
        /// The account that a broker started by root runs as.
        "user" => user: Option<Text>,
        /// Where the process id is written.
        "pid_file" => pid_file: Option<Text>,
        /// Where log lines go. May be repeated.
        "log_dest" => log_dest: Vec<LogDestination>,
        /// Which lines. May be repeated.
        "log_type" => log_type: Vec<LogType>,
        /// `LOG_LOCAL0` to `LOG_LOCAL7`.
        "log_facility" => log_facility: Option<Ranged<0, 7>>,
        /// Lines begin with a time. Default true.
        "log_timestamp" => log_timestamp: Option<bool>,
        /// A format of `strftime`.
        "log_timestamp_format" => log_timestamp_format: Option<Text>,
        /// Lines for clients that come and go. Default true.
        "connection_messages" => connection_messages: Option<bool>,
        /// Bits of the WebSocket library.
        "websockets_log_level" => websockets_log_level: Option<Ranged<0, 65_535>>,
        /// Bytes.
        "websockets_headers_size" => websockets_headers_size: Option<Ranged<0, 65_535>>,
        /// Bytes. Mosquitto 2.1.
        "packet_buffer_size" => packet_buffer_size: Option<Ranged<0, 65_535>>,
    }
}

impl Config {
    /// Reads a file that exists. Never fails: what cannot be understood is listed with its line in
    /// [`Document::problems`].
    pub fn read(text: &str) -> Document {
        read::document(text)
    }

    /// The text for one version. Equal configurations give equal text.
    ///
    /// # Errors
    /// Everything in the configuration that the version does not take.
    pub fn write(&self, version: Version) -> Result<String, WriteError> {
        write::config(self, version)
    }

    /// What is wrong or risky about the configuration, with the lines of the text that [`Config::write`] gives.
    pub fn lint(&self, version: Version) -> Vec<Lint> {
        lint::document(&read::document(&write::unchecked(self)), version)
    }

    /// Whether each listener has its own authentication.
    pub fn per_listener(&self) -> bool {
        self.global.per_listener_settings == Some(true)
    }
}
