//! Bridges to other brokers.

use super::twice;
use crate::broker::resolve::Errors;
use crate::broker::{Broker, ModelError};

pub(in crate::broker) fn bridges(broker: &Broker, errors: &mut Errors) {
    for (index, bridge) in broker.bridges.iter().enumerate() {
        let path = |member: &str| format!("bridges[{index}].{member}");
        if broker.bridges[..index]
            .iter()
            .any(|other| other.name == bridge.name)
        {
            errors.push(twice(path("name"), "the bridge", &bridge.name));
        }
        if bridge.rules.is_empty() {
            let instead = "write for example `topic events/# out 1`";
            errors.push(ModelError::wrong(
                path("rules"),
                "the bridge carries nothing",
                instead,
            ));
        }
        if bridge.password.is_some() && bridge.username.is_none() {
            let found = "without a user name the password is not sent";
            errors.push(ModelError::wrong(path("password"), found, "add `username`"));
        }
        let pair = bridge
            .tls
            .as_ref()
            .map(|tls| (tls.certificate.is_some(), tls.key.is_some()));
        if pair.is_some_and(|(certificate, key)| certificate != key) {
            let found = "a certificate and its key go together";
            errors.push(ModelError::wrong(
                path("tls"),
                found,
                "give both `certificate` and `key`, or none",
            ));
        }
        for (at, rule) in bridge.rules.iter().enumerate() {
            if !broker.version.quotes_patterns() && rule.pattern().contains(' ') {
                let found = "a pattern with a blank needs Mosquitto 2.1";
                errors.push(ModelError::wrong(
                    path(&format!("rules[{at}]")),
                    found,
                    "use another topic",
                ));
            }
        }
    }
}
