//! Listeners, and who may come in.

use serde::{Deserialize, Serialize};

use crate::setting::{KeyForm, Name, Protocol, Ranged, SocketDomain, Text, directives};

/// A TCP port.
pub type Port = Ranged<1, 65_535>;

/// One place where clients connect.
///
/// ```
/// use mqttkube_mosquitto::{Config, Listener, Version};
///
/// let mut listener = Listener::tcp(8883).expect("a port is not 0");
/// listener.options.certfile = Some("/tls/tls.crt".parse()?);
/// listener.options.keyfile = Some("/tls/tls.key".parse()?);
/// let config = Config { listeners: vec![listener], ..Config::default() };
/// assert_eq!(config.write(Version::V2_0)?, "listener 8883\ncertfile /tls/tls.crt\nkeyfile /tls/tls.key\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Where it listens.
    pub address: ListenerAddress,
    /// How.
    #[serde(default)]
    pub options: ListenerOptions,
    /// Who may come in. Only written with `per_listener_settings true`; otherwise one for all is in
    /// [`Config::security`](crate::Config::security).
    #[serde(default)]
    pub security: Security,
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ListenerAddress {
    /// A TCP port, on all addresses or on one.
    Tcp {
        /// The port.
        port: Port,
        /// An address or a name that resolves to one.
        #[serde(default)]
        host: Option<Name>,
    },
    /// A socket in the file system.
    Unix {
        /// Its path.
        path: Name,
    },
}

/// The listener of files that have no `listener` line: `port` and `bind_address`. Both are deprecated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DefaultListener {
    /// `port`, 1883 when only other options are there.
    pub port: Option<Port>,
    /// `bind_address`.
    pub bind_address: Option<Text>,
    /// Options that stand before the first `listener`.
    pub options: ListenerOptions,
    /// Who may come in, with `per_listener_settings true`.
    pub security: Security,
}

directives! {
    /// The optional directives of a listener.
    pub struct ListenerOptions {
        /// MQTT when absent.
        "protocol" => protocol: Option<Protocol>,
        /// Certificates that sign those of clients.
        "cafile" => cafile: Option<Text>,
        /// A folder of them.
        "capath" => capath: Option<Text>,
        /// The certificate of the broker; with `keyfile` it switches TLS on.
        "certfile" => certfile: Option<Text>,
        /// Its private key.
        "keyfile" => keyfile: Option<Text>,
        /// Certificates that are no longer good.
        "crlfile" => crlfile: Option<Text>,
        /// Cipher suites up to TLS 1.2.
        "ciphers" => ciphers: Option<Text>,
        /// Cipher suites of TLS 1.3.
        "ciphers_tls1.3" => ciphers_tls13: Option<Text>,
        /// Parameters for Diffie-Hellman.
        "dhparamfile" => dhparamfile: Option<Text>,
        /// The lowest version: `tlsv1.2` or `tlsv1.3`.
        "tls_version" => tls_version: Option<Text>,
        /// An OpenSSL engine.
        "tls_engine" => tls_engine: Option<Text>,
        /// SHA-1 of the password of the engine's key.
        "tls_engine_kpass_sha1" => tls_engine_kpass_sha1: Option<Text>,
        /// Where the private key comes from.
        "tls_keyform" => tls_keyform: Option<KeyForm>,
        /// Clients must show a certificate.
        "require_certificate" => require_certificate: Option<bool>,
        /// The common name of the certificate is the user name.
        "use_identity_as_username" => use_identity_as_username: Option<bool>,
        /// The whole subject of the certificate is the user name.
        "use_subject_as_username" => use_subject_as_username: Option<bool>,
        /// Mosquitto 2.1.
        "disable_client_cert_date_checks" => disable_client_cert_date_checks: Option<bool>,
        /// Switches TLS with pre-shared keys on.
        "psk_hint" => psk_hint: Option<Text>,
        /// The user name is the client id.
        "use_username_as_clientid" => use_username_as_clientid: Option<bool>,
        /// Negative is no limit.
        "max_connections" => max_connections: Option<Ranged<-1, 2_147_483_647>>,
        /// The highest QoS.
        "max_qos" | "maximum_qos" => max_qos: Option<Ranged<0, 2>>,
        /// Topic aliases that a client may use.
        "max_topic_alias" => max_topic_alias: Option<Ranged<0, 65_535>>,
        /// Topic aliases that the broker uses. Mosquitto 2.1.
        "max_topic_alias_broker" => max_topic_alias_broker: Option<Ranged<0, 65_535>>,
        /// Stands before every topic of this listener's clients.
        "mount_point" => mount_point: Option<Text>,
        /// A network interface.
        "bind_interface" => bind_interface: Option<Text>,
        /// IPv4 or IPv6 alone.
        "socket_domain" => socket_domain: Option<SocketDomain>,
        /// Files for browsers, on a WebSocket or `http_api` listener.
        "http_dir" => http_dir: Option<Text>,
        /// Who may open a WebSocket. May be repeated. Mosquitto 2.1.
        "websockets_origin" => websockets_origins: Vec<Text>,
        /// Which protocol levels are let in, as `3,4,5`. Mosquitto 2.1.
        "accept_protocol_versions" => accept_protocol_versions: Option<Text>,
        /// Version of the PROXY header that every connection begins with. Mosquitto 2.1.
        "enable_proxy_protocol" => enable_proxy_protocol: Option<Ranged<1, 2>>,
        /// Refuses connections that reached the proxy without TLS. Mosquitto 2.1.
        "proxy_protocol_v2_require_tls" => proxy_protocol_v2_require_tls: Option<bool>,
        /// Lets clients without a name in. Mosquitto 2.1.
        "listener_allow_anonymous" => listener_allow_anonymous: Option<bool>,
        /// Beginning of client ids that the broker makes. Mosquitto 2.1.
        "listener_auto_id_prefix" => listener_auto_id_prefix: Option<Text>,
        /// Plugins by the names of `plugin_load`. May be repeated. Mosquitto 2.1.
        "plugin_use" => plugin_use: Vec<Text>,
    }
}

