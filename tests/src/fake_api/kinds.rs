//! Which kinds the API serves: the built-in ones that clients of brokers and bindings meet, and those
//! that a CustomResourceDefinition adds.

use serde_json::Value;

/// One kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kind {
    pub(crate) group: String,
    /// Served versions; the first is the preferred one. Versions differ in `apiVersion` only.
    pub(crate) versions: Vec<String>,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short: Vec<String>,
    pub(crate) namespaced: bool,
    /// The status is a subresource: writes to the object leave it alone, and the other way round.
    pub(crate) status: bool,
    pub(crate) scale: Option<Scale>,
    /// `metadata.generation` counts the changes of the spec.
    pub(crate) generation: bool,
    /// From a CustomResourceDefinition: no strategic merge, and lists are replaced as a whole.
    pub(crate) custom: bool,
}

/// Where the scale subresource reads and writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) spec: Vec<String>,
    pub(crate) status: Vec<String>,
    /// Where the selector is, as text or as a label selector; part of the answer when there is one.
    pub(crate) selector: Option<Vec<String>>,
}

impl Kind {
    /// `deployments.apps`, or `pods` in the core group.
    pub(crate) fn resource(&self) -> String {
        resource(&self.group, &self.plural)
    }

    /// `apps/v1`, or `v1` in the core group.
    pub(crate) fn api_version(&self, version: &str) -> String {
        match self.group.as_str() {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        }
    }

    /// The version that discovery prefers.
    pub(crate) fn preferred(&self) -> &str {
        &self.versions[0]
    }

    fn built_in(row: &Row) -> Self {
        let (group, version, name, plural, short, flags) = row;
        let has = |flag| flags.contains(flag);
        Self {
            group: (*group).to_owned(),
            versions: vec![(*version).to_owned()],
            kind: (*name).to_owned(),
            plural: (*plural).to_owned(),
            singular: name.to_lowercase(),
            short: short.split_whitespace().map(str::to_owned).collect(),
            namespaced: has('n'),
            status: has('s'),
            scale: has('r').then(Scale::usual),
            generation: has('g'),
            custom: false,
        }
    }

    /// Reads a CustomResourceDefinition; `None` when it misses a required member.
    pub(crate) fn from_definition(definition: &Value) -> Option<Self> {
        let spec = definition.get("spec")?;
        let names = spec.get("names")?;
        let text = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
        let versions: Vec<_> = spec
            .get("versions")?
            .as_array()?
            .iter()
            .filter(|version| version["served"] == true)
            .collect();
        let first = versions.first()?;
        let kind = text(names, "kind")?;
        let short = names.get("shortNames").and_then(Value::as_array);
        Some(Self {
            group: text(spec, "group")?,
            versions: versions
                .iter()
                .filter_map(|version| text(version, "name"))
                .collect(),
            plural: text(names, "plural")?,
            singular: text(names, "singular").unwrap_or_else(|| kind.to_lowercase()),
            short: short
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            namespaced: text(spec, "scope")? == "Namespaced",
            status: first.pointer("/subresources/status").is_some(),
            scale: first
                .pointer("/subresources/scale")
                .and_then(Scale::from_definition),
            generation: true,
            custom: true,
            kind,
        })
    }
}

impl Scale {
    fn usual() -> Self {
        let path = |text: &str| text.split('.').map(str::to_owned).collect();
        Self {
            spec: path("spec.replicas"),
            status: path("status.replicas"),
            selector: Some(path("spec.selector")),
        }
    }

    fn from_definition(scale: &Value) -> Option<Self> {
        let path = |key: &str| -> Option<Vec<String>> {
            Some(
                scale
                    .get(key)?
                    .as_str()?
                    .split('.')
                    .skip(1)
                    .map(str::to_owned)
                    .collect(),
            )
        };
        Some(Self {
            spec: path("specReplicasPath")?,
            status: path("statusReplicasPath")?,
            selector: path("labelSelectorPath"),
        })
    }
}

/// `deployments.apps`, or `pods` in the core group.
pub(crate) fn resource(group: &str, plural: &str) -> String {
    match group {
        "" => plural.to_owned(),
        group => format!("{plural}.{group}"),
    }
}

/// group, version, kind, plural, short names, flags: n namespaced, s status, r replicas, g generation.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const BUILT_IN: &[Row] = &[
    ("", "v1", "ConfigMap", "configmaps", "cm", "n"),
    ("", "v1", "Endpoints", "endpoints", "ep", "n"),
    ("", "v1", "Event", "events", "ev", "n"),
    ("", "v1", "Namespace", "namespaces", "ns", "s"),
    ("", "v1", "Node", "nodes", "no", "s"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", "ns"),
    ("", "v1", "PersistentVolume", "persistentvolumes", "pv", "s"),
    ("", "v1", "Pod", "pods", "po", "nsg"),
    ("", "v1", "ReplicationController", "replicationcontrollers", "rc", "nsrg"),
    ("", "v1", "Secret", "secrets", "", "n"),
    ("", "v1", "ServiceAccount", "serviceaccounts", "sa", "n"),
    ("", "v1", "Service", "services", "svc", "ns"),
    ("apps", "v1", "DaemonSet", "daemonsets", "ds", "nsg"),
    ("apps", "v1", "Deployment", "deployments", "deploy", "nsrg"),
    ("apps", "v1", "ReplicaSet", "replicasets", "rs", "nsrg"),
    ("apps", "v1", "StatefulSet", "statefulsets", "sts", "nsrg"),
    ("batch", "v1", "CronJob", "cronjobs", "cj", "nsg"),
    ("batch", "v1", "Job", "jobs", "", "nsg"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", "ing", "nsg"),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "netpol", "ng"),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", "nsg"),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa", "ns"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "", ""),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "", ""),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", "", "n"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "", "n"),
    ("coordination.k8s.io", "v1", "Lease", "leases", "", "n"),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", "sc", ""),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", "crd crds", "sg"),
];

/// The kinds that are served without any definition.
pub(crate) fn built_in() -> Vec<Kind> {
    BUILT_IN.iter().map(Kind::built_in).collect()
}

/// The resource of CustomResourceDefinitions, which add kinds when they are stored.
pub(crate) const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
/// The resource of namespaces, which must exist before anything is created in them.
pub(crate) const NAMESPACES: &str = "namespaces";
