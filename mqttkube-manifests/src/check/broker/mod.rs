//! The brokers of a bundle and what their configuration makes of them. A schema sees a text in a ConfigMap; here it is
//! read as the Mosquitto in the container would read it, with the files that the pod really has.

mod config;
mod exposure;
mod files;
mod haproxy;
mod policies;
mod probes;
mod scripts;
mod sharing;
mod topology;
mod users;

use mqttkube_mosquitto::setting::Protocol;
use mqttkube_mosquitto::{Config, Document, ListenerAddress, ListenerOptions, Version, is_directive};

use self::exposure::Ways;
use self::files::{File, Place};
use super::matching::Matching;
use super::pod::{Container, Pod, items};
use super::report::Findings;
use crate::bundle::Bundle;
use crate::object::Object;

pub(super) fn check(bundle: &Bundle, pods: &[Pod<'_>], matching: &Matching<'_, '_>, findings: &mut Findings) {
    let brokers: Vec<Broker<'_>> = pods
        .iter()
        .flat_map(|pod| Broker::of(bundle, matching, pod))
        .collect();
    let ways = Ways::of(bundle);
    for broker in &brokers {
        config::check(bundle, broker, findings);
        users::check(bundle, broker, findings);
        probes::check(bundle, broker, findings);
        exposure::check(&ways, broker, findings);
        sharing::check(broker, findings);
    }
    for pod in pods {
        sharing::certificates(matching, pod, findings);
    }
    users::unnamed(bundle, &brokers, findings);
    policies::check(bundle, pods, matching, findings);
    topology::check(&brokers, findings);
    haproxy::check(bundle, &brokers, findings);
}

/// A container that runs Mosquitto.
struct Broker<'a> {
    pod: &'a Pod<'a>,
    container: Container<'a>,
    /// As the image's tag says it.
    version: Option<Version>,
    /// The open-source broker, which shares nothing with other replicas.
    stock: bool,
    /// The Services that select its pod.
    services: Vec<&'a Object>,
    /// Where it looks for its configuration.
    path: String,
    config: Option<Configuration<'a>>,
}

/// The mosquitto.conf of a broker.
struct Configuration<'a> {
    file: File<'a>,
    document: Document,
    /// It is filled in or copied at start, from this text.
    template: bool,
}

/// One place where a broker listens.
struct Listening<'a> {
    port: u16,
    /// Only inside the pod.
    local: bool,
    options: &'a ListenerOptions,
}

const DEFAULT_PATH: &str = "/mosquitto/config/mosquitto.conf";

impl<'a> Broker<'a> {
    fn of(bundle: &'a Bundle, matching: &Matching<'_, 'a>, pod: &'a Pod<'a>) -> Vec<Self> {
        let long_lived = pod.containers().filter(Container::is_long_lived);
        long_lived
            .filter_map(|container| Self::new(bundle, matching, pod, container))
            .collect()
    }

    fn new(
        bundle: &'a Bundle,
        matching: &Matching<'_, 'a>,
        pod: &'a Pod<'a>,
        container: Container<'a>,
    ) -> Option<Self> {
        let image = container.value["image"].as_str().unwrap_or_default();
        let (repository, tag) = split_image(image);
        let words = command(bundle, pod, &container);
        let started = words
            .iter()
            .position(|word| word.rsplit('/').next() == Some("mosquitto"));
        let named = repository.rsplit('/').next().unwrap_or_default();
        let is_image = named == "mosquitto" || named == "eclipse-mosquitto";
        let has_command = !container.value["command"].is_null();
        if started.is_none() && (!is_image || has_command) {
            return None;
        }
        // A shell has an option of that name, too, which comes before.
        let path = words[started.unwrap_or_default()..]
            .windows(2)
            .find(|pair| pair[0] == "-c")
            .map_or(DEFAULT_PATH, |pair| &pair[1]);
        let config = configuration(bundle, pod, &container, path);
        Some(Self {
            pod,
            container,
            version: tag.and_then(version),
            stock: !repository.contains("cedalo"),
            services: matching.services(pod),
            path: path.to_owned(),
            config,
        })
    }

    /// What findings call it, before something about it.
    fn name(&self) -> &str {
        self.container.name()
    }

    /// The version whose rules are applied: where the tag says nothing, what both have in common is that of 2.0.
    fn rules(&self) -> Version {
        self.version.unwrap_or(Version::V2_0)
    }

