//! Well-known tutorials as they stand, faults included: to migrate from, and to show what [`crate::check`] finds.
//!
//! Nothing here should be applied. [`crate::migrate`] leads away from it; the modern forms are separate.

pub mod binding_service;
pub mod cloud_bridge;
pub mod node_port;
pub mod openshift;

use serde_json::Value;

use crate::bundle::Bundle;

/// One tutorial.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Legacy {
    /// Such as `cloud-bridge`.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Its objects.
    pub bundle: fn() -> Bundle,
}

/// All of them.
///
/// ```
/// use mqttkube_manifests::legacy;
///
/// for tutorial in legacy::ALL {
///     let report = (tutorial.bundle)().check();
///     assert!(!report.findings().is_empty(), "nothing is wrong with {}", tutorial.name);
/// }
/// ```
pub const ALL: &[Legacy] = &[
    Legacy {
        name: "cloud-bridge",
        summary: "Mosquitto with a bridge to a cloud and a container that renews its token",
        bundle: cloud_bridge::bundle,
    },
    Legacy {
        name: "node-port",
        summary: "Mosquitto with certbot in one container, behind a node port",
        bundle: node_port::bundle,
    },
    Legacy {
        name: "openshift",
        summary: "Mosquitto as a DeploymentConfig with what its image holds",
        bundle: openshift::bundle,
    },
    Legacy {
        name: "openshift-passwd",
        summary: "the same with a password file from a ConfigMap",
        bundle: openshift::with_passwd,
    },
    Legacy {
        name: "binding-service",
        summary: "the service that binds topics to objects, as administrator of the cluster",
        bundle: binding_service::bundle,
    },
];

/// A bundle of trees that this module wrote itself.
fn bundle_of(objects: impl IntoIterator<Item = Value>) -> Bundle {
    let mut bundle = Bundle::new();
    for object in objects {
        bundle
            .add_value(object)
            .expect("objects written here are whole and have names of their own");
    }
    bundle
}
