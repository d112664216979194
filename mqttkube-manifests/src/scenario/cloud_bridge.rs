//! A bridge between a broker in the cluster and an MQTT service in a cloud whose password is a token that ends.
//!
//! In the form [`Form::Sidecar`] a stock Mosquitto has the bridge, and a refresher beside it writes a configuration with a
//! new token and ends the broker by SIGTERM; the key is in the refresher alone. In the form [`Form::Relay`] a program of
//! its own carries the messages and renews the token without a restart of anything.

mod config;
mod relay;
mod sidecar;

use mqttkube_mosquitto::{TopicRule, Version};

use super::ScenarioError;
use crate::broker::{SecretKey, User};
use crate::bundle::Bundle;
use crate::name::{ConfigKey, DnsLabel, DnsSubdomain, HostName, ImageRef, Port, ServiceName};
use crate::quantity::Quantity;

/// What only the owner knows.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudBridge {
    /// The bridge; its objects are named after it.
    pub name: ServiceName,
    /// Its namespace.
    pub namespace: DnsLabel,
    /// Who it is at the service.
    pub device: Device,
    /// The private key that tokens are signed with, PEM.
    pub key: SecretKey,
    /// What goes over it, as seen from the broker in the cluster.
    pub rules: Vec<TopicRule>,
    /// Which program carries the messages.
    pub form: Form,
}

/// A device of a service of the shape of Google's IoT Core, which ClearBlade runs today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Project.
    pub project: DnsLabel,
    /// Region, such as `us-central1`.
    pub region: DnsLabel,
    /// Registry.
    pub registry: ConfigKey,
    /// Device.
    pub id: ConfigKey,
}

/// Which program carries the messages.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// A stock Mosquitto with a refresher beside it.
    Sidecar(Sidecar),
    /// A relay.
    Relay(Relay),
}

/// A stock Mosquitto with a refresher beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sidecar {
    /// The image of jwt-refresher.
    pub refresher: ImageRef,
    /// The image of Mosquitto.
    pub broker: ImageRef,
    /// Which Mosquitto that is.
    pub version: Version,
    /// Users of the broker in the cluster, by hash.
    pub users: Vec<User>,
    /// The volume for sessions and for what waits for the cloud.
    pub storage: Quantity,
}

/// A relay.
#[derive(Clone, Debug, PartialEq)]
pub struct Relay {
    /// The image of cloud-bridge.
    pub image: ImageRef,
    /// The host of the broker in the cluster.
    pub broker: HostName,
    /// Its port.
    pub port: Port,
    /// User name at the broker, with the Secret of its password; none when absent.
    pub login: Option<(ServiceName, SecretKey)>,
    /// A volume for what waits for the cloud. Without it the session at the broker is the store.
    pub outbox: Option<Quantity>,
}

impl CloudBridge {
    /// The same bridge for another environment: another project, device and key, under the same names.
    #[must_use]
    pub fn with_device(&self, device: Device, key: SecretKey) -> Self {
        Self {
            device,
            key,
            ..self.clone()
        }
    }

    /// Its objects.
    ///
    /// # Errors
    /// When the inputs do not go together.
    pub fn bundle(&self) -> Result<Bundle, ScenarioError> {
        if self.rules.is_empty() {
            let instead = "give at least one, such as `events/# out 1 gcp/ /devices/bridge/`";
            return Err(ScenarioError::wrong("the bridge has no rules", instead));
        }
        match &self.form {
            Form::Sidecar(form) => sidecar::bundle(self, form),
            Form::Relay(form) => relay::bundle(self, form),
        }
    }

    /// The configuration file of the program that carries the messages or renews the token, as YAML.
    #[must_use]
    pub fn config(&self) -> String {
        config::text(self)
    }
}

fn sample_inputs(form: Form) -> CloudBridge {
    let rule = |text: &str| text.parse().expect("the literal is a rule");
    CloudBridge {
        name: ServiceName::literal("cloud-bridge"),
        namespace: DnsLabel::literal("iot"),
        device: Device {
            project: DnsLabel::literal("my-project"),
            region: DnsLabel::literal("us-central1"),
            registry: ConfigKey::literal("gadgets"),
            id: ConfigKey::literal("bridge"),
        },
        key: SecretKey {
            secret: DnsSubdomain::literal("cloud-bridge-key"),
            key: ConfigKey::literal("ec_private.pem"),
        },
        rules: vec![
            rule("events/# out 1 gcp/ /devices/bridge/"),
            rule("state out 1 gcp/ /devices/bridge/"),
            rule("config in 1 gcp/ /devices/bridge/"),
            rule("commands/# in 1 gcp/ /devices/bridge/"),
        ],
        form,
    }
}

fn image(text: &str) -> ImageRef {
    text.parse().expect("the literal is an image")
}

/// Sample inputs of the form with a refresher.
///
/// # Panics
/// Never; the literals are right.
#[must_use]
pub fn sample_sidecar_inputs() -> CloudBridge {
    let name = "sensor".parse().expect("the literal is a user name");
    let user = User::with_password(name, &"a sample, not a secret".into(), b"cloud-bridge");
    sample_inputs(Form::Sidecar(Sidecar {
        refresher: image("localhost/jwt-refresher:0.1.0"),
        broker: image("docker.io/library/eclipse-mosquitto:2.0.22"),
        version: Version::V2_0,
        users: vec![user.expect("the number of rounds is allowed")],
        storage: "1Gi".parse().expect("the literal is a quantity"),
    }))
}

/// Sample inputs of the form with a relay.
///
/// # Panics
/// Never; the literals are right.
#[must_use]
pub fn sample_relay_inputs() -> CloudBridge {
    let password = SecretKey {
        secret: DnsSubdomain::literal("mosquitto-users"),
        key: ConfigKey::literal("cloud-bridge"),
    };
    sample_inputs(Form::Relay(Relay {
        image: image("localhost/cloud-bridge:0.1.0"),
        broker: HostName::literal("mosquitto"),
        port: Port::literal(1883),
        login: Some((ServiceName::literal("cloud-bridge"), password)),
        outbox: Some("1Gi".parse().expect("the literal is a quantity")),
    }))
}

/// The objects of the sample with a refresher.
///
/// # Errors
/// None; the sample is right.
pub fn sample_sidecar() -> Result<Bundle, ScenarioError> {
    sample_sidecar_inputs().bundle()
}

/// The objects of the sample with a relay.
///
/// # Errors
/// None; the sample is right.
pub fn sample_relay() -> Result<Bundle, ScenarioError> {
    sample_relay_inputs().bundle()
}
