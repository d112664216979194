//! The configuration of an HAProxy in front of the brokers, as far as it must agree with theirs.

use super::Broker;
use super::files::{File, text};
use crate::bundle::Bundle;
use crate::check::report::Findings;
use crate::check::rules;

pub(super) fn check(bundle: &Bundle, brokers: &[Broker<'_>], findings: &mut Findings) {
    for object in bundle
        .objects()
        .iter()
        .filter(|object| object.kind() == "ConfigMap")
    {
        let keys = object.at("/data").as_object().into_iter().flatten();
        for (key, text) in keys.filter_map(|(key, _)| text(object, key)) {
            if key.ends_with("haproxy.cfg") {
                let file = File {
                    object,
                    key,
                    text,
                    linked: true,
                };
                servers(brokers, &file, findings);
            }
        }
    }
}

fn servers(brokers: &[Broker<'_>], file: &File<'_>, findings: &mut Findings) {
    for (index, line) in file.text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (["server", _, address, ..] | ["server-template", _, _, address, ..]) = words.as_slice() else {
            continue;
        };
        if let Some(message) = disagreement(brokers, address, &words) {
            findings.add(
                &rules::PROXY_DISAGREES,
                file.object,
                file.line(index + 1),
                message,
            );
        }
    }
}

/// What the line says about the PROXY header, against what the listener expects.
fn disagreement(brokers: &[Broker<'_>], address: &str, words: &[&str]) -> Option<String> {
    let (host, port) = address.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let service = host.split('.').next()?;
    // A name of the form `_port._tcp.service` asks for SRV records.
    let broker = brokers.iter().find(|broker| {
        broker
            .services
            .iter()
            .any(|found| found.name() == service || host.contains(&format!(".{}.", found.name())))
    })?;
    let expected = broker
        .listening()
        .into_iter()
        .find(|listening| listening.port == port)?
        .options
        .enable_proxy_protocol
        .as_ref()
        .map(|version| version.get());
    let sent = if words.contains(&"send-proxy-v2") {
        Some(2)
    } else if words.contains(&"send-proxy") {
        Some(1)
    } else {
        None
    };
    match (sent, expected) {
        (Some(version), None) => Some(format!(
            "a PROXY header of version {version} is sent, and the listener at {port} takes it for a broken packet"
        )),
        (None, Some(version)) => Some(format!(
            "no PROXY header is sent, and the listener at {port} waits for one of version {version}"
        )),
        (Some(_), Some(2)) if words.contains(&"check") => Some(format!(
            "the health check begins with a LOCAL header, which the listener at {port} resets: every server is down"
        )),
        (Some(sent), Some(expected)) if i64::from(sent) != expected => Some(format!(
            "a PROXY header of version {sent} is sent, and the listener at {port} waits for version {expected}"
        )),
        (Some(_), Some(_)) if words.contains(&"check") && !words.contains(&"check-send-proxy") => Some(
            format!("the health check sends no PROXY header, and the listener at {port} waits for one"),
        ),
        _ => None,
    }
}
