//! Services.

use serde_json::{Map, Value, json};

use super::{App, ContainerPort};
use crate::name::{Cidr, DnsSubdomain, NodePort, Port};
use crate::object::Object;

/// A Service for the pods of an application.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    app: &'a App,
    name: String,
    kind: Kind,
    ports: Vec<Value>,
    more: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ClusterIp,
    Headless,
    NodePort,
    LoadBalancer,
}

impl<'a> Service<'a> {
    fn of_kind(app: &'a App, name: &str, kind: Kind) -> Self {
        Self {
            app,
            name: name.to_owned(),
            kind,
            ports: Vec::new(),
            more: Map::new(),
        }
    }

    /// One address inside of the cluster.
    #[must_use]
    pub fn new(app: &'a App, name: &str) -> Self {
        Self::of_kind(app, name, Kind::ClusterIp)
    }

    /// No address of its own: a name for each pod.
    #[must_use]
    pub fn headless(app: &'a App, name: &str) -> Self {
        Self::of_kind(app, name, Kind::Headless)
    }

    /// A port of every node.
    #[must_use]
    pub fn node_port(app: &'a App, name: &str) -> Self {
        Self::of_kind(app, name, Kind::NodePort)
    }

    /// A load balancer of the cloud, for clients from the ranges, or for everybody when there are none. With ranges
    /// connections are not forwarded between nodes, so that the addresses of clients are seen.
    #[must_use]
    pub fn load_balancer(app: &'a App, name: &str, class: Option<&DnsSubdomain>, ranges: &[Cidr]) -> Self {
        let mut service = Self::of_kind(app, name, Kind::LoadBalancer);
        if let Some(class) = class {
            service.more.insert("loadBalancerClass".to_owned(), json!(class));
        }
        if !ranges.is_empty() {
            service
                .more
                .insert("loadBalancerSourceRanges".to_owned(), json!(ranges));
            service
                .more
                .insert("externalTrafficPolicy".to_owned(), json!("Local"));
        }
        service
    }

    /// Adds a port of the pods, under its own number.
    #[must_use]
    pub fn port(self, port: &ContainerPort) -> Self {
        let number = port.number();
        self.port_as(port, number)
    }

    /// Adds a port of the pods under another number.
    #[must_use]
    pub fn port_as(mut self, port: &ContainerPort, number: Port) -> Self {
        self.ports
            .push(json!({"name": port.name(), "port": number, "targetPort": port.name(), "protocol": "TCP"}));
        self
    }

    /// Adds a port of the pods, and the port of the nodes that leads to it.
    #[must_use]
    pub fn port_on_nodes(mut self, port: &ContainerPort, node_port: NodePort) -> Self {
        self = self.port(port);
        if let Some(last) = self.ports.last_mut() {
            last["nodePort"] = json!(node_port);
        }
        self
    }

    /// Pods have names before they are ready, for those that need each other to become so.
    #[must_use]
    pub fn with_unready(mut self) -> Self {
        self.more
            .insert("publishNotReadyAddresses".to_owned(), json!(true));
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_headless(&self) -> bool {
        self.kind == Kind::Headless
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> Object {
        let kind = match self.kind {
            Kind::ClusterIp | Kind::Headless => "ClusterIP",
            Kind::NodePort => "NodePort",
            Kind::LoadBalancer => "LoadBalancer",
        };
        let mut spec = json!({"type": kind});
        if self.kind == Kind::Headless {
            spec["clusterIP"] = json!("None");
        }
        for (member, value) in &self.more {
            spec[member] = value.clone();
        }
        spec["selector"] = self.app.selector();
        spec["ports"] = json!(self.ports);
        self.app.object("v1", "Service", &self.name, [("spec", spec)])
    }
}
