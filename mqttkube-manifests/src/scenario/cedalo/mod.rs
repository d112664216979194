//! Cedalo's Mosquitto as a cluster of three, with its management centre, behind HAProxy.
//!
//! The brokers are proprietary and need a licence. Traffic between them is not encrypted, so policies keep everybody else
//! off the ports `control` (1885) and `raft` (7000). What is written here follows Cedalo's public documentation.

mod center;
mod cluster;
mod operator;
mod proxy;

use crate::broker::{Autoscaling, Certificate, Platform, SecretKey};
use crate::bundle::Bundle;
use crate::name::{
    ConfigKey, DnsLabel, DnsSubdomain, HostName, ImageRef, NodePort, Port, PortName, ServiceName,
};
use crate::quantity::Quantity;

use super::ScenarioError;

const CONTROL: (PortName, Port) = (PortName::literal("control"), Port::literal(1885));
const RAFT: (PortName, Port) = (PortName::literal("raft"), Port::literal(7000));
/// Where a leader lets clients in.
const LEADER: (PortName, Port) = (PortName::literal("mqtt-leader"), Port::literal(1884));

/// What only the owner knows.
#[derive(Clone, Debug, PartialEq)]
pub struct CedaloCluster {
    /// The brokers; other objects have it in front of their names.
    pub name: ServiceName,
    /// Their namespace.
    pub namespace: DnsLabel,
    /// What it runs on.
    pub platform: Platform,
    /// The image of the brokers, with Mosquitto 2.1 or the line that it says.
    pub image: ImageRef,
    /// Which Mosquitto that is.
    pub version: mqttkube_mosquitto::Version,
    /// How many brokers; at least 3, of which 2 must live.
    pub replicas: u16,
    /// The licence.
    pub license: SecretKey,
    /// The file of dynamic security that the brokers start from.
    pub users: SecretKey,
    /// The volume of each broker.
    pub storage: Quantity,
    /// What the brokers share.
    pub sync: Sync,
    /// The management centre.
    pub center: ManagementCenter,
    /// The proxy that clients connect to.
    pub proxy: ProxyInputs,
    /// Changes the number of brokers by load; see [`Scaling`].
    pub scaling: Option<Scaling>,
}

/// What brokers of a cluster share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Sessions, messages and users. One broker, the leader, serves clients; the others are ready to take over.
    Full,
    /// Users alone. All serve clients, and do not see each other's messages.
    DynSec,
}

/// The management centre.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagementCenter {
    /// Its image.
    pub image: ImageRef,
    /// Its port on every node; inside of the cluster only when absent.
    pub node_port: Option<NodePort>,
    /// A Secret with the keys `broker-username`, `broker-password`, `username`, `password` and `session-secret`.
    pub secret: DnsSubdomain,
}

/// The proxy that clients connect to.
#[derive(Clone, Debug, PartialEq)]
pub struct ProxyInputs {
    /// The image of HAProxy.
    pub image: ImageRef,
    /// The certificate that clients see.
    pub certificate: Certificate,
    /// Its port on every node.
    pub node_port: NodePort,
}

/// Changes the number of brokers by load.
///
/// A broker must leave the cluster before its pod goes, or the others count it as dead and lose their majority. An
/// autoscaler alone does not do that. Somebody has to call the control interface: an operator, which watches the
/// StatefulSet and sends `removeNode` and `addNode`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// Bounds.
    pub bounds: Autoscaling,
    /// The image of the operator. With [`Sync::Full`] it must be there.
    pub operator: Option<ImageRef>,
}

impl CedaloCluster {
    /// Its objects.
    ///
    /// # Errors
    /// When the inputs do not go together.
    pub fn bundle(&self) -> Result<Bundle, ScenarioError> {
        self.verify()?;
        let mut bundle = cluster::bundle(self)?;
        center::add(self, &mut bundle)?;
        proxy::add(self, &mut bundle)?;
        if let Some(image) = self
            .scaling
            .as_ref()
            .and_then(|scaling| scaling.operator.as_ref())
        {
            operator::add(self, image, &mut bundle)?;
        }
        Ok(bundle)
    }

