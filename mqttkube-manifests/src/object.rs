//! One Kubernetes object, of any kind.
//!
//! Objects are held as JSON trees: the types of Kubernetes differ between the versions of `k8s-openapi`, and some kinds
//! that are needed here are in none of them (Route, Certificate, the removed `extensions/v1beta1`). Typed values go in by
//! [`Object::from_typed`] and come out by [`Object::to`].

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// The group of what only kubectl and kustomize read.
pub(crate) const KUSTOMIZE: &str = "kustomize.config.k8s.io";

/// A tree that is no Kubernetes object.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectError {
    /// Not a map.
    #[error("a Kubernetes object is a map")]
    NotAMap,
    /// A member that every object has is absent or no text.
    #[error("the object has no {0}")]
    Missing(&'static str),
    /// The object does not have the shape of the type that was asked for.
    #[error("{object} is no {what}: {reason}")]
    Shape {
        /// Which object.
        object: String,
        /// What it should have been.
        what: &'static str,
        /// What does not fit.
        reason: String,
    },
}

/// What tells objects of one bundle apart. The version of the API does not count: `apps/v1` and `apps/v1beta1` serve the
/// same Deployment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Namespace, where the object has one.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{}/{namespace}/{}", self.kind, self.name),
            None => write!(f, "{}/{}", self.kind, self.name),
        }
    }
}

/// A Kubernetes object with `apiVersion`, `kind` and a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    value: Value,
    key: ObjectKey,
}

impl Object {
    /// Takes over a tree.
    ///
    /// # Errors
    /// [`ObjectError`] when it lacks what every object has.
    pub fn new(value: Value) -> Result<Self, ObjectError> {
        if !value.is_object() {
            return Err(ObjectError::NotAMap);
        }
        let text = |value: &Value, what| {
            value
                .as_str()
                .map(str::to_owned)
                .ok_or(ObjectError::Missing(what))
        };
        let api_version = text(&value["apiVersion"], "apiVersion")?;
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let name = match text(&value["metadata"]["name"], "metadata.name") {
            // The one kind that has no name: there is one in a folder, and it is called after its file.
            Err(_) if group == KUSTOMIZE => "kustomization.yaml".to_owned(),
            name => name?,
        };
        let key = ObjectKey {
            group: group.to_owned(),
            kind: text(&value["kind"], "kind")?,
            namespace: value["metadata"]["namespace"].as_str().map(str::to_owned),
            name,
        };
        Ok(Self { value, key })
    }

    /// Takes over a typed value of `k8s-openapi`. Members that are null are left out.
    ///
    /// # Errors
    /// When it has no name or cannot be written as JSON.
    pub fn from_typed<T: k8s_openapi::Resource + Serialize>(value: &T) -> Result<Self, ObjectError> {
        let mut tree = serde_json::to_value(value).map_err(|error| ObjectError::Shape {
            object: T::KIND.to_owned(),
            what: T::KIND,
            reason: error.to_string(),
        })?;
        remove_nulls(&mut tree);
        Self::new(tree)
    }

    /// The object as a type of `k8s-openapi`.
    ///
    /// # Errors
    /// When it has another kind or shape.
    pub fn to<T: k8s_openapi::Resource + DeserializeOwned>(&self) -> Result<T, ObjectError> {
        let shape = |reason: String| ObjectError::Shape {
            object: self.key.to_string(),
            what: T::KIND,
            reason,
        };
        if self.api_version() != T::API_VERSION || self.kind() != T::KIND {
            return Err(shape(format!("it is {} {}", self.api_version(), self.kind())));
        }
        serde_json::from_value(self.value.clone()).map_err(|error| shape(error.to_string()))
    }

    /// What tells it apart.
    #[must_use]
    pub const fn key(&self) -> &ObjectKey {
        &self.key
    }

    /// Such as `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.value["apiVersion"].as_str().unwrap_or_default()
    }

    /// Such as `Deployment`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.key.kind
    }

    /// `metadata.name`
    #[must_use]
    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// `metadata.namespace`
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.key.namespace.as_deref()
    }

    /// The whole tree.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The part at a JSON pointer (RFC 6901); null where there is none.
    #[must_use]
    pub fn at(&self, pointer: &str) -> &Value {
        self.value.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The tree again.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.value
    }

    /// Where it comes in a list that is applied from top to bottom: what others need goes first.
    #[must_use]
    pub fn rank(&self) -> usize {
        rank(&self.key.kind)
    }
}

/// Where a kind comes.
pub(crate) fn rank(kind: &str) -> usize {
    const ORDER: &[&str] = &[
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "Issuer",
        "ClusterIssuer",
        "Certificate",
        "ExternalSecret",
        "Secret",
        "ConfigMap",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Service",
        "StatefulSet",
        "Deployment",
        "DeploymentConfig",
        "DaemonSet",
        "Job",
        "CronJob",
        "Pod",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Route",
        "Gateway",
        "TLSRoute",
        "ServiceMonitor",
        "PodMonitor",
    ];
    ORDER
        .iter()
        .position(|known| *known == kind)
        .unwrap_or(ORDER.len())
}

/// Takes out members that are null, at every depth; elements of lists stay where they are.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(remove_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}
