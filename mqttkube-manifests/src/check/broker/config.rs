//! The text of the configuration, and the files that it names.

use mqttkube_mosquitto::analysis::FindingCode;
use mqttkube_mosquitto::{Code, Lint, Severity, lint};

use super::files::{Place, locate};
use super::{Broker, Configuration, DEFAULT_PATH};
use crate::bundle::Bundle;
use crate::check::report::Findings;
use crate::check::rules;

pub(super) fn check(bundle: &Bundle, broker: &Broker<'_>, findings: &mut Findings) {
    let Some(configuration) = &broker.config else {
        unread(bundle, broker, findings);
        return;
    };
    lints(broker, configuration, findings);
    for (directive, path) in named_files(configuration) {
        file(bundle, broker, configuration, directive, &path, findings);
    }
    persistence(bundle, broker, configuration, findings);
}

/// The image looks in one place; a configuration mounted elsewhere is never read.
fn unread(bundle: &Bundle, broker: &Broker<'_>, findings: &mut Findings) {
    if broker.path != DEFAULT_PATH {
        return;
    }
    let mounts = super::items(&broker.container.value["volumeMounts"]);
    for mount in mounts.filter_map(|mount| mount["mountPath"].as_str()) {
        let path = if mount.ends_with("mosquitto.conf") {
            mount.to_owned()
        } else {
            format!("{}/mosquitto.conf", mount.trim_end_matches('/'))
        };
        if let Place::File(_) = locate(bundle, broker.pod, &broker.container, &path) {
            let message = format!("container {} reads {DEFAULT_PATH}, not {path}", broker.name());
            let at = broker.container.path(broker.pod, "volumeMounts");
            findings.add(&rules::CONFIG_NOT_READ, broker.pod.object, at, message);
            return;
        }
    }
}

fn lints(broker: &Broker<'_>, configuration: &Configuration<'_>, findings: &mut Findings) {
    let file = &configuration.file;
    for found in lint(&file.text, broker.rules()) {
        let rule = match (found.code, found.severity) {
            // What these warn of is known here: links, who can reach the listener, what a probe is answered, the brokers
            // that a bridge joins.
            (
                Code::SymlinkRefused | Code::NoListener | Code::HttpApiAuth | Code::Rule(FindingCode::Echo),
                _,
            ) => continue,
            (Code::DefaultListener | Code::AuthPluginName, _) => &rules::CONFIG_DEPRECATED,
            (_, Severity::Error) => &rules::CONFIG_REFUSED,
            (_, Severity::Warning) => &rules::CONFIG_RISK,
            (_, Severity::Note) => continue,
        };
        findings.add(rule, file.object, file.line(found.line), text(&found));
    }
}

pub(super) fn text(lint: &Lint) -> String {
    format!("{} [{}]; {}", lint.message, lint.code, lint.help)
}

/// Directives that name files which must be there when the broker starts.
fn named_files(configuration: &Configuration<'_>) -> Vec<(&'static str, String)> {
    let config = &configuration.document.config;
    let mut named = Vec::new();
    let securities = std::iter::once(&config.security)
        .chain(config.listeners.iter().map(|listener| &listener.security))
        .chain(std::iter::once(&config.default_listener.security));
    for security in securities {
        named.push(("password_file", &security.password_file));
        named.push(("acl_file", &security.acl_file));
        named.push(("psk_file", &security.psk_file));
    }
    let options = config
        .listeners
        .iter()
        .map(|listener| &listener.options)
        .chain(std::iter::once(&config.default_listener.options));
    for options in options {
        named.push(("cafile", &options.cafile));
        named.push(("certfile", &options.certfile));
        named.push(("keyfile", &options.keyfile));
        named.push(("crlfile", &options.crlfile));
    }
    for connection in &config.connections {
        named.push(("bridge_cafile", &connection.options.cafile));
        named.push(("bridge_certfile", &connection.options.certfile));
        named.push(("bridge_keyfile", &connection.options.keyfile));
    }
    named
        .into_iter()
        .filter_map(|(directive, path)| Some((directive, path.as_ref()?.to_string())))
        .collect()
}

fn file(
    bundle: &Bundle,
    broker: &Broker<'_>,
    configuration: &Configuration<'_>,
    directive: &str,
    path: &str,
    findings: &mut Findings,
) {
    let source = &configuration.file;
    let entries = &configuration.document.entries;
    let line = entries
        .iter()
        .find(|entry| entry.key == directive && entry.value == path)
        .map_or(1, |entry| entry.line);
    // A template's path may still hold a word that is filled in.
    if !path.starts_with('/') {
        return;
    }
    match locate(bundle, broker.pod, &broker.container, path) {
        Place::Missing(object) => {
            let message = format!("`{directive}` names {path}, and {} has no such key", object.key());
            findings.add(&rules::NO_FILE, source.object, source.line(line), message);
        }
        Place::Image if path.starts_with("/mosquitto/") => {
            let message = format!("`{directive}` names {path}, and nothing is mounted there");
            findings.add(&rules::NO_FILE, source.object, source.line(line), message);
        }
        Place::File(file)
            if file.linked
                && ["password_file", "acl_file", "psk_file"].contains(&directive)
                && broker.rules().refuses_symlinks()
                && !follows_links(broker) =>
        {
            let message = format!(
                "`{directive}` names {path}, a symbolic link that Mosquitto {} does not open",
                broker.rules()
            );
            findings.add(&rules::LINKED_FILE, source.object, source.line(line), message);
        }
        _ => {}
    }
}

fn follows_links(broker: &Broker<'_>) -> bool {
    super::items(&broker.container.value["env"])
        .any(|variable| variable["name"] == "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS")
}

fn persistence(
    bundle: &Bundle,
    broker: &Broker<'_>,
    configuration: &Configuration<'_>,
    findings: &mut Findings,
) {
    let global = &configuration.document.config.global;
    if global.persistence != Some(true) {
        return;
    }
    let Some(location) = &global.persistence_location else {
        return; // the configuration's own lint
    };
    let place = locate(bundle, broker.pod, &broker.container, location.as_str());
    if matches!(place, Place::Writable(true) | Place::Elsewhere) {
        return;
    }
    let source = &configuration.file;
    let line = source_line(configuration, "persistence_location");
    let message = format!("{location} does not outlive the pod, so queues and retained messages go with it");
    findings.add(&rules::LOST_WITH_POD, source.object, source.line(line), message);
}

fn source_line(configuration: &Configuration<'_>, directive: &str) -> usize {
    let entries = &configuration.document.entries;
    entries
        .iter()
        .find(|entry| entry.key == directive)
        .map_or(1, |entry| entry.line)
}
