//! A broker at home: TLS with a certificate that cert-manager makes and renews, behind a port of every node.

mod certbot;

use std::collections::BTreeMap;

use mqttkube_mosquitto::Version;

use super::{ScenarioError, sample_rights, sample_users};
use crate::broker::{Auth, Broker, Exposure, Issuer, Listener, Persistence, SecretKey, Tls};
use crate::bundle::Bundle;
use crate::name::{
    ConfigKey, DnsLabel, DnsSubdomain, HostName, ImageRef, NodePort, Port, PortName, ServiceName,
};
use crate::quantity::Quantity;

pub use certbot::Certbot;

const MQTTS: PortName = PortName::literal("mqtts");

/// What only the owner knows.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePortBroker {
    /// The broker.
    pub name: ServiceName,
    /// Its namespace, which is one of the objects.
    pub namespace: DnsLabel,
    /// Which Mosquitto the image holds.
    pub version: Version,
    /// The image.
    pub image: ImageRef,
    /// The names that clients connect to.
    pub hosts: Vec<HostName>,
    /// Who makes the certificate.
    pub certificates: Certificates,
    /// The port of the nodes.
    pub node_port: NodePort,
    /// Who may come in, and what they may do.
    pub auth: Auth,
    /// The volume for sessions and retained messages.
    pub storage: Quantity,
}

/// Who makes the certificate.
#[derive(Clone, Debug, PartialEq)]
pub enum Certificates {
    /// cert-manager, by one of its issuers.
    CertManager(Issuer),
    /// certbot in the pod, for clusters without cert-manager.
    Certbot(Certbot),
}

impl NodePortBroker {
    /// The model: plain MQTT for pods of the namespace, TLS for everybody else. certbot is not part of it; see
    /// [`bundle`](Self::bundle).
    #[must_use]
    pub fn broker(&self) -> Broker {
        let tls = match &self.certificates {
            Certificates::CertManager(issuer) => Tls::issued(issuer.clone(), self.hosts.clone()),
            Certificates::Certbot(_) => Certbot::tls(),
        };
        let listeners = vec![
            Listener::new(PortName::literal("mqtt"), Port::literal(1883)),
            Listener::new(MQTTS, Port::literal(8883)).with_tls(tls),
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
        broker.create_namespace = true;
        broker.persistence = Some(Persistence::new(self.storage.clone()));
        broker.expose = vec![Exposure::NodePort(BTreeMap::from([(MQTTS, self.node_port)]))];
        broker
    }

    /// Its objects.
    ///
    /// # Errors
    /// When the inputs do not go together.
    pub fn bundle(&self) -> Result<Bundle, ScenarioError> {
        let broker = self.broker();
        let mut bundle = broker.bundle()?;
        if let Certificates::Certbot(certbot) = &self.certificates {
            certbot.add_to(&mut bundle, &broker, &MQTTS, &self.hosts)?;
        }
        Ok(bundle)
    }
}

/// Sample inputs.
///
/// # Panics
/// Never; the literals are right.
#[must_use]
pub fn sample_inputs() -> NodePortBroker {
    let mut auth = Auth::users(sample_users("mosquitto-users", &["camera", "home"]));
    auth.acl = sample_rights("camera", "home");
    NodePortBroker {
        name: ServiceName::literal("mosquitto"),
        namespace: DnsLabel::literal("mqtt"),
        version: Version::V2_0,
        image: "docker.io/library/eclipse-mosquitto:2.0.22"
            .parse()
            .expect("the literal is an image"),
        hosts: vec![HostName::literal("mqtt.example.com")],
        certificates: Certificates::CertManager(Issuer {
            name: DnsSubdomain::literal("letsencrypt"),
            kind: crate::broker::IssuerKind::ClusterIssuer,
            public: None,
        }),
        node_port: NodePort::literal(30_883),
        auth,
        storage: "1Gi".parse().expect("the literal is a quantity"),
    }
}

/// The objects of the sample.
///
/// # Errors
/// None; the sample is right.
pub fn sample() -> Result<Bundle, ScenarioError> {
    sample_inputs().bundle()
}

/// The objects of the sample with certbot in the pod.
///
/// # Errors
/// None; the sample is right.
///
/// # Panics
/// Never; the literals are right.
pub fn sample_certbot() -> Result<Bundle, ScenarioError> {
    let key = |key| SecretKey {
        secret: DnsSubdomain::literal("mqtt-credentials"),
        key: ConfigKey::literal(key),
    };
    let mut inputs = sample_inputs();
    inputs.certificates = Certificates::Certbot(Certbot {
        image: "docker.io/certbot/dns-cloudflare:v5.1.0"
            .parse()
            .expect("the literal is an image"),
        email: key("letsencrypt-email"),
        plugin: ConfigKey::literal("dns-cloudflare"),
        credentials: key("cloudflare.ini"),
    });
    inputs.bundle()
}