    fn verify(&self) -> Result<(), ScenarioError> {
        if self.replicas < 3 {
            let found = format!("{} brokers have no majority when one is gone", self.replicas);
            return Err(ScenarioError::wrong(found, "write 3 or more"));
        }
        let Some(scaling) = &self.scaling else {
            return Ok(());
        };
        if scaling.operator.is_none() && self.sync == Sync::Full {
            return Err(ScenarioError::wrong(
                "an autoscaler removes a broker without telling the cluster, and in full mode only the leader has load",
                "name the image of an operator that calls removeNode before a pod goes, or use a fixed number of brokers",
            ));
        }
        if scaling.bounds.min < 3 || scaling.bounds.max < scaling.bounds.min {
            let found = format!(
                "the bounds of the autoscaler are {} to {}",
                scaling.bounds.min, scaling.bounds.max
            );
            return Err(ScenarioError::wrong(
                found,
                "write at least 3, and the larger one last",
            ));
        }
        Ok(())
    }

    /// The host of one broker inside of the cluster.
    fn host(&self, index: u16) -> String {
        format!("{0}-{index}.{0}-headless.{1}.svc", self.name, self.namespace)
    }
}

/// Sample inputs.
///
/// # Panics
/// Never; the literals are right.
#[must_use]
pub fn sample_inputs() -> CedaloCluster {
    let image = |text: &str| text.parse::<ImageRef>().expect("the literal is an image");
    let key = |secret: &'static str, key: &'static str| SecretKey {
        secret: DnsSubdomain::literal(secret),
        key: ConfigKey::literal(key),
    };
    CedaloCluster {
        name: ServiceName::literal("mosquitto"),
        namespace: DnsLabel::literal("messaging"),
        platform: Platform::Kubernetes,
        image: image("registry.cedalo.com/mosquitto/mosquitto:2.8"),
        version: mqttkube_mosquitto::Version::V2_0,
        replicas: 3,
        license: key("cedalo-license", "license.lic"),
        users: key("mosquitto-dynamic-security", "dynamic-security.json"),
        storage: "10Gi".parse().expect("the literal is a quantity"),
        sync: Sync::Full,
        center: ManagementCenter {
            image: image("registry.cedalo.com/cedalo/management-center:2.8"),
            node_port: Some(NodePort::literal(30_088)),
            secret: DnsSubdomain::literal("management-center"),
        },
        proxy: ProxyInputs {
            image: image("docker.io/library/haproxy:2.6-alpine"),
            certificate: Certificate::Issued {
                issuer: crate::broker::Issuer {
                    name: DnsSubdomain::literal("company-ca"),
                    kind: crate::broker::IssuerKind::ClusterIssuer,
                    public: None,
                },
                hosts: vec![HostName::literal("mqtt.example.com")],
            },
            node_port: NodePort::literal(30_883),
        },
        scaling: None,
    }
}

/// The objects of the sample.
///
/// # Errors
/// None; the sample is right.
pub fn sample() -> Result<Bundle, ScenarioError> {
    sample_inputs().bundle()
}

/// The objects of the sample that changes the number of its brokers, with an operator.
///
/// # Errors
/// None; the sample is right.
///
/// # Panics
/// Never; the literal is right.
pub fn sample_autoscaling() -> Result<Bundle, ScenarioError> {
    let operator = "registry.cedalo.com/cedalo/cluster-operator:2.8".parse();
    let bounds = Autoscaling {
        min: 3,
        max: 5,
        cpu: 60,
    };
    let mut inputs = sample_inputs();
    inputs.sync = Sync::DynSec;
    inputs.scaling = Some(Scaling {
        bounds,
        operator: Some(operator.expect("the literal is an image")),
    });
    inputs.bundle()
}
