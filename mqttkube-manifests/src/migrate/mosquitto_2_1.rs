//! Mosquitto 2.0 to 2.1.

use mqttkube_mosquitto::{Code, Config, Listener, ListenerAddress, Version, lint_password_file};
use serde_json::{Value, json};

use super::files::{self, File};
use super::{Change, Work, at_mut, items, key, list_mut, pod, put};
use crate::bundle::Bundle;

const IMAGE: &str = "2.1.2";
const LINKS: &str = "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS";
/// The most that MQTT can say.
const PACKET: u32 = 268_435_455;

/// Containers with the image `eclipse-mosquitto` of 2.0 get 2.1; their configuration keeps its meaning under the new
/// defaults, and files that 2.1 would not open through the links of a mounted folder are allowed.
#[must_use]
pub fn mosquitto_2_1(bundle: &Bundle) -> (Bundle, Vec<Change>) {
    let mut work = Work::new(bundle);
    for index in 0..work.objects.len() {
        let Some((pointer, path)) = pod(&work.objects[index]) else {
            continue;
        };
        for list in ["initContainers", "containers"] {
            let spec = work.objects[index].pointer(pointer).cloned().unwrap_or_default();
            for (number, container) in items(&spec[list]).enumerate() {
                let place = Place {
                    index,
                    pointer: format!("{pointer}/{list}/{number}"),
                    path: format!("{path}.{list}[{number}]"),
                };
                broker(&mut work, &spec, container, &place);
            }
        }
    }
    work.done()
}

/// A container in its object.
struct Place {
    index: usize,
    pointer: String,
    path: String,
}

fn broker(work: &mut Work, spec: &Value, container: &Value, place: &Place) {
    let Some(old) = container["image"].as_str().filter(|image| is_2_0(image)) else {
        return;
    };
    let name = key(&work.objects[place.index]);
    let namespace = work.objects[place.index]["metadata"]["namespace"].clone();
    image(work, &name, old, place);
    let path = config_path(container);
    let Some(file) = files::find(spec, container, &path) else {
        let what = format!("{path} is in no ConfigMap or Secret of the bundle: look at it yourself");
        work.say(
            &name,
            place.path.clone(),
            what,
            "defaults differ between 2.0 and 2.1",
        );
        return;
    };
    let Some(text) = file.text(work, &namespace) else {
        return;
    };
    let config = Config::read(&text).config;
    for path in sensitive(&config) {
        if let Some(secret) = files::find(spec, container, &path) {
            passwords(work, &namespace, &secret);
            if secret.link {
                allow_links(work, &name, &path, place);
            }
        }
    }
    configuration(work, &namespace, &file, &text, config);
}

fn is_2_0(image: &str) -> bool {
    let name = image.split('@').next().unwrap_or_default();
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, ""));
    let official = repository.rsplit('/').next() == Some("eclipse-mosquitto");
    official && !tag.starts_with("2.1")
}

fn image(work: &mut Work, name: &str, old: &str, place: &Place) {
    let repository = old
        .split('@')
        .next()
        .and_then(|image| image.split(':').next())
        .unwrap_or(old);
    let new = format!("{repository}:{IMAGE}");
    if let Some(container) = work.objects[place.index].pointer_mut(&place.pointer) {
        put(container, &["image"], json!(new));
    }
    let what = format!("{old} becomes {new}");
    work.say(name, format!("{}.image", place.path), what, "the version to run");
}

/// The path behind `-c`, or the one of the image.
fn config_path(container: &Value) -> String {
    let mut words = items(&container["command"])
        .chain(items(&container["args"]))
        .filter_map(Value::as_str);
    while let Some(word) = words.next() {
        if word == "-c" || word == "--config-file" {
            return words.next().unwrap_or_default().to_owned();
        }
    }
    "/mosquitto/config/mosquitto.conf".to_owned()
}

/// Files that 2.1 does not open through symbolic links.
fn sensitive(config: &Config) -> Vec<String> {
    let listeners = config.listeners.iter().map(|listener| &listener.security);
    let all = std::iter::once(&config.security)
        .chain([&config.default_listener.security])
        .chain(listeners);
    let files = all.flat_map(|security| [&security.password_file, &security.acl_file, &security.psk_file]);
    let mut paths: Vec<_> = files.flatten().map(ToString::to_string).collect();
    paths.dedup();
    paths
}

