//! Whole deployments, each from the few things that only its owner knows.
//!
//! A scenario is plain data; `bundle()` makes its objects. [`ALL`] has each of them with sample inputs.

pub mod binding_service;
pub mod cedalo;
pub mod cloud_bridge;
pub mod hub_and_spoke;
pub mod node_port;
pub mod openshift;

use std::fmt;

use thiserror::Error;

use crate::broker::ModelError;
use crate::bundle::{Bundle, BundleError};
use crate::haproxy::ProxyError;
use crate::name::{NameError, TooLong};
use crate::topology::TopologyError;

/// One scenario with sample inputs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Scenario {
    /// Such as `node-port`.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// The objects that the sample inputs make.
    pub sample: fn() -> Result<Bundle, ScenarioError>,
}

/// All of them.
///
/// ```
/// use mqttkube_manifests::scenario;
///
/// for scenario in scenario::ALL {
///     let bundle = (scenario.sample)()?;
///     assert!(bundle.verified().is_ok(), "{}", scenario.name);
/// }
/// # Ok::<(), scenario::ScenarioError>(())
/// ```
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "cloud-bridge-sidecar",
        summary: "Mosquitto with a bridge to a cloud, and a refresher that renews its token",
        sample: cloud_bridge::sample_sidecar,
    },
    Scenario {
        name: "cloud-bridge-relay",
        summary: "a relay between a broker and a cloud that renews its token without a restart",
        sample: cloud_bridge::sample_relay,
    },
    Scenario {
        name: "node-port",
        summary: "Mosquitto with a certificate of cert-manager behind a node port",
        sample: node_port::sample,
    },
    Scenario {
        name: "node-port-certbot",
        summary: "the same with certbot in the pod, for clusters without cert-manager",
        sample: node_port::sample_certbot,
    },
    Scenario {
        name: "openshift",
        summary: "Mosquitto for OpenShift: Deployment and passthrough Route under restricted-v2",
        sample: openshift::sample,
    },
    Scenario {
        name: "openshift-deployment-config",
        summary: "the same as the older kind DeploymentConfig",
        sample: openshift::sample_deployment_config,
    },
    Scenario {
        name: "binding-service",
        summary: "mqtt-kube with exactly the rights that its bindings need",
        sample: binding_service::sample,
    },
    Scenario {
        name: "cedalo",
        summary: "three brokers of Cedalo with their management centre, behind HAProxy",
        sample: cedalo::sample,
    },
    Scenario {
        name: "cedalo-autoscaling",
        summary: "the same without shared messages, with an autoscaler and the operator that it needs",
        sample: cedalo::sample_autoscaling,
    },
    Scenario {
        name: "hub-and-spoke",
        summary: "three stock Mosquitto joined by bridges, proven free of loops",
        sample: hub_and_spoke::sample,
    },
];

/// Why a scenario makes no objects.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The broker is wrong.
    #[error("the broker: {}", Errors(.0))]
    Broker(Vec<ModelError>),
    /// A name is too long for what is named after it.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The proxy is wrong.
    #[error("the proxy: {0}")]
    Proxy(#[from] ProxyError),
    /// The bridges are wrong.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// Two objects of one name.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Parts that do not go together.
    #[error("{found}; {instead}")]
    Wrong {
        /// What was found.
        found: String,
        /// What to write instead.
        instead: String,
    },
}

struct Errors<'a>(&'a [ModelError]);

impl fmt::Display for Errors<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl From<Vec<ModelError>> for ScenarioError {
    fn from(problems: Vec<ModelError>) -> Self {
        Self::Broker(problems)
    }
}

impl ScenarioError {
    pub(crate) fn wrong(found: impl Into<String>, instead: impl Into<String>) -> Self {
        Self::Wrong {
            found: found.into(),
            instead: instead.into(),
        }
    }
}

/// Users of the samples: their passwords are in Secrets that somebody else makes.
fn sample_users(secret: &'static str, names: &[&'static str]) -> Vec<crate::broker::User> {
    use crate::broker::{Credential, SecretKey, User};
    let user = |name: &&'static str| User {
        name: name.parse().expect("the literal is a user name"),
        credential: Credential::Secret(SecretKey {
            secret: crate::name::DnsSubdomain::literal(secret),
            key: crate::name::ConfigKey::literal(name),
        }),
    };
    names.iter().map(user).collect()
}

/// Rights of the samples: `writer` may write below `sensors/`, `reader` may read it.
fn sample_rights(writer: &str, reader: &str) -> Vec<crate::broker::AclEntry> {
    use crate::broker::{AclEntry, Subject};
    let topics = || vec!["sensors/#".parse().expect("the literal is a filter")];
    let subject = |name: &str| Subject::User(name.parse().expect("the literal is a user name"));
    let (mut writes, mut reads) = (AclEntry::new(subject(writer)), AclEntry::new(subject(reader)));
    writes.write = topics();
    reads.read = topics();
    vec![writes, reads]
}
