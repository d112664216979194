//! Writes a configuration as text, and refuses what a version would not start with.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use thiserror::Error;

use crate::directive::is_directive;
use crate::setting::{Protocol, Ranged, RestartTimeout, Setting};
use crate::{
    Config, Connection, Listener, ListenerAddress, ListenerOptions, Plugin, PluginKind, Security, Version,
};

/// Everything that keeps a configuration from being written for a version.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Mosquitto {version} would not run this configuration: {}", Reasons(reasons))]
#[non_exhaustive]
pub struct WriteError {
    /// The version that was asked for.
    pub version: Version,
    /// At least one.
    pub reasons: Vec<Unwritable>,
}

/// One thing that a version does not take.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unwritable {
    /// The version does not know the directive.
    #[error("{place} has `{directive}`, which Mosquitto {version} does not know")]
    Directive {
        /// What it belongs to.
        place: String,
        /// Its name.
        directive: String,
        /// The version.
        version: Version,
    },
    /// Parts that do not go together, or one that is missing.
    #[error("{place}: {reason}")]
    Combination {
        /// What it is about.
        place: String,
        /// Why.
        reason: String,
    },
}

struct Reasons<'a>(&'a [Unwritable]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reason) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{reason}")?;
        }
        Ok(())
    }
}

pub(crate) fn config(config: &Config, version: Version) -> Result<String, WriteError> {
    let mut reasons = Vec::new();
    for (place, directive, _) in lines(config) {
        if !is_directive(&directive, version) {
            reasons.push(Unwritable::Directive {
                place,
                directive,
                version,
            });
        }
    }
    check(config, version, &mut reasons);
    if reasons.is_empty() {
        Ok(unchecked(config))
    } else {
        Err(WriteError { version, reasons })
    }
}

/// The text without any check, for lints.
pub(crate) fn unchecked(config: &Config) -> String {
    let mut text = String::new();
    for (_, key, value) in lines(config) {
        writeln!(text, "{key} {value}").expect("writing to a string cannot fail");
    }
    text
}

/// Place, directive and value of each line.
type Line = (String, String, String);

fn lines(config: &Config) -> Vec<Line> {
    let mut lines = Vec::new();
    push(&mut lines, "the broker", config.global.lines());
    push_security(&mut lines, "the broker", &config.security);
    let default = &config.default_listener;
    push_one(
        &mut lines,
        "the broker",
        "port",
        default.port.map(|port| port.to_string()),
    );
    let bind_address = default.bind_address.as_ref().map(ToString::to_string);
    push_one(&mut lines, "the broker", "bind_address", bind_address);
    push(&mut lines, "the broker", default.options.lines());
    push_security(&mut lines, "the broker", &default.security);
    for listener in &config.listeners {
        let place = listener_place(listener);
        push_one(&mut lines, &place, "listener", Some(listener_value(listener)));
        push(&mut lines, &place, listener.options.lines());
        push_security(&mut lines, &place, &listener.security);
    }
    for connection in &config.connections {
        push_connection(&mut lines, connection);
    }
    for folder in &config.include_dirs {
        push_one(&mut lines, "the broker", "include_dir", Some(folder.to_string()));
    }
    lines
}

