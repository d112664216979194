//! A bridge: `connection` and the directives behind it.

use serde::{Deserialize, Serialize};

use crate::TopicRule;
use crate::setting::{
    Address, BridgeProtocol, Name, Ranged, ReloadType, RestartTimeout, Secret, StartType, TcpKeepalive, Text,
    directives,
};

/// One bridge.
///
/// ```
/// use mqttkube_mosquitto::{Connection, Version, Config};
///
/// let mut bridge = Connection::new(
///     "cloud".parse()?,
///     vec!["cloud.example.org:8883".parse()?],
///     vec!["topic events/# out 1 local/ site/7/".parse()?],
/// );
/// bridge.options.cafile = Some("/etc/ssl/ca.pem".parse()?);
/// let config = Config { connections: vec![bridge], ..Config::default() };
/// assert_eq!(
///     config.write(Version::V2_0)?,
///     "connection cloud\naddress cloud.example.org:8883\nbridge_cafile /etc/ssl/ca.pem\n\
///      topic events/# out 1 local/ site/7/\n",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Unique in the file; part of the default client ids.
    pub name: Name,
    /// Where it connects to, in order; at least one.
    pub addresses: Vec<Address>,
    /// What it carries, in the order that decides names; at least one.
    pub rules: Vec<TopicRule>,
    /// Everything else.
    #[serde(default)]
    pub options: BridgeOptions,
}

