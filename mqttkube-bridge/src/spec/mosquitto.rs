//! The same bridge as a mosquitto.conf. It never holds a secret: where the password goes stands the placeholder that the
//! refresher fills in.

use mqttkube_mosquitto::setting::{Address, BridgeProtocol, Name, Protocol, Ranged, Secret, Text, TextError};
use mqttkube_mosquitto::{Config, Connection, Global, Listener, ListenerAddress, Port, Version, WriteError};
use mqttkube_mqtt::{Tls, TlsVersion, Transport};
use thiserror::Error;

use super::{Bridge, Order, Retain};
use crate::credential::Shown;
use crate::sidecar::{Broker, Reload, TOKEN};

/// Messages that may wait for the cloud. Without a number 1,000 wait, and more are dropped without a word; 0, no limit,
/// does not work in every 2.0.
const QUEUE: i64 = 1_000_000;
/// Seconds between two writes of the database; Mosquitto's own default loses up to half an hour.
const AUTOSAVE: i64 = 60;
const IN_FLIGHT: i64 = 100;
/// Where Linux distributions keep the certificates that they trust.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs";
/// Where the image of Mosquitto expects files about users.
const PASSWORD_FILE: &str = "/mosquitto/config/passwd";
/// The certificate of a local listener with TLS, its key, and who signs the certificates of its clients.
const LISTENER_FILES: [&str; 3] = [
    "/mosquitto/config/tls.crt",
    "/mosquitto/config/tls.key",
    "/mosquitto/config/ca.crt",
];

