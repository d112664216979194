//! Ways from outside, certificates and monitors.

use serde_json::{Value, json};

use super::{App, ContainerPort, Service};
use crate::broker::{Ingress, Issuer, Parent};
use crate::name::{DnsSubdomain, HostName};
use crate::object::Object;

/// A certificate of cert-manager in a Secret of the same name. Its private key is a new one at each renewal.
#[must_use]
pub fn certificate(app: &App, name: &DnsSubdomain, issuer: &Issuer, hosts: &[HostName]) -> Object {
    let spec = json!({
        "secretName": name,
        "dnsNames": hosts,
        "issuerRef": {"group": "cert-manager.io", "kind": issuer.kind, "name": issuer.name},
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "usages": ["digital signature", "key encipherment", "server auth"],
    });
    app.object(
        "cert-manager.io/v1",
        "Certificate",
        name.as_str(),
        [("spec", spec)],
    )
}

/// A Route that passes TLS through to a port of a Service.
#[must_use]
pub fn route(
    app: &App,
    name: &str,
    host: &DnsSubdomain,
    service: &Service<'_>,
    port: &ContainerPort,
) -> Object {
    let spec = json!({
        "host": host,
        "to": {"kind": "Service", "name": service.name(), "weight": 100},
        "port": {"targetPort": port.name()},
        "tls": {"termination": "passthrough", "insecureEdgeTerminationPolicy": "None"},
        "wildcardPolicy": "None",
    });
    app.object("route.openshift.io/v1", "Route", name, [("spec", spec)])
}

/// A TLSRoute to a port of a Service.
#[must_use]
pub fn tls_route(
    app: &App,
    name: &str,
    (parents, hosts): (&[Parent], &[HostName]),
    service: &Service<'_>,
    port: &ContainerPort,
) -> Object {
    let parent = |parent: &Parent| {
        let mut value = json!({"name": parent.name});
        if let Some(namespace) = &parent.namespace {
            value["namespace"] = json!(namespace);
        }
        if let Some(section) = &parent.section {
            value["sectionName"] = json!(section);
        }
        value
    };
    let spec = json!({
        "parentRefs": parents.iter().map(parent).collect::<Vec<Value>>(),
        "hostnames": hosts,
        "rules": [{"backendRefs": [{"name": service.name(), "port": port.number()}]}],
    });
    app.object("gateway.networking.k8s.io/v1", "TLSRoute", name, [("spec", spec)])
}

/// An Ingress to a port of a Service.
#[must_use]
pub fn ingress(
    app: &App,
    name: &str,
    ingress: &Ingress,
    service: &Service<'_>,
    port: &ContainerPort,
) -> Object {
    let backend = json!({"service": {"name": service.name(), "port": {"name": port.name()}}});
    let path = json!({"path": ingress.path, "pathType": "Prefix", "backend": backend});
    let mut spec = json!({
        "tls": [{"hosts": [ingress.host], "secretName": ingress.tls_secret}],
        "rules": [{"host": ingress.host, "http": {"paths": [path]}}],
    });
    if let Some(class) = &ingress.class {
        spec["ingressClassName"] = json!(class);
    }
    app.object("networking.k8s.io/v1", "Ingress", name, [("spec", spec)])
}

/// A PodMonitor for a port that serves `/metrics`.
#[must_use]
pub fn pod_monitor(app: &App, port: &ContainerPort) -> Object {
    let spec = json!({
        "selector": {"matchLabels": app.selector()},
        "podMetricsEndpoints": [{"port": port.name(), "path": "/metrics", "interval": "30s"}],
    });
    app.object(
        "monitoring.coreos.com/v1",
        "PodMonitor",
        app.name().as_str(),
        [("spec", spec)],
    )
}

/// A ServiceMonitor for a port that serves `/metrics`. It finds Services by the labels of the application, so only one of
/// them may have a port of that name.
#[must_use]
pub fn service_monitor(app: &App, port: &ContainerPort) -> Object {
    let spec = json!({
        "selector": {"matchLabels": app.selector()},
        "endpoints": [{"port": port.name(), "path": "/metrics", "interval": "30s"}],
    });
    app.object(
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        app.name().as_str(),
        [("spec", spec)],
    )
}
