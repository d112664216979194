//! The model as `mosquitto.conf`.

use mqttkube_mosquitto::setting::{LogDestination, LogType, Name, Protocol as Speaks, Ranged, Secret, Text};
use mqttkube_mosquitto::{
    Config, Connection, Global, Listener as Written, Plugin, PluginKind, Security, Unwritable, Version,
};

use super::place;
use super::resolve::Errors;
use super::{AuthMethod, Bridge, Broker, Level, Listener, Logging, ModelError, Protocol, ProxyProtocol};
use crate::name::AbsolutePath;

/// The text of the configuration. Passwords of bridges are placeholders: [`placeholder`].
pub(super) fn text(broker: &Broker) -> Result<String, Errors> {
    let config = config(broker);
    let text = config.write(broker.version).map_err(|error| {
        let problem = |reason: &Unwritable| {
            let place = match reason {
                Unwritable::Directive { place, .. } | Unwritable::Combination { place, .. } => place.as_str(),
                _ => "",
            };
            let member = if place.starts_with("bridge") {
                "bridges"
            } else {
                "listeners"
            };
            ModelError::wrong(member, reason.to_string(), "change one of the two")
        };
        error.reasons.iter().map(problem).collect::<Errors>()
    })?;
    let AuthMethod::Anonymous { reason } = &broker.auth.method else {
        return Ok(text);
    };
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(format!("# Everybody may come in: {reason}\n{text}"))
}

/// What stands for the password of a bridge until the pod starts.
pub(super) fn placeholder(index: usize) -> String {
    format!("${{bridge-{index}}}")
}

fn file(folder: &AbsolutePath, name: &str) -> Text {
    Text::new(format!("{folder}/{name}")).expect("a path without control characters is a text")
}

fn literal(text: &str) -> Text {
    Text::new(text).expect("the literal is a text")
}

fn config(broker: &Broker) -> Config {
    let mixed = broker.differs_by_listener();
    let security = if mixed {
        Security::default()
    } else {
        security(broker, everybody(broker))
    };
    Config {
        global: global(broker, mixed),
        security,
        listeners: broker
            .listeners
            .iter()
            .map(|one| listener(broker, one, mixed))
            .collect(),
        connections: broker
            .bridges
            .iter()
            .enumerate()
            .map(|(at, bridge)| connection(broker, at, bridge))
            .collect(),
        ..Config::default()
    }
}

/// `allow_anonymous` where it holds for all listeners; 2.1 says it for each.
fn everybody(broker: &Broker) -> Option<bool> {
    let any = broker
        .listeners
        .iter()
        .any(|listener| broker.lets_anonymous_in(listener));
    (broker.version == Version::V2_0).then_some(any)
}

fn global(broker: &Broker, mixed: bool) -> Global {
    let kept = broker.persistence.is_some();
    let bridged = !broker.bridges.is_empty();
    let limits = broker.limits;
    // What a bridge carries must not be lost with a node; without one, half a minute of a retained value may be.
    let (interval, changes) = if bridged { (1, true) } else { (30, false) };
    Global {
        per_listener_settings: mixed.then_some(true),
        persistence: Some(kept),
        persistence_location: kept.then(|| literal("/mosquitto/data/")),
        autosave_interval: kept.then(|| Ranged::new(interval)).flatten(),
        autosave_on_changes: (kept && changes).then_some(true),
        max_queued_messages: Ranged::new(broker.max_queued().into()),
        max_inflight_messages: Ranged::new(limits.max_inflight.into()),
        max_packet_size: Ranged::new(limits.max_packet.into()),
        log_dest: vec![LogDestination::Stderr],
        log_type: log_types(broker.logging),
        log_timestamp_format: Some(literal("%Y-%m-%dT%H:%M:%S%z")),
        connection_messages: Some(broker.logging.connections),
        ..Global::default()
    }
}

fn log_types(logging: Logging) -> Vec<LogType> {
    let all = [
        (Level::Error, LogType::Error),
        (Level::Warning, LogType::Warning),
        (Level::Notice, LogType::Notice),
        (Level::Information, LogType::Information),
        (Level::Debug, LogType::Debug),
    ];
    all.into_iter()
        .filter(|(level, _)| *level <= logging.level)
        .map(|(_, kind)| kind)
        .collect()
}

