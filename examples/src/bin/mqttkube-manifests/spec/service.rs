//! A BindingService document: mqtt-kube with its configuration and its rights.

use std::path::Path;

use k8s_openapi::api::rbac::v1::PolicyRule;
use mqttkube_core::config;
use mqttkube_examples::settings::read_settings;
use mqttkube_manifests::name::{ConfigKey, DnsLabel, Port};
use mqttkube_manifests::scenario::binding_service::{BindingService, Rights};
use mqttkube_mapping::yaml::{Cursor, Section};

use super::words::{list, optional, port, required, secret_key, value};

pub(super) fn read(section: &mut Section<'_>) -> Option<BindingService> {
    let name = required(section, "name");
    let namespace = required(section, "namespace");
    let image = required(section, "image");
    let account = optional(section, "service-account");
    let config = match section.get("config") {
        Some(path) => configuration(&path),
        None => section.missing("config"),
    };
    let more = list(section, "files", file);
    let secrets = list(section, "secrets", secret_key);
    let rights = list(section, "rules", rule);
    let broker = section.section("broker", "the section broker").map(|mut broker| {
        let number = value(&mut broker, "port").and_then(|number| port(&number));
        broker.finish();
        number
    });
    Some(BindingService {
        name: name?,
        namespace: namespace?,
        image: image?,
        account,
        files: std::iter::once(config?).chain(more).collect(),
        secrets,
        rights: together(rights),
        broker_port: broker.flatten().unwrap_or(Port::literal(1883)),
    })
}

/// The configuration, by its path or as text of several lines. It must be a good one.
fn configuration(cursor: &Cursor<'_>) -> Option<(ConfigKey, String)> {
    let text = cursor.text()?;
    if text.contains('\n') {
        let read = config::parse(text, "config", cursor.folder(), read_settings);
        read.map_err(|errors| errors.iter().for_each(|error| cursor.error(error.to_string())))
            .ok()?;
        return Some((ConfigKey::literal("config.yaml"), text.to_owned()));
    }
    let path = cursor.file_path()?;
    config::load(Path::new(&path), read_settings)
        .map_err(|errors| errors.iter().for_each(|error| cursor.error(error.to_string())))
        .ok()?;
    file(cursor)
}

/// A file that lies beside the configuration.
fn file(cursor: &Cursor<'_>) -> Option<(ConfigKey, String)> {
    let path = cursor.file_path()?;
    let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy();
    let key = name.parse().map_err(|error| cursor.error(format!("{error}")));
    let text = std::fs::read_to_string(&path)
        .map_err(|error| cursor.error(format!("{path} cannot be read: {error}")));
    Some((key.ok()?, text.ok()?))
}

/// `{namespace, groups, resources, names, verbs}`.
fn rule(cursor: &Cursor<'_>) -> Option<(Option<DnsLabel>, PolicyRule)> {
    let mut section = cursor.section("a rule")?;
    let namespace = optional(&mut section, "namespace");
    let mut words = |key| -> Vec<String> { list(&mut section, key, |word| word.read()) };
    let (groups, resources) = (words("groups"), words("resources"));
    let (names, verbs) = (words("names"), words("verbs"));
    for key in ["resources", "verbs"] {
        if !section.has(key) {
            section.missing::<()>(key);
        }
    }
    section.finish();
    let some = |words: Vec<String>| Some(words).filter(|words| !words.is_empty());
    let rule = PolicyRule {
        api_groups: some(groups).or_else(|| Some(vec![String::new()])),
        resources: some(resources),
        resource_names: some(names),
        verbs,
        ..PolicyRule::default()
    };
    Some((namespace, rule))
}

/// The rules of each namespace together.
fn together(rules: Vec<(Option<DnsLabel>, PolicyRule)>) -> Vec<Rights> {
    let mut all: Vec<Rights> = Vec::new();
    for (namespace, rule) in rules {
        match all.iter_mut().find(|rights| rights.namespace == namespace) {
            Some(rights) => rights.rules.push(rule),
            None => all.push(Rights {
                namespace,
                rules: vec![rule],
            }),
        }
    }
    all
}