    /// Where it listens; nothing when the configuration is not known.
    fn listening(&self) -> Vec<Listening<'_>> {
        let Some(configuration) = &self.config else {
            return Vec::new();
        };
        let config = &configuration.document.config;
        let mut places: Vec<Listening<'_>> = config
            .listeners
            .iter()
            .filter_map(|listener| {
                let ListenerAddress::Tcp { port, .. } = &listener.address else {
                    return None;
                };
                Some(Listening {
                    port: u16::try_from(port.get()).ok()?,
                    local: listener.is_local(),
                    options: &listener.options,
                })
            })
            .collect();
        let default = &config.default_listener;
        if default.is_used() {
            let port = default
                .port
                .map_or(Some(1883), |port| u16::try_from(port.get()).ok());
            let local = default
                .bind_address
                .as_ref()
                .is_some_and(|host| host.as_str() == "localhost" || host.as_str().starts_with("127."));
            places.extend(port.map(|port| Listening {
                port,
                local,
                options: &default.options,
            }));
        }
        if places.is_empty() {
            static LOCAL: std::sync::LazyLock<ListenerOptions> =
                std::sync::LazyLock::new(ListenerOptions::default);
            places.push(Listening {
                port: 1883,
                local: true,
                options: &LOCAL,
            });
        }
        places
    }

    /// The number of a port that is given by number or by the name of a port of the container.
    fn port_number(&self, port: &serde_json::Value) -> Option<u16> {
        let number = match port.as_str() {
            Some(name) => items(&self.container.value["ports"])
                .find(|port| port["name"] == name)
                .map(|port| &port["containerPort"])?,
            None => port,
        };
        number.as_u64().and_then(|number| u16::try_from(number).ok())
    }

    /// A client without a name may come in at this listener.
    fn lets_anybody_in(&self, listening: &Listening<'_>) -> bool {
        let Some(configuration) = &self.config else {
            return false;
        };
        let config = &configuration.document.config;
        if let Some(allowed) = listening.options.listener_allow_anonymous {
            return allowed;
        }
        if listening.options.require_certificate == Some(true) {
            return false;
        }
        let security = if config.per_listener() {
            config
                .listeners
                .iter()
                .find(|listener| std::ptr::eq(&raw const listener.options, listening.options))
                .map_or(&config.default_listener.security, |listener| &listener.security)
        } else {
            &config.security
        };
        security.allow_anonymous == Some(true)
    }
}

impl Listening<'_> {
    fn speaks_http(&self) -> bool {
        self.options.protocol == Some(Protocol::HttpApi)
    }
}

/// The words of command and arguments, and of a script of the bundle that they start.
fn command(bundle: &Bundle, pod: &Pod<'_>, container: &Container<'_>) -> Vec<String> {
    let given: Vec<&str> = ["command", "args"]
        .into_iter()
        .flat_map(|member| items(&container.value[member]))
        .filter_map(serde_json::Value::as_str)
        .collect();
    let words = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
    };
    let shell = given
        .first()
        .is_some_and(|program| program.ends_with("/sh") || *program == "sh" || program.ends_with("bash"));
    let script = given
        .iter()
        .take(2)
        .find_map(|path| match files::locate(bundle, pod, container, path) {
            Place::File(file) if shell || file.text.starts_with("#!") => Some(words(&file.text)),
            _ => None,
        });
    let mut all: Vec<String> = given.iter().flat_map(|text| words(text)).collect();
    all.extend(script.unwrap_or_default());
    all
}

/// Repository and tag of an image, as far as it has them.
fn split_image(image: &str) -> (&str, Option<&str>) {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    }
}

/// `2.0.22-openssl` is 2.0, `2.1` is 2.1, `2` may be both.
fn version(tag: &str) -> Option<Version> {
    tag.split('-').next().and_then(|number| number.parse().ok())
}

fn configuration<'a>(
    bundle: &'a Bundle,
    pod: &Pod<'a>,
    container: &Container<'a>,
    path: &str,
) -> Option<Configuration<'a>> {
    let (file, template) = match files::locate(bundle, pod, container, path) {
        Place::File(file) => (file, false),
        // Another container writes it; what it writes is made from a text that it can see.
        Place::Writable(false) => (template(bundle, pod, path)?, true),
        _ => return None,
    };
    let document = Config::read(&file.text);
    Some(Configuration {
        file,
        document,
        template,
    })
}

/// The text that a file of a shared folder is made from: one of its name, or one that reads like a configuration.
fn template<'a>(bundle: &'a Bundle, pod: &Pod<'a>, path: &str) -> Option<File<'a>> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let files = files::mounted(bundle, pod);
    let by_name = files.iter().position(|file| file.key == name);
    let at = by_name.or_else(|| files.iter().position(|file| is_configuration(&file.text)))?;
    files.into_iter().nth(at)
}

fn is_configuration(text: &str) -> bool {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut all = 0;
    let known = lines
        .inspect(|_| all += 1)
        .filter(|line| {
            line.split_whitespace()
                .next()
                .is_some_and(|word| is_directive(word, Version::V2_1))
        })
        .count();
    known > 1 && known * 2 > all
}

/// The text of a file that a configuration names, where the bundle has it. A file in a folder that is filled at start is
/// looked for under its name.
fn named_file<'a>(bundle: &'a Bundle, broker: &Broker<'a>, path: &str) -> Option<File<'a>> {
    match files::locate(bundle, broker.pod, &broker.container, path) {
        Place::File(file) => Some(file),
        Place::Writable(_) => {
            let name = path.rsplit('/').next().unwrap_or_default();
            let files = files::mounted(bundle, broker.pod);
            files.into_iter().find(|file| file.key == name)
        }
        _ => None,
    }
}
