//! The pods that a bundle describes, wherever they stand: in a Pod, or as the template of something that makes pods.

use serde_json::Value;

use crate::object::Object;

/// A pod, or a template of one.
pub(super) struct Pod<'a> {
    pub(super) object: &'a Object,
    /// The path of the pod's `spec`, such as `spec.template.spec`.
    pub(super) path: String,
    pub(super) spec: &'a Value,
    /// The labels that its pods will have.
    pub(super) labels: &'a Value,
    /// Where the pod's own `metadata` and `spec` stand, as a JSON pointer.
    root: &'static str,
}

/// One container of a pod.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    list: &'static str,
    index: usize,
    pub(super) value: &'a Value,
}

impl Container<'_> {
    /// The path of a member, from the object's root.
    pub(super) fn path(&self, pod: &Pod<'_>, member: &str) -> String {
        let dot = if member.is_empty() || member.starts_with('[') {
            ""
        } else {
            "."
        };
        format!("{}.{}[{}]{dot}{member}", pod.path, self.list, self.index)
    }

    pub(super) fn name(&self) -> &str {
        self.value["name"].as_str().unwrap_or("?")
    }

    /// Runs beside the others for as long as the pod lives: an ordinary container, or a native sidecar.
    pub(super) fn is_long_lived(&self) -> bool {
        self.list == "containers" || self.value["restartPolicy"] == "Always"
    }
}

impl<'a> Pod<'a> {
    pub(super) fn of(object: &'a Object) -> Option<Self> {
        let (root, path) = match object.kind() {
            "Pod" => ("", "spec"),
            "CronJob" => (
                "/spec/jobTemplate/spec/template",
                "spec.jobTemplate.spec.template.spec",
            ),
            "Deployment"
            | "StatefulSet"
            | "DaemonSet"
            | "ReplicaSet"
            | "Job"
            | "DeploymentConfig"
            | "ReplicationController" => ("/spec/template", "spec.template.spec"),
            _ => return None,
        };
        let spec = object.at(&format!("{root}/spec"));
        let labels = object.at(&format!("{root}/metadata/labels"));
        spec.is_object().then(|| Self {
            object,
            path: path.to_owned(),
            spec,
            labels,
            root,
        })
    }

    /// The pod's own metadata: of the template, where there is one.
    pub(super) fn metadata(&self) -> &'a Value {
        self.object.at(&format!("{}/metadata", self.root))
    }

    /// Where that stands, such as `spec.template.metadata`.
    pub(super) fn metadata_path(&self) -> String {
        let end = self.path.len() - "spec".len();
        format!("{}metadata", &self.path[..end])
    }

    /// All containers, those that run first in front.
    pub(super) fn containers(&self) -> impl Iterator<Item = Container<'a>> + use<'a> {
        let spec = self.spec;
        ["initContainers", "containers", "ephemeralContainers"]
            .into_iter()
            .flat_map(move |list| {
                items(&spec[list])
                    .enumerate()
                    .map(move |(index, value)| Container { list, index, value })
            })
    }

    pub(super) fn volumes(&self) -> impl Iterator<Item = (usize, &'a Value)> + use<'a> {
        items(&self.spec["volumes"]).enumerate()
    }

    /// The pods are in this namespace.
    pub(super) fn namespace(&self) -> Option<&'a str> {
        self.object.namespace()
    }

    /// How many pods there are to be; one where nothing is said, `None` for kinds without a number.
    pub(super) fn replicas(&self) -> Option<u64> {
        match self.object.kind() {
            "Deployment" | "StatefulSet" | "ReplicaSet" | "DeploymentConfig" | "ReplicationController" => {
                Some(self.object.at("/spec/replicas").as_u64().unwrap_or(1))
            }
            "Pod" => Some(1),
            _ => None,
        }
    }

    /// A selector in the form of `matchLabels` fits these pods; an absent or empty one fits none here.
    pub(super) fn fits(&self, selector: &Value) -> bool {
        let Some(wanted) = selector.as_object().filter(|wanted| !wanted.is_empty()) else {
            return false;
        };
        wanted
            .iter()
            .all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

/// The elements of a list; none when it is absent.
pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
