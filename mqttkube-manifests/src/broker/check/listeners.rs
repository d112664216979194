//! Listeners: ports, protocols, encryption.

use mqttkube_mosquitto::Version;

use super::{MOST, twice};
use crate::broker::resolve::Errors;
use crate::broker::{AuthMethod, Broker, Certificate, ModelError, ModelProblem, Protocol, ProxyProtocol};

pub(in crate::broker) fn listeners(broker: &Broker, errors: &mut Errors) {
    let speaks = |protocol| {
        broker
            .listeners
            .iter()
            .any(|listener| listener.protocol == protocol)
    };
    if !broker
        .listeners
        .iter()
        .any(crate::broker::Listener::is_for_clients)
    {
        let instead = "write for example `{name: mqtt, port: 1883}`";
        errors.push(ModelError::wrong(
            "listeners",
            "there is no listener for clients",
            instead,
        ));
    } else if broker.version == Version::V2_0 && !speaks(Protocol::Mqtt) {
        let found = "Mosquitto 2.0 does not start when all listeners speak WebSocket";
        errors.push(ModelError::wrong(
            "listeners",
            found,
            "add one with `protocol: mqtt`",
        ));
    }
    for (index, listener) in broker.listeners.iter().enumerate() {
        let path = |member: &str| format!("listeners[{index}]{member}");
        let before = &broker.listeners[..index];
        if before.iter().any(|other| other.name == listener.name) {
            errors.push(twice(path(".name"), "the listener", &listener.name));
        }
        if let Some(other) = before.iter().find(|other| other.port == listener.port) {
            let problem = ModelProblem::PortTaken {
                port: listener.port,
                by: other.name.clone(),
            };
            errors.push(ModelError::new(path(".port"), problem));
        }
        if listener.port.is_privileged() {
            let found = format!("port {} is for root, which the broker is not", listener.port);
            errors.push(ModelError::wrong(
                path(".port"),
                found,
                "use one from 1024 upwards",
            ));
        }
        if listener.max_connections.is_some_and(|most| most > MOST) {
            let found = format!("more than {MOST} connections");
            errors.push(ModelError::wrong(
                path(".max-connections"),
                found,
                "leave it out for no limit",
            ));
        }
        one_listener(broker, index, errors);
    }
}

fn one_listener(broker: &Broker, index: usize, errors: &mut Errors) {
    let listener = &broker.listeners[index];
    let path = |member: &str| format!("listeners[{index}].{member}");
    let old = broker.version == Version::V2_0;
    if old && listener.protocol == Protocol::HttpApi {
        let found = "Mosquitto 2.0 has no HTTP interface";
        errors.push(ModelError::wrong(
            path("protocol"),
            found,
            "remove the listener, or use 2.1",
        ));
    }
    if listener.proxy_protocol.is_some() {
        if old {
            let found = "Mosquitto 2.0 does not read the PROXY header";
            errors.push(ModelError::wrong(
                path("proxy-protocol"),
                found,
                "remove it, or use 2.1",
            ));
        }
        if listener.protocol == Protocol::HttpApi {
            let found = "probes send no PROXY header";
            errors.push(ModelError::wrong(path("proxy-protocol"), found, "remove it"));
        }
        if listener.proxy_protocol == Some(ProxyProtocol::V2) && listener.tls.is_some() {
            let found = "with version 2 of the PROXY header the proxy ends TLS";
            errors.push(ModelError::wrong(
                path("tls"),
                found,
                "remove it, or use version 1",
            ));
        }
    }
    let issued = listener.tls.as_ref().map(|tls| &tls.certificate);
    if let Some(Certificate::Issued { issuer, .. }) = issued
        && issuer.is_public()
        && broker.certificate_hosts(listener).is_empty()
    {
        let found = format!("`{}` signs public names alone, and there is none", issuer.name);
        let instead = "name the hosts that clients use, or write `public: false` for the issuer";
        errors.push(ModelError::wrong(path("tls.hosts"), found, instead));
    }
    let certificates = matches!(broker.auth.method, AuthMethod::ClientCertificates(_));
    if certificates && listener.is_for_clients() && listener.tls.is_none() && !listener.anonymous {
        let found = "clients show certificates, which needs encryption";
        errors.push(ModelError::wrong(path("tls"), found, "add `tls`"));
    }
}
