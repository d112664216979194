//! A broker for OpenShift: a Route that passes TLS on, and a pod whose user the platform chooses.

use mqttkube_mosquitto::Version;

use super::{ScenarioError, sample_rights, sample_users};
use crate::broker::{Auth, Broker, Exposure, Issuer, Listener, Persistence, Platform, Route, Tls, Workload};
use crate::bundle::Bundle;
use crate::name::{DnsLabel, DnsSubdomain, ImageRef, Port, PortName, ServiceName};
use crate::quantity::Quantity;

/// What only the owner knows.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenShiftBroker {
    /// The broker.
    pub name: ServiceName,
    /// Its project.
    pub namespace: DnsLabel,
    /// Which Mosquitto the image holds.
    pub version: Version,
    /// The image.
    pub image: ImageRef,
    /// The name that clients connect to, on port 443 with SNI.
    pub host: DnsSubdomain,
    /// Who signs the certificate.
    pub issuer: Issuer,
    /// Who may come in, and what they may do.
    pub auth: Auth,
    /// The volume for sessions and retained messages; none when absent.
    pub storage: Option<Quantity>,
    /// Uses the older kind, which OpenShift has deprecated since 4.14.
    pub deployment_config: bool,
}

impl OpenShiftBroker {
    /// The model.
    #[must_use]
    pub fn broker(&self) -> Broker {
        let tls = Tls::issued(self.issuer.clone(), vec![self.host.clone().into()]);
        let listeners = vec![
            Listener::new(PortName::literal("mqtt"), Port::literal(1883)),
            Listener::new(PortName::literal("mqtts"), Port::literal(8883)).with_tls(tls),
        ];
        let (name, namespace) = (self.name.clone(), self.namespace.clone());
        let mut broker = Broker::new(
            name,
            namespace,
            self.version,
            self.image.clone(),
            listeners,
            self.auth.clone(),
        );
        broker.platform = Platform::OpenShift;
        broker.workload = if self.deployment_config {
            Workload::DeploymentConfig
        } else {
            Workload::Deployment
        };
        broker.persistence = self.storage.clone().map(Persistence::new);
        let host = self.host.clone();
        broker.expose = vec![Exposure::Route(Route { host, listener: None })];
        broker
    }

    /// Its objects.
    ///
    /// # Errors
    /// When the inputs do not go together.
    pub fn bundle(&self) -> Result<Bundle, ScenarioError> {
        Ok(self.broker().bundle()?)
    }
}

/// Sample inputs.
///
/// # Panics
/// Never; the literals are right.
#[must_use]
pub fn sample_inputs() -> OpenShiftBroker {
    let mut auth = Auth::users(sample_users("mosquitto-users", &["machine", "panel"]));
    auth.acl = sample_rights("machine", "panel");
    OpenShiftBroker {
        name: ServiceName::literal("mosquitto"),
        namespace: DnsLabel::literal("messaging"),
        version: Version::V2_0,
        image: "docker.io/library/eclipse-mosquitto:2.0.22"
            .parse()
            .expect("the literal is an image"),
        host: DnsSubdomain::literal("mosquitto.apps.example.com"),
        issuer: Issuer {
            name: DnsSubdomain::literal("company-ca"),
            kind: crate::broker::IssuerKind::ClusterIssuer,
            public: None,
        },
        auth,
        storage: Some("1Gi".parse().expect("the literal is a quantity")),
        deployment_config: false,
    }
}

/// The objects of the sample.
///
/// # Errors
/// None; the sample is right.
pub fn sample() -> Result<Bundle, ScenarioError> {
    sample_inputs().bundle()
}

/// The objects of the sample with a DeploymentConfig.
///
/// # Errors
/// None; the sample is right.
pub fn sample_deployment_config() -> Result<Bundle, ScenarioError> {
    let mut inputs = sample_inputs();
    inputs.deployment_config = true;
    inputs.bundle()
}
