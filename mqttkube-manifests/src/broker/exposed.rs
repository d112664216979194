//! Which listeners can be reached by which exposure.

use super::check;
use super::resolve::{Errors, listener};
use super::{Broker, Exposure, Listener, ModelError, Protocol};
use crate::name::PortName;

/// The only listener of a sort, where none is named.
fn only(
    broker: &Broker,
    wanted: impl Fn(&Listener) -> bool,
    what: &str,
    path: &str,
    errors: &mut Errors,
) -> Option<usize> {
    let mut fitting = (0..broker.listeners.len()).filter(|at| wanted(&broker.listeners[*at]));
    match (fitting.next(), fitting.next()) {
        (Some(at), None) => return Some(at),
        (None, _) => errors.push(ModelError::wrong(
            path,
            format!("there is no {what}"),
            "add one to `listeners`",
        )),
        _ => {
            let found = format!("there is more than one {what}");
            errors.push(ModelError::wrong(path, found, "say which one with `listener`"));
        }
    }
    None
}

fn is_encrypted(listener: &Listener) -> bool {
    listener.is_for_clients() && listener.tls.is_some()
}

pub(super) fn exposures(broker: &Broker, errors: &mut Errors) -> Vec<Vec<usize>> {
    let (mut node_ports, mut balancers) = (0, 0);
    let mut exposed = Vec::new();
    for (index, exposure) in broker.expose.iter().enumerate() {
        let path = format!("expose[{index}]");
        let (counted, member) = match exposure {
            Exposure::NodePort(_) => (Some(&mut node_ports), "node-port"),
            Exposure::LoadBalancer(_) => (Some(&mut balancers), "load-balancer"),
            _ => (None, ""),
        };
        if let Some(count) = counted {
            *count += 1;
            if *count == 2 {
                let found = format!("there are two exposures of the kind `{member}`");
                errors.push(ModelError::wrong(&*path, found, "name all listeners in one"));
            }
        }
        exposed.push(exposure_listeners(broker, exposure, &path, errors));
    }
    exposed
}

fn exposure_listeners(broker: &Broker, exposure: &Exposure, path: &str, errors: &mut Errors) -> Vec<usize> {
    match exposure {
        Exposure::ClusterIp {} => Vec::new(),
        Exposure::NodePort(map) => {
            let path = format!("{path}.node-port");
            check::node_ports(map, &path, errors);
            map.keys()
                .filter_map(|name| listener(broker, name, &format!("{path}.{name}"), errors))
                .collect()
        }
        Exposure::LoadBalancer(balancer) => balanced(
            broker,
            &balancer.listeners,
            &format!("{path}.load-balancer"),
            errors,
        ),
        Exposure::Route(route) => {
            found_by_name(broker, route.listener.as_ref(), &format!("{path}.route"), errors)
        }
        Exposure::TlsRoute(route) => {
            let path = format!("{path}.tls-route");
            let mut needed = |member: &str, missing: bool, found: &str| {
                if missing {
                    errors.push(ModelError::wrong(format!("{path}.{member}"), found, "name one"));
                }
            };
            needed("parents", route.parents.is_empty(), "there is no Gateway");
            needed("hosts", route.hosts.is_empty(), "there is no host");
            found_by_name(broker, route.listener.as_ref(), &path, errors)
        }
        Exposure::Ingress(ingress) => web(
            broker,
            ingress.listener.as_ref(),
            &format!("{path}.ingress"),
            errors,
        ),
    }
}

/// The listeners behind a load balancer: those named, else all that are encrypted.
fn balanced(broker: &Broker, names: &[PortName], path: &str, errors: &mut Errors) -> Vec<usize> {
    if !names.is_empty() {
        let named = names.iter().enumerate();
        return named
            .filter_map(|(at, name)| listener(broker, name, &format!("{path}.listeners[{at}]"), errors))
            .collect();
    }
    let all: Vec<usize> = (0..broker.listeners.len())
        .filter(|at| is_encrypted(&broker.listeners[*at]))
        .collect();
    if all.is_empty() {
        let found = "there is no encrypted listener";
        let instead = "add one, or name others with `listeners`";
        errors.push(ModelError::wrong(path, found, instead));
    }
    all
}

/// The listener that is found by the name in TLS.
fn found_by_name(broker: &Broker, name: Option<&PortName>, path: &str, errors: &mut Errors) -> Vec<usize> {
    let at = match name {
        Some(name) => listener(broker, name, &format!("{path}.listener"), errors),
        None => only(broker, is_encrypted, "encrypted listener", path, errors),
    };
    if let Some(plain) = at.filter(|at| broker.listeners[*at].tls.is_none()) {
        let found = format!(
            "the listener `{}` is not encrypted, and is found by the name in TLS",
            broker.listeners[plain].name
        );
        errors.push(ModelError::wrong(
            format!("{path}.listener"),
            found,
            "give it `tls`",
        ));
    }
    at.into_iter().collect()
}

/// The listener behind a controller that ends TLS itself.
fn web(broker: &Broker, name: Option<&PortName>, path: &str, errors: &mut Errors) -> Vec<usize> {
    let is_web = |listener: &Listener| listener.protocol == Protocol::WebSockets && listener.tls.is_none();
    let what = "listener for WebSockets without encryption";
    let Some(name) = name else {
        return only(broker, is_web, what, path, errors).into_iter().collect();
    };
    let path = format!("{path}.listener");
    let at = listener(broker, name, &path, errors);
    if at.is_some_and(|at| !is_web(&broker.listeners[at])) {
        let found = format!("`{name}` is no {what}, as a controller in front needs it");
        errors.push(ModelError::wrong(path, found, "name another one"));
    }
    at.into_iter().collect()
}