fn push(lines: &mut Vec<Line>, place: &str, fields: Vec<(&'static str, String)>) {
    lines.extend(
        fields
            .into_iter()
            .map(|(key, value)| (place.to_owned(), key.to_owned(), value)),
    );
}

fn push_one(lines: &mut Vec<Line>, place: &str, key: &str, value: Option<String>) {
    lines.extend(value.map(|value| (place.to_owned(), key.to_owned(), value)));
}

fn push_security(lines: &mut Vec<Line>, place: &str, security: &Security) {
    push(lines, place, security.lines());
    for plugin in &security.plugins {
        push_plugin(lines, place, plugin);
    }
}

fn push_plugin(lines: &mut Vec<Line>, place: &str, plugin: &Plugin) {
    let path = plugin.path.to_string();
    let (key, value) = match &plugin.kind {
        PluginKind::Plugin => ("plugin", path),
        PluginKind::AuthPlugin => ("auth_plugin", path),
        PluginKind::Global => ("global_plugin", path),
        PluginKind::Named(name) => ("plugin_load", format!("{name} {path}")),
    };
    push_one(lines, place, key, Some(value));
    for (name, value) in &plugin.options {
        push_one(
            lines,
            place,
            &format!("plugin_opt_{name}"),
            Some(value.to_string()),
        );
    }
    push_one(
        lines,
        place,
        "auth_plugin_deny_special_chars",
        plugin.deny_special_chars.map(|deny| deny.to_string()),
    );
}

fn push_connection(lines: &mut Vec<Line>, connection: &Connection) {
    let place = format!("bridge `{}`", connection.name);
    push_one(lines, &place, "connection", Some(connection.name.to_string()));
    let addresses: Vec<String> = connection.addresses.iter().map(ToString::to_string).collect();
    let key = if addresses.len() > 1 {
        "addresses"
    } else {
        "address"
    };
    push_one(
        lines,
        &place,
        key,
        (!addresses.is_empty()).then(|| addresses.join(" ")),
    );
    push(lines, &place, connection.options.lines());
    for rule in &connection.rules {
        push_one(lines, &place, "topic", Some(rule.write()));
    }
}

fn listener_value(listener: &Listener) -> String {
    match &listener.address {
        ListenerAddress::Tcp { port, host: None } => port.to_string(),
        ListenerAddress::Tcp {
            port,
            host: Some(host),
        } => format!("{port} {host}"),
        ListenerAddress::Unix { path } => format!("0 {path}"),
    }
}

fn listener_place(listener: &Listener) -> String {
    format!("listener `{}`", listener_value(listener))
}

fn check(config: &Config, version: Version, reasons: &mut Vec<Unwritable>) {
    let mut refuse = |place: &str, reason: &str| {
        reasons.push(Unwritable::Combination {
            place: place.to_owned(),
            reason: reason.to_owned(),
        });
    };
    check_security(config, &mut refuse);
    check_listener_options(
        "the broker",
        &config.default_listener.options,
        version,
        &mut refuse,
    );
    for listener in &config.listeners {
        check_listener_options(&listener_place(listener), &listener.options, version, &mut refuse);
    }
    let is_web = |listener: &Listener| listener.options.protocol == Some(Protocol::WebSockets);
    let web_alone = !config.default_listener.is_used() && config.listeners.iter().all(is_web);
    if version == Version::V2_0 && web_alone && !config.listeners.is_empty() {
        refuse("the broker", "2.0 needs a listener that does not speak WebSocket");
    }
    let (mut names, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for connection in &config.connections {
        let place = format!("bridge `{}`", connection.name);
        if !names.insert(connection.name.as_str()) {
            refuse(&place, "another bridge has the same name");
        }
        if !ids.insert(connection.local_clientid("localhost")) {
            refuse(&place, "another bridge has the same local client id");
        }
        check_connection(&place, connection, version, &mut refuse);
    }
}

fn check_security(config: &Config, refuse: &mut impl FnMut(&str, &str)) {
    let everywhere = |plugin: &Plugin| matches!(plugin.kind, PluginKind::Global | PluginKind::Named(_));
    let broker = &config.security;
    if config.per_listener() {
        let only_plugins = Security {
            plugins: broker.plugins.clone(),
            ..Security::default()
        } == *broker;
        if !only_plugins || !broker.plugins.iter().all(everywhere) {
            refuse(
                "the broker",
                "with `per_listener_settings true` settings about clients belong to a listener",
            );
        }
    } else if !config.default_listener.security.is_empty() {
        refuse(
            "the broker",
            "the default listener has its own settings only with `per_listener_settings true`",
        );
    }
    for listener in &config.listeners {
        let place = listener_place(listener);
        if !config.per_listener() && !listener.security.is_empty() {
            refuse(
                &place,
                "it has its own settings about clients only with `per_listener_settings true`",
            );
        }
        if listener.security.plugins.iter().any(everywhere) {
            refuse(&place, "a plugin for all listeners belongs to the broker");
        }
    }
    let listeners = config.listeners.iter().map(|listener| &listener.security);
    let short = |plugin: &Plugin| plugin.options.iter().any(|(name, _)| name.as_str().len() < 3);
    let mut all = listeners.chain([broker, &config.default_listener.security]);
    if all.any(|security| security.plugins.iter().any(short)) {
        refuse("the broker", "names of plugin options have at least 3 characters");
    }
}

fn check_listener_options(
    place: &str,
    options: &ListenerOptions,
    version: Version,
    refuse: &mut impl FnMut(&str, &str),
) {
    if options.certfile.is_some() != options.keyfile.is_some() {
        refuse(place, "`certfile` and `keyfile` go together");
    }
    if options.certfile.is_none() && (options.cafile.is_some() || options.capath.is_some()) {
        refuse(place, "`cafile` and `capath` need `certfile` and `keyfile`");
    }
    if options.psk_hint.is_some() && options.certfile.is_some() {
        refuse(place, "a listener has either certificates or pre-shared keys");
    }
    if options.enable_proxy_protocol.map(Ranged::get) == Some(2)
        && (options.certfile.is_some() || options.use_subject_as_username.is_some())
    {
        refuse(
            place,
            "`enable_proxy_protocol 2` excludes `certfile`, `keyfile` and `use_subject_as_username`",
        );
    }
    if version == Version::V2_0 && options.protocol == Some(Protocol::HttpApi) {
        refuse(place, "`protocol http_api` is new in 2.1");
    }
    if options
        .mount_point
        .as_ref()
        .is_some_and(|prefix| prefix.as_str().contains(['+', '#']))
    {
        refuse(place, "`mount_point` has a wildcard");
    }
}

fn check_connection(
    place: &str,
    connection: &Connection,
    version: Version,
    refuse: &mut impl FnMut(&str, &str),
) {
    let options = &connection.options;
    if connection.addresses.is_empty() {
        refuse(place, "it has no address");
    }
    if connection.rules.is_empty() {
        refuse(place, "it has no topic rule");
    }
    if !version.quotes_patterns() && connection.rules.iter().any(|rule| rule.pattern().contains(' ')) {
        refuse(place, "a pattern with a blank needs Mosquitto 2.1");
    }
    if options.psk.is_some() != options.identity.is_some() {
        refuse(place, "`bridge_identity` and `bridge_psk` go together");
    }
    let certificates = [
        &options.cafile,
        &options.capath,
        &options.certfile,
        &options.keyfile,
    ];
    if options.psk.is_some() && certificates.iter().any(|file| file.is_some()) {
        refuse(place, "it has either certificates or a pre-shared key");
    }
    if let Some(timeout) = options.restart_timeout {
        check_restart_timeout(place, timeout, version, refuse);
    }
}

fn check_restart_timeout(
    place: &str,
    timeout: RestartTimeout,
    version: Version,
    refuse: &mut impl FnMut(&str, &str),
) {
    if timeout.stable.is_some() && version == Version::V2_0 {
        refuse(place, "the third number of `restart_timeout` is new in 2.1");
    }
    if timeout.stable.is_some() && timeout.cap.is_none() {
        refuse(place, "the third number of `restart_timeout` needs the second");
    }
    if timeout.cap.is_some_and(|cap| cap.get() < timeout.base.get()) {
        refuse(place, "the cap of `restart_timeout` is lower than the base");
    }
}