directives! {
    /// The optional directives of a bridge.
    pub struct BridgeOptions {
        /// Takes the addresses in turn; otherwise the first is primary and tried every 5 s while on another.
        "round_robin" => round_robin: Option<bool>,
        /// Client id at the remote broker. Default: host name, dot, name of the connection.
        "remote_clientid" | "clientid" => remote_clientid: Option<Text>,
        /// User name at the remote broker.
        "remote_username" | "username" => remote_username: Option<Text>,
        /// Password at the remote broker; without a user name it is not sent.
        "remote_password" | "password" => remote_password: Option<Secret>,
        /// Client id at our own broker, unique among its bridges. Default: `local.` and the remote client id.
        "local_clientid" => local_clientid: Option<Text>,
        /// Who the bridge is for the ACLs of our own broker.
        "local_username" => local_username: Option<Text>,
        /// Its password.
        "local_password" => local_password: Option<Secret>,
        /// Throws the session at the remote broker away when the connection ends. Default false.
        "cleansession" => cleansession: Option<bool>,
        /// The same for the session at our own broker, where the queue is. Default: as `cleansession`.
        "local_cleansession" => local_cleansession: Option<bool>,
        /// Seconds that an MQTT 5 remote broker keeps the session. Default 0. Mosquitto 2.1. The manual's
        /// 4294967295 is refused by its own parser.
        "bridge_session_expiry_interval" => session_expiry_interval: Option<Ranged<0, 2_147_483_647>>,
        /// Default MQTT 3.1.1.
        "bridge_protocol_version" => protocol_version: Option<BridgeProtocol>,
        /// Seconds, default 60; below 5 counts as 5.
        "keepalive_interval" => keepalive_interval: Option<Ranged<0, 65_535>>,
        /// Default automatic.
        "start_type" => start_type: Option<StartType>,
        /// Seconds of silence after which a lazy bridge disconnects, default 60; below 1 counts as 1.
        "idle_timeout" => idle_timeout: Option<Ranged<-2_147_483_648, 2_147_483_647>>,
        /// Waiting messages that wake a lazy bridge, default 10; below 1 counts as 1.
        "threshold" => threshold: Option<Ranged<-2_147_483_648, 2_147_483_647>>,
        /// Default: random between 5 and 30 s.
        "restart_timeout" => restart_timeout: Option<RestartTimeout>,
        /// Publishes 1 and 0, retained, when the bridge connects and disconnects. Default true.
        "notifications" => notifications: Option<bool>,
        /// Only at our own broker. Default false.
        "notifications_local_only" => notifications_local_only: Option<bool>,
        /// Default `$SYS/broker/connection/<remote client id>/state`.
        "notification_topic" => notification_topic: Option<Text>,
        /// Tells the remote broker that this is a bridge, by a bit of the protocol version that is not in the
        /// standard. Default true.
        "try_private" => try_private: Option<bool>,
        /// Sends UNSUBSCRIBE for every `out` rule when it connects. Default true.
        "bridge_attempt_unsubscribe" => attempt_unsubscribe: Option<bool>,
        /// Keeps the retain flag of what goes out. Default true.
        "bridge_outgoing_retain" => outgoing_retain: Option<bool>,
        /// Bytes; 0, the default, is no limit.
        "bridge_max_packet_size" => max_packet_size: Option<Ranged<0, 2_147_483_647>>,
        /// Default 10. Mosquitto 2.1.
        "bridge_max_topic_alias" => max_topic_alias: Option<Ranged<0, 65_535>>,
        /// Default: `max_inflight_messages`. Mosquitto 2.1.
        "bridge_receive_maximum" => receive_maximum: Option<Ranged<1, 65_535>>,
        /// The address to connect from.
        "bridge_bind_address" => bind_address: Option<Text>,
        /// Off by default. Mosquitto 2.1.
        "bridge_tcp_keepalive" => tcp_keepalive: Option<TcpKeepalive>,
        /// Milliseconds. Mosquitto 2.1 on Linux.
        "bridge_tcp_user_timeout" => tcp_user_timeout: Option<Ranged<0, 2_147_483_647>>,
        /// Certificates that are trusted; switches TLS on.
        "bridge_cafile" => cafile: Option<Text>,
        /// A folder of them; switches TLS on.
        "bridge_capath" => capath: Option<Text>,
        /// Trusts the certificates of the system; switches TLS on. Mosquitto 2.1.
        "bridge_tls_use_os_certs" => tls_use_os_certs: Option<bool>,
        /// Our certificate; not together with a pre-shared key.
        "bridge_certfile" => certfile: Option<Text>,
        /// Its private key.
        "bridge_keyfile" => keyfile: Option<Text>,
        /// Name of the pre-shared key.
        "bridge_identity" => identity: Option<Text>,
        /// The pre-shared key as hexadecimal digits, without `0x`.
        "bridge_psk" => psk: Option<Secret>,
        /// Does not compare the host with the name in the certificate. Default false.
        "bridge_insecure" => insecure: Option<bool>,
        /// Wants a stapled proof that the certificate is not revoked. Default false.
        "bridge_require_ocsp" => require_ocsp: Option<bool>,
        /// `tlsv1.2` (default) or `tlsv1.3`.
        "bridge_tls_version" => tls_version: Option<Text>,
        /// Protocol names for ALPN.
        "bridge_alpn" => alpn: Option<Text>,
        /// Cipher suites up to TLS 1.2. Mosquitto 2.1.
        "bridge_ciphers" => ciphers: Option<Text>,
        /// Cipher suites of TLS 1.3. Mosquitto 2.1.
        "bridge_ciphers_tls1.3" => ciphers_tls13: Option<Text>,
        /// What SIGHUP does to it. Mosquitto 2.1.
        "bridge_reload_type" => reload_type: Option<ReloadType>,
    }
}

impl Connection {
    /// A bridge with nothing but defaults.
    pub fn new(name: Name, addresses: Vec<Address>, rules: Vec<TopicRule>) -> Self {
        Self {
            name,
            addresses,
            rules,
            options: BridgeOptions::default(),
        }
    }

    /// The client id at the remote broker, given the host name of the machine.
    pub fn remote_clientid(&self, hostname: &str) -> String {
        match &self.options.remote_clientid {
            Some(id) => id.to_string(),
            None => format!("{hostname}.{}", self.name),
        }
    }

    /// The client id at our own broker, given the host name of the machine.
    pub fn local_clientid(&self, hostname: &str) -> String {
        match &self.options.local_clientid {
            Some(id) => id.to_string(),
            None => format!("local.{}", self.remote_clientid(hostname)),
        }
    }
}

impl BridgeOptions {
    /// Whether the connection is encrypted.
    pub fn uses_tls(&self) -> bool {
        self.cafile.is_some()
            || self.capath.is_some()
            || self.tls_use_os_certs == Some(true)
            || self.psk.is_some()
    }
}