fn security(broker: &Broker, anonymous: Option<bool>) -> Security {
    let mut security = Security {
        allow_anonymous: anonymous,
        ..Security::default()
    };
    if !broker.auth.acl.is_empty() {
        security.acl_file = Some(file(&place::AUTH, "acl"));
    }
    match &broker.auth.method {
        AuthMethod::Users(_) => {
            let folder = if broker.hashes_in_pod() {
                &place::RUN
            } else {
                &place::AUTH
            };
            security.password_file = Some(file(folder, "passwd"));
        }
        AuthMethod::DynamicSecurity(_) => {
            let option = Name::new("config_file").expect("the literal is a name");
            security.plugins = vec![Plugin {
                kind: PluginKind::Plugin,
                path: literal(place::DYNAMIC_SECURITY),
                options: vec![(option, file(&place::DATA, "dynamic-security.json"))],
                deny_special_chars: None,
            }];
        }
        AuthMethod::ClientCertificates(_) | AuthMethod::Anonymous { .. } => {}
    }
    security
}

fn listener(broker: &Broker, listener: &Listener, mixed: bool) -> Written {
    let mut written = Written::tcp(listener.port.number()).expect("a port is not 0");
    let anonymous = broker.lets_anonymous_in(listener);
    if mixed {
        written.security = security(broker, Some(anonymous));
    }
    let options = &mut written.options;
    options.protocol = match listener.protocol {
        Protocol::Mqtt => None,
        Protocol::WebSockets => Some(Speaks::WebSockets),
        Protocol::HttpApi => Some(Speaks::HttpApi),
    };
    options.max_connections = listener.max_connections.and_then(|most| Ranged::new(most.into()));
    options.enable_proxy_protocol = listener.proxy_protocol.and_then(|version| {
        Ranged::new(match version {
            ProxyProtocol::V1 => 1,
            ProxyProtocol::V2 => 2,
        })
    });
    options.listener_allow_anonymous = (broker.version == Version::V2_1).then_some(anonymous);
    let Some(tls) = &listener.tls else {
        return written;
    };
    let folder = place::tls(listener);
    options.certfile = Some(file(&folder, "tls.crt"));
    options.keyfile = Some(file(&folder, "tls.key"));
    options.tls_version = Some(literal(if tls.only_1_3 { "tlsv1.3" } else { "tlsv1.2" }));
    if let AuthMethod::ClientCertificates(clients) = &broker.auth.method
        && listener.is_for_clients()
    {
        options.cafile = Some(file(&place::CLIENTS, "ca.crt"));
        options.require_certificate = Some(true);
        if clients.whole_subject {
            options.use_subject_as_username = Some(true);
        } else {
            options.use_identity_as_username = Some(true);
        }
    }
    written
}

fn connection(broker: &Broker, index: usize, bridge: &Bridge) -> Connection {
    let mut connection = Connection::new(
        bridge.name.clone(),
        vec![bridge.address.clone()],
        bridge.rules.clone(),
    );
    let options = &mut connection.options;
    // The defaults hold the name of the pod's machine: after a new pod the queue would belong to nobody.
    let id = format!("{}.{}.{}", broker.namespace, broker.name, bridge.name);
    let made = Text::new(&*id).expect("names without blanks make a text");
    options.remote_clientid = Some(bridge.client_id.clone().unwrap_or(made));
    options.local_clientid =
        Some(Text::new(format!("local.{id}")).expect("names without blanks make a text"));
    options.remote_username.clone_from(&bridge.username);
    options.local_username.clone_from(&bridge.local_username);
    options.remote_password = bridge
        .password
        .as_ref()
        .map(|_| Secret::new(placeholder(index)).expect("the placeholder is a text"));
    options.protocol_version = bridge.protocol;
    options.cleansession = Some(false);
    // Said openly, because brokers that are no Mosquitto refuse it.
    options.try_private = Some(bridge.try_private);
    options.notifications = (!bridge.notifications).then_some(false);
    let Some(tls) = &bridge.tls else {
        return connection;
    };
    let folder = place::bridge(index);
    match (&tls.authority, broker.version) {
        (Some(_), _) => options.cafile = Some(file(&folder, "ca.crt")),
        (None, Version::V2_0) => options.cafile = Some(literal(place::SYSTEM_AUTHORITIES)),
        (None, Version::V2_1) => options.tls_use_os_certs = Some(true),
    }
    if tls.certificate.is_some() {
        options.certfile = Some(file(&folder, "tls.crt"));
        options.keyfile = Some(file(&folder, "tls.key"));
    }
    options.alpn.clone_from(&tls.alpn);
    connection
}

impl Broker {
    /// The limit of queues, with the default that fits.
    pub(super) fn max_queued(&self) -> u32 {
        let fitting = if self.bridges.is_empty() { 10_000 } else { 0 };
        self.limits.max_queued.unwrap_or(fitting)
    }
}