fn allow_links(work: &mut Work, name: &str, path: &str, place: &Place) {
    let Some(container) = work.objects[place.index].pointer_mut(&place.pointer) else {
        return;
    };
    if list_mut(container, &["env"]).any(|variable| variable["name"] == LINKS) {
        return;
    }
    let variable = json!({"name": LINKS, "value": "1"});
    match at_mut(container, &["env"]).and_then(Value::as_array_mut) {
        Some(variables) => variables.push(variable),
        None => put(container, &["env"], json!([variable])),
    }
    let what = format!("{LINKS} is set for {path}");
    let why =
        "2.1 does not open password and access files through symbolic links, and the kubelet mounts links";
    work.say(name, format!("{}.env", place.path), what, why);
}

/// Takes lines out of a password file that 2.0 passes over and 2.1 does not start with.
fn passwords(work: &mut Work, namespace: &Value, file: &File) {
    let Some(text) = file.text(work, namespace) else {
        return;
    };
    let broken: Vec<usize> = lint_password_file(&text, Version::V2_1)
        .iter()
        .filter(|lint| matches!(lint.code, Code::PasswordLine | Code::PasswordTwice))
        .map(|lint| lint.line)
        .collect();
    if broken.is_empty() {
        return;
    }
    let kept = text
        .lines()
        .enumerate()
        .filter(|(number, _)| !broken.contains(&(number + 1)));
    let kept: String = kept.map(|(_, line)| format!("{line}\n")).collect();
    let lines: Vec<_> = broken.iter().map(ToString::to_string).collect();
    let what = format!("removed what 2.0 passed over, line {}", lines.join(", "));
    replace(
        work,
        namespace,
        file,
        &kept,
        what,
        "2.1 does not start with such a line",
    );
}

fn configuration(work: &mut Work, namespace: &Value, file: &File, text: &str, mut config: Config) {
    let mut text = text.to_owned();
    let default = std::mem::take(&mut config.default_listener);
    if default.is_used() {
        let port = default.port.map_or(1883, |port| port.get());
        let host = default
            .bind_address
            .and_then(|host| host.to_string().parse().ok());
        if let Some(mut listener) = u16::try_from(port).ok().and_then(Listener::tcp) {
            if let ListenerAddress::Tcp { host: address, .. } = &mut listener.address {
                *address = host;
            }
            listener.options = default.options;
            listener.security = default.security;
            config.listeners.insert(0, listener);
        }
        match config.write(Version::V2_1) {
            Ok(written) => {
                text = written;
                let what =
                    "written again with `listener` in place of `port` and `bind_address`, without comments";
                let why = "2.1 warns of the old directives, and 3.0 will not know them";
                replace(work, namespace, file, &text, what.to_owned(), why);
            }
            Err(error) => {
                let path = format!("data[{}]", file.key);
                let name = format!("{}/{}", file.kind, file.name);
                work.say(
                    &name,
                    path,
                    format!("left as it is: {error}"),
                    "2.1 would not start with it",
                );
                return;
            }
        }
    }
    if config.global.max_packet_size.is_none() {
        text = format!("max_packet_size {PACKET}\n{text}");
        let what = format!("max_packet_size {PACKET} is added");
        let why =
            "2.1 takes packets up to 2,000,000 bytes when nothing is said, 2.0 took whatever MQTT can say";
        replace(work, namespace, file, &text, what, why);
    }
    if config.global.allow_duplicate_messages.is_none() && !config.connections.is_empty() {
        text = format!("allow_duplicate_messages false\n{text}");
        let what = "allow_duplicate_messages false is added".to_owned();
        let why = "2.1 sends one copy for each rule that takes a message when nothing is said, 2.0 sent one";
        replace(work, namespace, file, &text, what, why);
    }
}

fn replace(work: &mut Work, namespace: &Value, file: &File, text: &str, what: String, why: &'static str) {
    let Some(index) = work.find(file.kind, namespace, &file.name) else {
        return;
    };
    let object = &mut work.objects[index];
    let plain = file.kind == "ConfigMap" || object["stringData"][&file.key].is_string();
    let member = if file.kind == "ConfigMap" || !plain {
        "data"
    } else {
        "stringData"
    };
    let value = if plain {
        json!(text)
    } else {
        json!(k8s_openapi::ByteString(text.as_bytes().to_vec()))
    };
    put(object, &[member, &file.key], value);
    let name = key(object);
    work.say(&name, format!("data[{}]", file.key), what, why);
}