/// Why there is no mosquitto.conf for a bridge.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RenderError {
    /// A value that no line can carry.
    #[error("{what} {text:?} cannot stand in a mosquitto.conf: {source}")]
    Text {
        /// What it is.
        what: &'static str,
        /// The value.
        text: String,
        /// Why not.
        source: TextError,
    },
    /// Mosquitto's bridges speak no WebSocket.
    #[error("a bridge of Mosquitto cannot connect over WebSocket: use `transport: tcp`, or the relay")]
    WebSocket,
    /// Mosquitto's bridges have no enhanced authentication.
    #[error(
        "a bridge of Mosquitto cannot show a token by the method {method}: use a certificate, or the relay"
    )]
    Method {
        /// The method.
        method: &'static str,
    },
    /// Port 0.
    #[error("{what} has port 0")]
    Port {
        /// Which side.
        what: &'static str,
    },
    /// The parts do not go together.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl<P> Bridge<P> {
    /// The text of a mosquitto.conf for a version.
    ///
    /// # Errors
    /// What Mosquitto cannot do.
    pub fn mosquitto_conf(&self, version: Version) -> Result<String, RenderError> {
        Ok(self.mosquitto(version)?.write(version)?)
    }

    /// The configuration as types.
    ///
    /// # Errors
    /// What Mosquitto cannot do.
    pub fn mosquitto(&self, version: Version) -> Result<Config, RenderError> {
        let mut config = Config {
            global: self.global(version)?,
            listeners: vec![self.listener()?],
            connections: vec![self.connection(version)?],
            ..Config::default()
        };
        let open = self.local.login.is_none();
        config.security.allow_anonymous = Some(open);
        if !open {
            config.security.password_file = Some(text("the password file", PASSWORD_FILE)?);
        }
        Ok(config)
    }

    /// What the native relay does with these rules and a bridge of Mosquitto does not.
    #[must_use]
    pub fn not_in_mosquitto(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for rule in &self.rules {
            let shown = &rule.rule;
            if rule.retain == Retain::Drop && self.cloud.endpoint.limits.retain {
                notes.push(format!(
                    "Mosquitto has no retain flag by rule: `topic {shown}` keeps it"
                ));
            }
            if rule.order == Order::Strict {
                notes.push(format!(
                    "Mosquitto has no strict order: `topic {shown}` keeps that of each topic"
                ));
            }
        }
        if !self.gateway.is_empty() {
            notes.push("Mosquitto attaches no devices: the gateway's are left out".to_owned());
        }
        if self.relay.dead_letter.is_some() {
            notes.push("Mosquitto has no dead letters: what the cloud refuses is gone".to_owned());
        }
        self.sides_not_in_mosquitto(&mut notes);
        notes
    }

    fn sides_not_in_mosquitto(&self, notes: &mut Vec<String>) {
        let mqtt = &self.cloud.mqtt;
        if let Some(tls) = &mqtt.tls {
            if let Some(name) = &tls.server_name {
                notes.push(format!(
                    "Mosquitto compares the certificate with the address: `server-name: {name}` is left out, and the \
                     certificate must bear the host of the cloud"
                ));
            }
            if let [first, _, ..] = &tls.alpn[..] {
                notes.push(format!(
                    "Mosquitto offers one protocol by ALPN: {first:?}, not the rest"
                ));
            }
        }
        if mqtt.keyfile_password.is_some() {
            notes.push(
                "Mosquitto takes no password for a bridge's key: `keyfile_password` is left out, and the key must be \
                 stored without one"
                    .to_owned(),
            );
        }
        if let Some((address, port)) = mqtt.bind.filter(|(_, port)| *port != 0) {
            notes.push(format!(
                "Mosquitto chooses the port that it connects from: `bind_port: {port}` of {address} is left out"
            ));
        }
        if let Some(tls) = &self.local.tls {
            let [certificate, key, ca] = LISTENER_FILES;
            notes.push(format!(
                "the local listener speaks TLS and needs a certificate in {certificate} and its key in {key}"
            ));
            if tls.certfile.is_some() {
                notes.push(format!(
                    "the local listener asks for certificates that one in {ca} has signed"
                ));
            }
        }
    }

    fn global(&self, version: Version) -> Result<Global, RenderError> {
        let sidecar = self.sidecar.clone().unwrap_or_default();
        let pid_file = match &sidecar.reload {
            Reload::Terminate(Broker::PidFile(path)) => {
                Some(text("the pid file", &path.display().to_string())?)
            }
            _ => None,
        };
        Ok(Global {
            persistence: Some(true),
            persistence_location: Some(sidecar.persistence),
            autosave_interval: Ranged::new(AUTOSAVE),
            max_queued_messages: Ranged::new(QUEUE),
            max_inflight_messages: Ranged::new(IN_FLIGHT),
            // 2.1 would send one copy for each rule that takes a message.
            allow_duplicate_messages: version.sends_duplicates().then_some(false),
            // 2.1 would end connections over packets that 2.0 takes.
            max_packet_size: (version == Version::V2_1)
                .then(|| Ranged::new(Version::V2_0.default_max_packet_size().into()))
                .flatten(),
            pid_file,
            ..Global::default()
        })
    }

    fn listener(&self) -> Result<Listener, RenderError> {
        let loopback = self.local.host == "localhost"
            || self
                .local
                .host
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        let host = loopback
            .then(|| name("the local host", &self.local.host))
            .transpose()?;
        let usual = if self.local.tls.is_some() { 8883 } else { 1883 };
        let port = Port::new(self.local.port.unwrap_or(usual).into());
        let port = port.ok_or(RenderError::Port { what: "local" })?;
        let mut listener = Listener::new(ListenerAddress::Tcp { port, host });
        let options = &mut listener.options;
        if self.local.transport != Transport::Tcp {
            options.protocol = Some(Protocol::WebSockets);
        }
        // What `local` says is how a client trusts the broker. The broker's own files have their usual places, and without
        // them it does not start: better than a listener that everybody can listen in to.
        if let Some(tls) = &self.local.tls {
            let [certificate, key, ca] = LISTENER_FILES;
            options.certfile = Some(text("the listener's certificate", certificate)?);
            options.keyfile = Some(text("its key", key)?);
            options.tls_version = Some(text("the TLS version", oldest(tls))?);
            if tls.certfile.is_some() {
                options.cafile = Some(text("the CA file", ca)?);
                options.require_certificate = Some(true);
            }
        }
        Ok(listener)
    }

    fn connection(&self, version: Version) -> Result<Connection, RenderError> {
        let (endpoint, mqtt) = (&self.cloud.endpoint, &self.cloud.mqtt);
        if mqtt.transport != Transport::Tcp {
            return Err(RenderError::WebSocket);
        }
        let port = Ranged::new(endpoint.port.into()).ok_or(RenderError::Port { what: "cloud" })?;
        let address = Address::new(name("the host", &endpoint.host)?, port);
        let bridge = name("the profile", endpoint.profile.name())?;
        let mut connection = Connection::new(bridge, vec![address], self.topic_rules());
        let options = &mut connection.options;
        options.remote_clientid = Some(text("the client id", &endpoint.client_id)?);
        options.local_clientid = Some(text("the local client id", &self.local.client_id)?);
        options.local_username = match &self.local.login {
            Some((user, _)) => Some(text("the local user name", user)?),
            None => None,
        };
        let credential = &self.cloud.credential;
        let username = match credential.shown {
            Shown::Password => credential.username(endpoint),
            Shown::Username => Some(TOKEN.to_owned()),
            Shown::Data(method) => return Err(RenderError::Method { method }),
        };
        options.remote_username = username.map(|user| text("the user name", &user)).transpose()?;
        let shows = credential.shown == Shown::Password && credential.shows_secret();
        options.remote_password = shows.then(|| Secret::new(TOKEN).expect("it is one word"));
        // MQTT 5 without a session expiry keeps nothing, and 2.0 cannot ask for one.
        options.protocol_version = Some(BridgeProtocol::V311);
        options.cleansession = Some(false);
        // A marked protocol version, UNSUBSCRIBE and published notifications are things that clouds disconnect for.
        options.try_private = Some(false);
        options.attempt_unsubscribe = Some(false);
        options.notifications_local_only = Some(true);
        options.keepalive_interval = i64::try_from(mqtt.keepalive.get().as_secs())
            .ok()
            .and_then(Ranged::new);
        let drops = |rule: &super::Rule| rule.retain == Retain::Drop;
        let retains = endpoint.limits.retain && !self.rules.iter().all(drops);
        options.outgoing_retain = Some(retains);
        options.max_packet_size = endpoint
            .limits
            .max_packet
            .and_then(|bytes| i64::try_from(bytes).ok())
            .and_then(Ranged::new);
        options.bind_address = match &mqtt.bind {
            Some((address, _)) => Some(text("the address to connect from", &address.to_string())?),
            None => None,
        };
        if let Some(tls) = &mqtt.tls {
            encrypt(options, tls, version)?;
        }
        Ok(connection)
    }
}

