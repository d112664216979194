//! Secrets where they do not belong. Messages name the place, never the text.

use serde_json::Value;

use super::pod::{Pod, items};
use super::report::Findings;
use super::{Rule, rules};
use crate::bundle::Bundle;
use crate::object::Object;

pub(super) fn check(bundle: &Bundle, pods: &[Pod<'_>], findings: &mut Findings) {
    for object in bundle
        .objects()
        .iter()
        .filter(|object| object.kind() == "ConfigMap")
    {
        config_map(object, findings);
    }
    for pod in pods {
        containers(pod, findings);
    }
}

fn config_map(object: &Object, findings: &mut Findings) {
    let data = object.at("/data").as_object().into_iter().flatten();
    for (key, text) in data.filter_map(|(key, value)| Some((key, value.as_str()?))) {
        if let Some((rule, what)) = secret_in(key, text) {
            findings.add(
                rule,
                object,
                format!("data[{key}]"),
                format!("`{key}` holds {what}"),
            );
        }
    }
}

/// What kind of secret a text in a ConfigMap holds.
fn secret_in(key: &str, text: &str) -> Option<(&'static Rule, &'static str)> {
    if text.contains("PRIVATE KEY-----") {
        return Some((&rules::KEY_IN_CONFIG_MAP, "a private key"));
    }
    if text.lines().any(is_password_line) {
        return Some((&rules::PASSWORDS_IN_CONFIG_MAP, "password hashes of Mosquitto"));
    }
    let directive = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next().is_some_and(|name| SECRET_DIRECTIVES.contains(&name));
        // A placeholder is filled in elsewhere, and a file name is no secret.
        name && words.next().is_some_and(|value| !is_placeholder(value))
    };
    if text.lines().any(directive) {
        return Some((&rules::TOKEN_IN_CONFIG_MAP, "a bridge password"));
    }
    let plain = is_secret_name(key) && !text.trim().is_empty() && !text.contains('\n');
    (plain && !is_placeholder(text)).then_some((&rules::TOKEN_IN_CONFIG_MAP, "what its name calls a secret"))
}

const SECRET_DIRECTIVES: &[&str] = &["remote_password", "local_password", "password", "bridge_psk"];

/// `user:$7$…`, the form of a Mosquitto password file.
pub(super) fn is_password_line(line: &str) -> bool {
    let hash = line.split_once(':').map(|(_, hash)| hash);
    hash.is_some_and(|hash| {
        ["$6$", "$7$", "$argon2"]
            .iter()
            .any(|form| hash.starts_with(form))
    })
}

fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    let capitals = value
        .chars()
        .all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
    let shell = value.starts_with("${")
        || value.starts_with("$(")
        || value.starts_with("{{")
        || value.starts_with('<');
    shell || (capitals && value.contains('_'))
}

/// A name of a variable or key that calls its value a secret.
fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase().replace(['-', '.'], "_");
    let file = ["_file", "_path", "_name", "_dir"]
        .iter()
        .any(|end| lower.ends_with(end));
    let words = [
        "password",
        "passwd",
        "secret",
        "token",
        "api_key",
        "apikey",
        "private_key",
        "license_key",
    ];
    !file
        && words
            .iter()
            .any(|word| lower == *word || lower.ends_with(&format!("_{word}")))
}

fn containers(pod: &Pod<'_>, findings: &mut Findings) {
    for container in pod.containers() {
        for (index, variable) in items(&container.value["env"]).enumerate() {
            let (name, value) = (&variable["name"], &variable["value"]);
            let secret = name.as_str().is_some_and(is_secret_name);
            if secret
                && value
                    .as_str()
                    .is_some_and(|value| !value.is_empty() && !value.starts_with("$("))
            {
                let path = container.path(pod, &format!("env[{index}].value"));
                let message = format!(
                    "the variable {name} of container {} is written out",
                    container.name()
                );
                findings.add(&rules::SECRET_IN_ENV, pod.object, path, message);
            }
        }
        for member in ["command", "args"] {
            let words: Vec<&str> = items(&container.value[member])
                .filter_map(Value::as_str)
                .collect();
            for (index, word) in words.iter().enumerate() {
                if is_secret_argument(word, words.get(index + 1).copied()) {
                    let path = container.path(pod, &format!("{member}[{index}]"));
                    let message = format!("an argument of container {} is a password", container.name());
                    findings.add(&rules::SECRET_IN_ENV, pod.object, path, message);
                }
            }
        }
    }
}

/// `--password=x`, `--password x`, and `-P x` of the Mosquitto clients.
fn is_secret_argument(word: &str, next: Option<&str>) -> bool {
    let written = |value: &str| !value.is_empty() && !value.starts_with("$(") && !value.starts_with('-');
    match word.split_once('=') {
        Some((name, value)) => {
            let option = name.strip_prefix("--");
            option.is_some_and(is_secret_name) && written(value)
        }
        None if word == "-P" => next.is_some_and(written),
        None => word.strip_prefix("--").is_some_and(is_secret_name) && next.is_some_and(written),
    }
}
