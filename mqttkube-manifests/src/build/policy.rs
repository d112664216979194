//! Who may talk to whom.

use serde_json::{Value, json};

use super::{App, ContainerPort};
use crate::name::{Cidr, Port};
use crate::object::Object;

/// Somebody who may connect.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Allowed {
    /// Everybody, inside and outside.
    Everybody,
    /// All pods of the policy's namespace.
    OwnNamespace,
    /// Pods of the application itself.
    Itself,
    /// Pods of the namespaces with these labels, which have those labels where they are given.
    Pods {
        /// Labels of the namespace; `None` is the policy's own.
        namespace: Option<Value>,
        /// Labels of the pods; `None` is all.
        labels: Option<Value>,
    },
    /// Addresses.
    Addresses(Cidr),
}

/// What pods of an application may receive and send. Whatever is not allowed is forbidden.
#[derive(Clone, Debug)]
pub struct NetworkPolicy<'a> {
    app: &'a App,
    name: String,
    ingress: Vec<Value>,
    egress: Vec<Value>,
}

impl Allowed {
    /// All pods of a namespace.
    #[must_use]
    pub fn namespace(name: &str) -> Self {
        Self::Pods {
            namespace: Some(json!({"kubernetes.io/metadata.name": name})),
            labels: None,
        }
    }

    /// `None` stands for everybody.
    fn peer(&self, app: &App) -> Option<Value> {
        let selector = |labels: &Value| json!({"matchLabels": labels});
        Some(match self {
            Self::Everybody => return None,
            Self::OwnNamespace => json!({"podSelector": {}}),
            Self::Itself => json!({"podSelector": selector(&app.selector())}),
            Self::Pods { namespace, labels } => {
                let mut peer = json!({});
                if let Some(namespace) = namespace {
                    peer["namespaceSelector"] = selector(namespace);
                }
                if labels.is_some() || namespace.is_none() {
                    peer["podSelector"] = labels.as_ref().map_or_else(|| json!({}), selector);
                }
                peer
            }
            Self::Addresses(range) => json!({"ipBlock": {"cidr": range}}),
        })
    }
}

impl<'a> NetworkPolicy<'a> {
    /// Nothing is allowed yet, in neither direction.
    #[must_use]
    pub fn new(app: &'a App, name: &str) -> Self {
        Self {
            app,
            name: name.to_owned(),
            ingress: Vec::new(),
            egress: Vec::new(),
        }
    }

    /// Lets somebody in to some ports. An empty list of either allows nothing.
    #[must_use]
    pub fn allow(mut self, from: &[Allowed], ports: &[ContainerPort]) -> Self {
        if from.is_empty() || ports.is_empty() {
            return self;
        }
        let port = |port: &ContainerPort| json!({"port": port.name(), "protocol": "TCP"});
        let ports: Vec<Value> = ports.iter().map(port).collect();
        let peers: Option<Vec<Value>> = from.iter().map(|allowed| allowed.peer(self.app)).collect();
        self.ingress.push(match peers {
            Some(peers) => json!({"from": peers, "ports": ports}),
            None => json!({"ports": ports}),
        });
        self
    }

    /// Lets the pods connect to some ports of somebody. An empty list of either allows nothing.
    #[must_use]
    pub fn reach(mut self, to: &[Allowed], ports: &[Port]) -> Self {
        if to.is_empty() || ports.is_empty() {
            return self;
        }
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| json!({"port": port, "protocol": "TCP"}))
            .collect();
        let peers: Option<Vec<Value>> = to.iter().map(|allowed| allowed.peer(self.app)).collect();
        self.egress.push(match peers {
            Some(peers) => json!({"to": peers, "ports": ports}),
            None => json!({"ports": ports}),
        });
        self
    }

    /// Lets the pods look up names.
    #[must_use]
    pub fn look_up_names(mut self) -> Self {
        let ports = json!([{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]);
        self.egress.push(json!({"ports": ports}));
        self
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> Object {
        let spec = json!({
            "podSelector": {"matchLabels": self.app.selector()},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": self.ingress,
            "egress": self.egress,
        });
        self.app.object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            &self.name,
            [("spec", spec)],
        )
    }
}
