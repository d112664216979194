//! Several stock Mosquitto that work as one: a hub, and spokes with a bridge to it. See [`crate::topology`].

use mqttkube_mosquitto::{TopicRule, Version};

use super::{ScenarioError, sample_users};
use crate::broker::{Auth, BridgePassword, BridgeTls, Broker, Listener, Persistence, SecretKey, Tls};
use crate::bundle::Bundle;
use crate::name::{Budget, ConfigKey, DnsLabel, DnsSubdomain, ImageRef, Port, PortName, ServiceName};
use crate::quantity::Quantity;
use crate::topology::{Login, Topology};

/// What only the owner knows.
#[derive(Clone, Debug, PartialEq)]
pub struct HubAndSpoke {
    /// The hub; spokes are named freely.
    pub hub: ServiceName,
    /// The spokes; at least one.
    pub spokes: Vec<ServiceName>,
    /// Their namespace, which is one of the objects.
    pub namespace: DnsLabel,
    /// Which Mosquitto the image holds.
    pub version: Version,
    /// The image.
    pub image: ImageRef,
    /// What all brokers share, as seen from a spoke, such as `# both 1`.
    pub topics: Vec<TopicRule>,
    /// Who may come in at each of them, and what they may do. The user of the bridges must be among them.
    pub auth: Auth,
    /// The certificate of the hub: bridges log in with a password, which goes over TLS alone. The names `HUB.NAMESPACE.svc`
    /// must be in it.
    pub hub_tls: Tls,
    /// How bridges log in at the hub, with the authority that signed its certificate.
    pub login: Login,
    /// The volume of each for sessions and retained messages.
    pub storage: Quantity,
}

impl HubAndSpoke {
    /// The model.
    #[must_use]
    pub fn topology(&self) -> Topology {
        let mut hub = self.broker(&self.hub);
        let encrypted = Listener::new(PortName::literal("mqtts"), Port::literal(8883));
        hub.listeners.push(encrypted.with_tls(self.hub_tls.clone()));
        let spokes = self.spokes.iter().map(|name| self.broker(name)).collect();
        Topology::star(hub, spokes, &self.topics, &self.login)
    }

    fn broker(&self, name: &ServiceName) -> Broker {
        let listener = Listener::new(PortName::literal("mqtt"), Port::literal(1883));
        let (namespace, auth) = (self.namespace.clone(), self.auth.clone());
        let mut broker = Broker::new(
            name.clone(),
            namespace,
            self.version,
            self.image.clone(),
            vec![listener],
            auth,
        );
        broker.create_namespace = true;
        broker.persistence = Some(Persistence::new(self.storage.clone()));
        broker
    }

    /// Its objects, after the proof.
    ///
    /// # Errors
    /// When a message would go round, or the inputs do not go together.
    pub fn bundle(&self) -> Result<Bundle, ScenarioError> {
        if self.spokes.is_empty() {
            return Err(ScenarioError::wrong(
                "there are no spokes",
                "a single broker needs no hub",
            ));
        }
        Ok(self.topology().bundle()?)
    }
}

/// Sample inputs: a hub and two spokes.
///
/// # Panics
/// Never; the literals are right.
#[must_use]
pub fn sample_inputs() -> HubAndSpoke {
    let hub = ServiceName::literal("hub");
    let spoke = |suffix| {
        Budget::new(suffix)
            .service(&ServiceName::literal("spoke"))
            .expect("it is short")
    };
    let key = |secret, key| SecretKey {
        secret: DnsSubdomain::literal(secret),
        key: ConfigKey::literal(key),
    };
    let authority = BridgeTls {
        authority: Some(key("hub-tls", "ca.crt")),
        ..BridgeTls::default()
    };
    HubAndSpoke {
        hub,
        spokes: vec![spoke("-east"), spoke("-west")],
        namespace: DnsLabel::literal("mqtt"),
        version: Version::V2_0,
        image: "docker.io/library/eclipse-mosquitto:2.0.22"
            .parse()
            .expect("the literal is an image"),
        topics: vec!["# both 1".parse().expect("the literal is a rule")],
        auth: Auth::users(sample_users("mosquitto-users", &["bridge", "client"])),
        hub_tls: Tls::existing(DnsSubdomain::literal("hub-tls")),
        login: Login {
            user: "bridge".parse().expect("the literal is a user name"),
            password: BridgePassword::Secret(key("mosquitto-users", "bridge")),
            tls: Some(authority),
        },
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
