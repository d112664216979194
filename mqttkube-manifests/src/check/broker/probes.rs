//! Probes against the listeners that they ask.

use serde_json::Value;

use super::{Broker, Listening, items, named_file};
use crate::bundle::Bundle;
use crate::check::report::Findings;
use crate::check::{Rule, rules};

const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];

pub(super) fn check(bundle: &Bundle, broker: &Broker<'_>, findings: &mut Findings) {
    let container = broker.container.value;
    let serves = items(&container["ports"]).next().is_some();
    if serves && PROBES.iter().all(|probe| container[*probe].is_null()) {
        let message = format!("container {} serves ports and has no probe", broker.name());
        let path = broker.container.path(broker.pod, "");
        findings.add(&rules::NO_PROBE, broker.pod.object, path, message);
    }
    if broker.config.is_none() {
        return;
    }
    for probe in PROBES {
        let action = &container[probe];
        let mut add = |rule: &Rule, member: &str, message: String| {
            let path = broker.container.path(broker.pod, &format!("{probe}.{member}"));
            findings.add(rule, broker.pod.object, path, message);
        };
        if !action["tcpSocket"].is_null() {
            tcp(broker, &action["tcpSocket"]["port"], &mut add);
        } else if !action["httpGet"].is_null() {
            http(bundle, broker, &action["httpGet"], &mut add);
        } else if !action["exec"].is_null() {
            exec(broker, &action["exec"]["command"], &mut add);
        }
    }
}

fn at<'a>(places: &'a [Listening<'a>], port: u16) -> Option<&'a Listening<'a>> {
    places.iter().find(|listening| listening.port == port)
}

fn tcp(broker: &Broker<'_>, port: &Value, add: &mut impl FnMut(&Rule, &str, String)) {
    let Some(number) = broker.port_number(port) else {
        return;
    };
    let places = broker.listening();
    let Some(listening) = at(&places, number).filter(|listening| !listening.local) else {
        // A sidecar may serve the port.
        if broker.stock && declared(broker, number) {
            let message = format!("the broker does not listen at {number}, so the probe always fails");
            add(&rules::PROBE_NOT_LISTENING, "tcpSocket.port", message);
        }
        return;
    };
    if listening.options.uses_tls() {
        let message =
            format!("every probe of {number} ends a TLS handshake, which the broker logs as an error");
        add(&rules::PROBE_BREAKS_TLS, "tcpSocket.port", message);
    }
}

/// The container itself says that it serves the port.
fn declared(broker: &Broker<'_>, number: u16) -> bool {
    items(&broker.container.value["ports"]).any(|port| port["containerPort"] == number)
}

fn http(bundle: &Bundle, broker: &Broker<'_>, get: &Value, add: &mut impl FnMut(&Rule, &str, String)) {
    let Some(number) = broker.port_number(&get["port"]) else {
        return;
    };
    let places = broker.listening();
    let Some(listening) = at(&places, number) else {
        if declared(broker, number) {
            let message = format!("the broker does not listen at {number}, so the probe always fails");
            add(&rules::PROBE_NOT_LISTENING, "httpGet.port", message);
        }
        return;
    };
    if !listening.speaks_http() {
        let message = format!("the listener at {number} speaks MQTT, not HTTP");
        add(&rules::PROBE_WRONG_PROTOCOL, "httpGet.port", message);
    } else if listening.local {
        let message =
            format!("the listener at {number} is bound to localhost, and the kubelet asks from outside");
        add(&rules::PROBE_NOT_LISTENING, "httpGet.port", message);
    } else if !broker.lets_anybody_in(listening) {
        let message = format!("the listener at {number} asks for a password, and a probe has none");
        add(&rules::PROBE_REFUSED, "httpGet.port", message);
    } else if !acl_allows(bundle, broker, get["path"].as_str().unwrap_or("/")) {
        let message =
            "the ACL file does not let clients without a name read the path of the probe".to_owned();
        add(&rules::PROBE_REFUSED, "httpGet.path", message);
    }
}

/// Without an ACL file everything is allowed; with one, anonymous clients read what stands before the first user.
fn acl_allows(bundle: &Bundle, broker: &Broker<'_>, path: &str) -> bool {
    let Some(configuration) = &broker.config else {
        return true;
    };
    let Some(acl) = &configuration.document.config.security.acl_file else {
        return true;
    };
    let Some(file) = named_file(bundle, broker, acl.as_str()) else {
        return true;
    };
    let mut anonymous = file.text.lines().take_while(|line| !line.starts_with("user "));
    anonymous.any(|line| {
        let mut words = line.split_whitespace();
        let topic = words.next() == Some("topic");
        let rest: Vec<&str> = words.collect();
        let filter = match rest.as_slice() {
            [filter] | ["read" | "readwrite", filter] => *filter,
            _ => return false,
        };
        topic && (filter == "#" || filter == path || covers(filter, path))
    })
}

/// `prefix/#` covers what lies below, with or without a slash in front, as the interface asks for it.
fn covers(filter: &str, path: &str) -> bool {
    filter
        .strip_suffix('#')
        .is_some_and(|prefix| path.starts_with(prefix))
}

fn exec(broker: &Broker<'_>, command: &Value, add: &mut impl FnMut(&Rule, &str, String)) {
    let words: Vec<&str> = items(command)
        .filter_map(Value::as_str)
        .flat_map(str::split_whitespace)
        .collect();
    let client = |word: &str| ["mosquitto_sub", "mosquitto_pub", "mosquitto_rr"].contains(&last(word));
    if !words.iter().any(|word| client(word)) {
        return;
    }
    let after = |options: [&str; 2]| {
        words
            .windows(2)
            .find(|pair| options.contains(&pair[0]))
            .map(|pair| pair[1])
    };
    let number = after(["-p", "--port"]).map_or(Some(1883), |port| port.parse().ok());
    let Some(number) = number else { return };
    let places = broker.listening();
    let Some(listening) = at(&places, number) else {
        let message = format!("the broker does not listen at {number}, so the probe always fails");
        add(&rules::PROBE_NOT_LISTENING, "exec.command", message);
        return;
    };
    if listening.options.enable_proxy_protocol.is_some() {
        let message =
            format!("the listener at {number} waits for a PROXY header, which the client does not send");
        add(&rules::PROBE_THROUGH_PROXY, "exec.command", message);
    } else if after(["-u", "--username"]).is_none() && !broker.lets_anybody_in(listening) {
        let message = format!("the listener at {number} asks for a user, and the client names none");
        add(&rules::PROBE_REFUSED, "exec.command", message);
    }
}

fn last(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}
