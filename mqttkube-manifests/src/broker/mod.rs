//! One Mosquitto broker as a model, and everything that it becomes in a cluster.
//!
//! [`Broker`] is plain data. [`Broker::bundle`] makes the objects of it, or says everything that is wrong with it, each
//! problem with its path inside the model.

mod assemble;
mod auth;
mod bridge;
mod check;
mod conf;
mod error;
mod exposed;
mod exposure;
mod files;
mod listener;
mod network;
mod place;
mod pod;
mod reload;
mod resolve;
mod secret;
mod settings;
mod spread;
mod workload;

use std::collections::BTreeMap;

use mqttkube_mosquitto::Version;
use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::name::{DnsLabel, DnsSubdomain, ImageRef, LabelKey, LabelValue, ServiceName};

pub use auth::{AclEntry, Auth, AuthMethod, ClientCertificates, Credential, DynamicSecurity, Subject, User};
pub use bridge::{Bridge, BridgePassword, BridgeTls};
pub use error::{ModelError, ModelProblem};
pub use exposure::{Exposure, Ingress, LoadBalancer, Parent, Route, TlsRoute};
pub use listener::{Certificate, Issuer, IssuerKind, Listener, Protocol, ProxyProtocol, Tls};
pub use network::{Network, Peer};
pub use reload::{Change, Effect, ReloadPlan};
pub use secret::{Redacted, SecretKey};
pub use settings::{Level, Limits, Logging, Persistence, Resources};
pub use workload::{
    Autoscaling, Cluster, Disruption, Exporter, Metrics, Monitor, Platform, Reload, Spread, Workload,
};

/// A broker. Its objects are named after it.
///
/// ```
/// use mqttkube_manifests::broker::{Auth, Broker, Listener, User};
/// use mqttkube_manifests::name::Port;
/// use mqttkube_mosquitto::Version;
///
/// let sensor = User::with_password("sensor".parse()?, &"open sesame".into(), b"stays with us")?;
/// let broker = Broker::new(
///     "mosquitto".parse()?,
///     "mqtt".parse()?,
///     Version::V2_0,
///     "eclipse-mosquitto:2.0.22".parse()?,
///     vec![Listener::new("mqtt".parse()?, Port::literal(1883))],
///     Auth::users(vec![sensor]),
/// );
/// assert_eq!(broker.listeners[0].port.number(), 1883);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Broker {
    /// The name of the workload and of the Service; other objects have it in front of theirs.
    pub name: ServiceName,
    /// Where its objects are.
    pub namespace: DnsLabel,
    /// Whether the namespace is one of the objects, labelled for the restricted level of Pod Security.
    #[serde(default)]
    pub create_namespace: bool,
    /// Labels of all objects, beside those that select.
    #[serde(default)]
    pub labels: BTreeMap<LabelKey, LabelValue>,
    /// Annotations of all objects.
    #[serde(default)]
    pub annotations: BTreeMap<LabelKey, String>,
    /// Which Mosquitto the image holds. It decides the configuration, the probes, the mounts and the hashes.
    pub version: Version,
    /// The image.
    pub image: ImageRef,
    /// Secrets with the credentials of the registry.
    #[serde(default)]
    pub pull_secrets: Vec<DnsSubdomain>,
    /// What it runs on.
    #[serde(default)]
    pub platform: Platform,
    /// Where clients connect; at least one that speaks MQTT.
    pub listeners: Vec<Listener>,
    /// Who may come in, and what they may do.
    pub auth: Auth,
    /// What is kept; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence: Option<Persistence>,
    /// Bounds of queues and packets.
    #[serde(default)]
    pub limits: Limits,
    /// Bridges to other brokers.
    #[serde(default)]
    pub bridges: Vec<Bridge>,
    /// What is logged.
    #[serde(default)]
    pub logging: Logging,
    /// The kind of object that makes the pod.
    #[serde(default)]
    pub workload: Workload,
    /// How clients from elsewhere reach it. Inside of the cluster there is always the Service.
    #[serde(default)]
    pub expose: Vec<Exposure>,
    /// Who may connect. When absent: pods of the namespace, and whoever an exposure is made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// What a node drain may do.
    #[serde(default)]
    pub disruption: Disruption,
    /// Which nodes the pods are spread over.
    #[serde(default)]
    pub spread: Spread,
    /// What is measured.
    #[serde(default)]
    pub metrics: Metrics,
    /// Processor and memory.
    #[serde(default)]
    pub resources: Resources,
    /// Who tells the broker that passwords, rights or certificates have changed.
    #[serde(default)]
    pub reload: Reload,
    /// Several replicas, for a broker that shares its sessions between them. Open-source Mosquitto does not: leave it
    /// `None`. Not part of a file.
    #[serde(skip)]
    pub cluster: Option<Cluster>,
}

impl Broker {
    /// A broker with nothing but what must be said.
    #[must_use]
    pub fn new(
        name: ServiceName,
        namespace: DnsLabel,
        version: Version,
        image: ImageRef,
        listeners: Vec<Listener>,
        auth: Auth,
    ) -> Self {
        Self {
            name,
            namespace,
            create_namespace: false,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            version,
            image,
            pull_secrets: Vec::new(),
            platform: Platform::default(),
            listeners,
            auth,
            persistence: None,
            limits: Limits::default(),
            bridges: Vec::new(),
            logging: Logging::default(),
            workload: Workload::default(),
            expose: Vec::new(),
            network: None,
            disruption: Disruption::default(),
            spread: Spread::default(),
            metrics: Metrics::default(),
            resources: Resources::default(),
            reload: Reload::default(),
            cluster: None,
        }
    }

    /// All objects.
    ///
    /// # Errors
    /// Everything that is wrong with the model, in the order of its parts.
    pub fn bundle(&self) -> Result<Bundle, Vec<ModelError>> {
        assemble::bundle(self)
    }
}
