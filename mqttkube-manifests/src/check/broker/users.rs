//! The files about users and rights.

use std::collections::HashSet;

use mqttkube_mosquitto::{Lint, Severity, Version, lint_acl_file, lint_dynsec, lint_password_file};

use super::config::text;
use super::files::{File, Place, locate, texts};
use super::{Broker, named_file};
use crate::bundle::Bundle;
use crate::check::report::Findings;
use crate::check::rules;
use crate::check::secrets::is_password_line;

type Check = fn(&str, Version) -> Vec<Lint>;

/// Password files that no configuration of the bundle names: one inside of an image may.
pub(super) fn unnamed(bundle: &Bundle, brokers: &[Broker<'_>], findings: &mut Findings) {
    let mut named = HashSet::new();
    for broker in brokers {
        for path in password_files(broker) {
            let file = named_file(bundle, broker, &path);
            named.extend(file.map(|file| (file.object.key(), file.key)));
        }
    }
    for object in bundle.objects() {
        for file in texts(object) {
            let is_passwords = file.text.lines().any(is_password_line);
            if is_passwords && !named.contains(&(object.key(), file.key.clone())) {
                report(&file, lint_password_file(&file.text, Version::V2_0), findings);
            }
        }
    }
}

fn password_files(broker: &Broker<'_>) -> Vec<String> {
    let Some(configuration) = &broker.config else {
        return Vec::new();
    };
    let config = &configuration.document.config;
    std::iter::once(&config.security)
        .chain(config.listeners.iter().map(|listener| &listener.security))
        .chain(std::iter::once(&config.default_listener.security))
        .filter_map(|security| security.password_file.as_ref().map(ToString::to_string))
        .collect()
}

pub(super) fn check(bundle: &Bundle, broker: &Broker<'_>, findings: &mut Findings) {
    let Some(configuration) = &broker.config else {
        return;
    };
    let config = &configuration.document.config;
    let securities = std::iter::once(&config.security)
        .chain(config.listeners.iter().map(|listener| &listener.security))
        .chain(std::iter::once(&config.default_listener.security));
    let mut seen = Vec::new();
    for security in securities {
        let files = [
            (
                &security.password_file,
                (|text, version| lint_password_file(text, version)) as Check,
            ),
            (&security.acl_file, |text, _| lint_acl_file(text)),
        ];
        for (path, lint) in files {
            let Some(path) = path.as_ref().map(ToString::to_string) else {
                continue;
            };
            if !seen.contains(&path)
                && let Some(file) = named_file(bundle, broker, &path)
            {
                report(&file, lint(&file.text, broker.rules()), findings);
            }
            seen.push(path);
        }
        let options = security.plugins.iter().flat_map(|plugin| &plugin.options);
        for (_, path) in options.filter(|(name, _)| name.as_str() == "config_file") {
            dynamic(bundle, broker, path.as_str(), findings);
        }
    }
}

fn report(file: &File<'_>, lints: Vec<Lint>, findings: &mut Findings) {
    for lint in lints {
        let rule = match lint.severity {
            Severity::Error => &rules::USERS_REFUSED,
            Severity::Warning => &rules::USERS_RISK,
            Severity::Note => continue,
        };
        findings.add(rule, file.object, file.line(lint.line), text(&lint));
    }
}

/// The plugin writes its file, so it must not lie in a ConfigMap or Secret itself.
fn dynamic(bundle: &Bundle, broker: &Broker<'_>, path: &str, findings: &mut Findings) {
    if let Place::File(file) = locate(bundle, broker.pod, &broker.container, path) {
        let message = format!(
            "the dynamic-security plugin cannot write {path}, which is {}",
            file.object.key()
        );
        let at = broker.container.path(broker.pod, "volumeMounts");
        findings.add(&rules::DYNSEC_READ_ONLY, broker.pod.object, at, message);
    }
    if let Some(file) = named_file(bundle, broker, path) {
        report(&file, lint_dynsec(&file.text, broker.rules()), findings);
    }
}