fn encrypt(
    options: &mut mqttkube_mosquitto::BridgeOptions,
    tls: &Tls,
    version: Version,
) -> Result<(), RenderError> {
    let file = |what, path: &Option<std::path::PathBuf>| match path {
        Some(path) => text(what, &path.display().to_string()).map(Some),
        None => Ok(None),
    };
    options.cafile = file("the CA file", &tls.cafile)?;
    options.certfile = file("the certificate", &tls.certfile)?;
    options.keyfile = file("its key", &tls.keyfile)?;
    match (options.cafile.is_some(), version) {
        (true, _) => {}
        (false, Version::V2_1) => options.tls_use_os_certs = Some(true),
        (false, Version::V2_0) => options.capath = Some(text("the CA folder", SYSTEM_CERTIFICATES)?),
    }
    options.tls_version = Some(text("the TLS version", oldest(tls))?);
    options.alpn = tls
        .alpn
        .first()
        .map(|alpn| text("the ALPN name", alpn))
        .transpose()?;
    options.insecure = tls.skip_hostname_verification.then_some(true);
    Ok(())
}

const fn oldest(tls: &Tls) -> &'static str {
    match tls.min_version {
        TlsVersion::V12 => "tlsv1.2",
        TlsVersion::V13 => "tlsv1.3",
    }
}

fn text(what: &'static str, value: &str) -> Result<Text, RenderError> {
    Text::new(value).map_err(|source| unwritable(what, value, source))
}

fn name(what: &'static str, value: &str) -> Result<Name, RenderError> {
    Name::new(value).map_err(|source| unwritable(what, value, source))
}

fn unwritable(what: &'static str, text: &str, source: TextError) -> RenderError {
    RenderError::Text {
        what,
        text: text.to_owned(),
        source,
    }
}
