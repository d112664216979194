//! How clients from outside of the cluster reach the broker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{AbsolutePath, Cidr, DnsLabel, DnsSubdomain, HostName, NodePort, PortName};

/// One way from outside to the broker. Listeners are named by their name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exposure {
    /// None beyond the Service that is always there; says so openly.
    ClusterIp {},
    /// A port of every node for each listener named.
    NodePort(BTreeMap<PortName, NodePort>),
    /// A load balancer of the cloud.
    LoadBalancer(LoadBalancer),
    /// A Route of OpenShift that passes TLS through; clients connect to port 443 with the host as SNI.
    Route(Route),
    /// A TLSRoute of the Gateway API that passes TLS through.
    TlsRoute(TlsRoute),
    /// An Ingress, for a WebSocket listener.
    Ingress(Ingress),
}

/// A Service of type LoadBalancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LoadBalancer {
    /// Which implementation; the cluster's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<DnsSubdomain>,
    /// Who may connect; everybody when empty.
    pub source_ranges: Vec<Cidr>,
    /// Which listeners; all encrypted ones when empty.
    pub listeners: Vec<PortName>,
}

/// A passthrough Route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Route {
    /// The name that clients use.
    pub host: DnsSubdomain,
    /// Which listener; the only encrypted one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<PortName>,
}

/// A TLSRoute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TlsRoute {
    /// Gateways that it is attached to; at least one.
    pub parents: Vec<Parent>,
    /// Names that clients use; at least one.
    pub hosts: Vec<HostName>,
    /// Which listener; the only encrypted one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<PortName>,
}

/// A Gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Parent {
    /// Its name.
    pub name: DnsSubdomain,
    /// Its namespace; that of the broker when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<DnsLabel>,
    /// One of its listeners; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<DnsSubdomain>,
}

/// An Ingress for MQTT in WebSocket frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ingress {
    /// The name that clients use.
    pub host: HostName,
    /// Which controller; the cluster's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<DnsSubdomain>,
    /// The path. Default `/mqtt`.
    #[serde(default = "mqtt_path")]
    pub path: AbsolutePath,
    /// A Secret with the certificate that the controller shows.
    pub tls_secret: DnsSubdomain,
    /// Which listener; the only one for WebSockets when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<PortName>,
}

const fn mqtt_path() -> AbsolutePath {
    AbsolutePath::literal("/mqtt")
}