directives! {
    /// Who may come in, and what they may do.
    pub struct Security {
        /// Clients without a user name. Default false, and true when there is no listener at all.
        "allow_anonymous" => allow_anonymous: Option<bool>,
        /// User names and hashes.
        "password_file" => password_file: Option<Text>,
        /// Rights of users.
        "acl_file" => acl_file: Option<Text>,
        /// Pre-shared keys.
        "psk_file" => psk_file: Option<Text>,
        /// Clients without an id. Default true.
        "allow_zero_length_clientid" => allow_zero_length_clientid: Option<bool>,
        /// Beginning of client ids that the broker makes.
        "auto_id_prefix" => auto_id_prefix: Option<Text>,
        /// Checks again who may read it when a retained message is sent. Default true.
        "check_retain_source" => check_retain_source: Option<bool>,
        @more {
            /// In the order in which they are asked.
            plugins: Vec<Plugin>,
        }
    }
}

/// A plugin and its options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// Which directive loads it.
    #[serde(default)]
    pub kind: PluginKind,
    /// The shared library.
    pub path: Text,
    /// What `plugin_opt_<name>` lines say, in order.
    #[serde(default)]
    pub options: Vec<(Name, Text)>,
    /// `auth_plugin_deny_special_chars`: refuses names with `+` and `#`. Default true.
    #[serde(default)]
    pub deny_special_chars: Option<bool>,
}

/// The directive that loads a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PluginKind {
    /// `plugin`.
    #[default]
    Plugin,
    /// `auth_plugin`, the older name.
    AuthPlugin,
    /// `global_plugin`: for all listeners even with `per_listener_settings true`. Mosquitto 2.1.
    Global,
    /// `plugin_load` under a name that `plugin_use` refers to. Mosquitto 2.1.
    Named(Name),
}

impl Listener {
    /// A listener on all addresses; `None` for port 0.
    pub fn tcp(port: u16) -> Option<Self> {
        Some(Self::new(ListenerAddress::Tcp {
            port: Port::new(port.into())?,
            host: None,
        }))
    }

    /// A listener with nothing but defaults.
    pub fn new(address: ListenerAddress) -> Self {
        Self {
            address,
            options: ListenerOptions::default(),
            security: Security::default(),
        }
    }

    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match &self.address {
            ListenerAddress::Unix { .. } => true,
            // Mosquitto 2.0 takes the host of a WebSocket listener for an interface, and an address for none at all.
            ListenerAddress::Tcp { host, .. } if self.options.protocol == Some(Protocol::WebSockets) => {
                host.as_ref().is_some_and(|host| host.as_str() == "lo")
            }
            ListenerAddress::Tcp { host, .. } => host.as_ref().is_some_and(|host| is_loopback(host.as_str())),
        }
    }
}

/// Whether a host is this machine alone.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

impl ListenerAddress {
    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp { port, .. } => u16::try_from(port.get()).ok(),
            Self::Unix { .. } => None,
        }
    }
}

impl Security {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ListenerOptions {
    /// Whether clients must use TLS.
    pub fn uses_tls(&self) -> bool {
        (self.certfile.is_some() && self.keyfile.is_some()) || self.psk_hint.is_some()
    }
}

impl DefaultListener {
    /// Whether any of its directives makes the broker listen beyond this machine. One that says what holds anyway does
    /// not: with nothing but `require_certificate false` Mosquitto still starts in local only mode.
    pub fn is_used(&self) -> bool {
        let mut said = self.clone();
        let options = &mut said.options;
        for flag in [
            &mut options.require_certificate,
            &mut options.use_identity_as_username,
            &mut options.use_subject_as_username,
            &mut options.use_username_as_clientid,
        ] {
            *flag = flag.filter(|flag| *flag);
        }
        options.protocol = options.protocol.filter(|protocol| *protocol != Protocol::Mqtt);
        options.max_connections = options.max_connections.filter(|most| most.get() != -1);
        options.max_qos = options.max_qos.filter(|qos| qos.get() != 2);
        said != Self::default()
    }
}
