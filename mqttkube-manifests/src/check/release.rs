//! Objects of one Helm release. A chart may write the namespace here and leave it out there; all of them are installed
//! into that of the release, so they find each other.

use std::collections::HashMap;

use super::Report;
use crate::bundle::Bundle;
use crate::object::Object;

/// What a chart may hold that is in no namespace.
const OF_THE_CLUSTER: &[&str] = &[
    "APIService",
    "ClusterIssuer",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "SecurityContextConstraints",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// A bundle in which every object of the release is in its namespace.
pub(super) struct Release {
    pub(super) bundle: Bundle,
    /// What objects are called here, and what they were called.
    names: HashMap<String, String>,
}

impl Release {
    /// `None` where no chart is at work, or nothing is left out, or there is no one namespace.
    pub(super) fn of(bundle: &Bundle) -> Option<Self> {
        let objects = || bundle.objects().iter().filter(|object| is_of_chart(object));
        let mut spaces = objects().filter_map(Object::namespace);
        let space = spaces.next()?;
        let lacks =
            |object: &Object| object.namespace().is_none() && !OF_THE_CLUSTER.contains(&object.kind());
        if spaces.any(|other| other != space) || !objects().any(lacks) {
            return None;
        }
        let (mut whole, mut names) = (Bundle::new(), HashMap::new());
        for object in bundle.objects() {
            if is_of_chart(object) && lacks(object) {
                let mut value = object.value().clone();
                value["metadata"]["namespace"] = space.into();
                let key = whole.add_value(value).ok()?;
                names.insert(key.to_string(), object.key().to_string());
            } else {
                whole.add(object.clone()).ok()?;
            }
        }
        Some(Self { bundle: whole, names })
    }

    /// The report with objects called as they were.
    pub(super) fn as_written(&self, report: Report) -> Report {
        report.renamed(&self.names)
    }
}

fn is_of_chart(object: &Object) -> bool {
    let labels = object.at("/metadata/labels");
    labels["app.kubernetes.io/managed-by"] == "Helm" || !labels["helm.sh/chart"].is_null()
}
