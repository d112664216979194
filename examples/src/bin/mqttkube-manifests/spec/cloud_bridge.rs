//! A CloudBridge document: a broker joined to a cloud service.

use mqttkube_bridge::spec::{self, Bridge};
use mqttkube_examples::settings::read_bridge_settings;
use mqttkube_manifests::scenario::cloud_bridge::{CloudBridge, Device, Form, Relay, Sidecar};
use mqttkube_mapping::yaml::{Content, Cursor, Section};
use mqttkube_mosquitto::TopicRule;
use serde_json::Value;

use super::secret::{Hasher, Lookup, salt_key};
use super::words::{list, optional, place, port, quantity, required, secret_key, value};
use crate::place::cursor_at;

pub(super) fn read(section: &mut Section<'_>, lookup: Lookup) -> Option<CloudBridge> {
    let name = required(section, "name");
    let namespace = required(section, "namespace");
    let bridge = match section.get("bridge") {
        Some(cursor) => bridge(&cursor),
        None => section.missing("bridge"),
    };
    let key = place(section, "key");
    let form = match section.choice("form", &[("sidecar", true), ("relay", false)]) {
        Some(true) => sidecar(section, lookup).map(Form::Sidecar),
        Some(false) => relay(section).map(Form::Relay),
        None => None,
    };
    let (device, rules) = bridge?;
    Some(CloudBridge {
        name: name?,
        namespace: namespace?,
        device,
        key: key?,
        rules,
        form: form?,
    })
}

/// The file of cloud-bridge, by its path or as a mapping: who the bridge is at the service, and what it carries.
fn bridge(cursor: &Cursor<'_>) -> Option<(Device, Vec<TopicRule>)> {
    let (bridge, tree) = match &cursor.node().content {
        Content::Text(_) => by_path(cursor)?,
        _ => inline(cursor)?,
    };
    let device = &tree["cloud"];
    let part = |key: &str| {
        let text = device[key].as_str();
        if text.is_none() {
            cursor.error_with_help(
                format!(
                    "the profile {} has no {key}",
                    bridge.cloud.endpoint.profile.name()
                ),
                "manifests are made for the profiles clearblade and google-iot-core",
            );
        }
        text
    };
    let (project, region, registry) = (part("project"), part("region"), part("registry"));
    let id = part("device");
    let device = Device {
        project: name(cursor, project?)?,
        region: name(cursor, region?)?,
        registry: name(cursor, registry?)?,
        id: name(cursor, id?)?,
    };
    Some((device, bridge.topic_rules()))
}

/// A name that the model takes.
fn name<T: std::str::FromStr<Err: std::fmt::Display>>(cursor: &Cursor<'_>, text: &str) -> Option<T> {
    text.parse()
        .map_err(|error| cursor.error(format!("{error}")))
        .ok()
}

type Read = (Bridge<mqttkube_examples::settings::Settings>, Value);

fn by_path(cursor: &Cursor<'_>) -> Option<Read> {
    let path = cursor.file_path()?;
    let text = std::fs::read_to_string(&path)
        .map_err(|error| cursor.error(format!("{path} cannot be read: {error}")))
        .ok()?;
    let folder = std::path::Path::new(&path).parent()?.display().to_string();
    let read = spec::parse(&text, &path, &folder, read_bridge_settings);
    let bridge = read
        .map_err(|errors| errors.iter().for_each(|error| cursor.error(error.to_string())))
        .ok()?;
    let tree = mqttkube_mapping::yaml::parse(&text, &path, &folder).ok()?;
    Some((bridge, tree.root().to_json().ok()?))
}

fn inline(cursor: &Cursor<'_>) -> Option<Read> {
    let tree: Value = cursor.read()?;
    let read = spec::parse(
        &tree.to_string(),
        cursor.file(),
        cursor.folder(),
        read_bridge_settings,
    );
    let bridge = read.map_err(|errors| {
        for error in &errors {
            let place = cursor_at(cursor, &error.path);
            match &error.help {
                Some(help) => place.error_with_help(error.message.as_str(), help.as_str()),
                None => place.error(error.message.as_str()),
            }
        }
    });
    Some((bridge.ok()?, tree))
}

fn sidecar(section: &mut Section<'_>, lookup: Lookup) -> Option<Sidecar> {
    let refresher = required(section, "refresher");
    let Some(mut broker) = section.section("broker", "the section broker") else {
        return section.missing("broker");
    };
    let image = required(&mut broker, "image");
    let version = required(&mut broker, "version");
    let hasher = Hasher {
        key: salt_key(&mut broker, lookup),
        lookup,
    };
    let users = list(&mut broker, "users", |user| hasher.user(user));
    let storage = match broker.get("storage") {
        Some(storage) => quantity(&storage),
        None => broker.missing("storage"),
    };
    broker.finish();
    Some(Sidecar {
        refresher: refresher?,
        broker: image?,
        version: version?,
        users,
        storage: storage?,
    })
}

fn relay(section: &mut Section<'_>) -> Option<Relay> {
    let image = required(section, "image");
    let outbox = value(section, "outbox").and_then(|outbox| quantity(&outbox));
    let Some(mut broker) = section.section("broker", "the section broker") else {
        return section.missing("broker");
    };
    let host = required(&mut broker, "host");
    let number = match value(&mut broker, "port") {
        Some(number) => port(&number),
        None => broker.missing("port"),
    };
    let username = optional(&mut broker, "username");
    let password = value(&mut broker, "password").and_then(|password| secret_key(&password));
    if broker.has("username") != broker.has("password") {
        broker
            .cursor()
            .error("a login has both `username` and `password`");
    }
    broker.finish();
    Some(Relay {
        image: image?,
        broker: host?,
        port: number?,
        login: username.zip(password),
        outbox,
    })
}
