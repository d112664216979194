//! The kinds that Kubernetes 1.33 and 1.34 serve by default, with the names that kubectl knows them by. Of a group
//! with several versions, the preferred one stands first.

use super::BuiltIn;

const fn row(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
) -> BuiltIn {
    BuiltIn {
        group,
        version,
        kind,
        plural,
        short,
        namespaced: true,
        scale: false,
    }
}

impl BuiltIn {
    const fn cluster(self) -> Self {
        Self {
            namespaced: false,
            ..self
        }
    }

    const fn scaled(self) -> Self {
        Self { scale: true, ..self }
    }
}

#[rustfmt::skip]
pub(super) const BUILT_IN: &[BuiltIn] = &[
    row("", "v1", "Binding", "bindings", &[]),
    row("", "v1", "ComponentStatus", "componentstatuses", &["cs"]).cluster(),
    row("", "v1", "ConfigMap", "configmaps", &["cm"]),
    row("", "v1", "Endpoints", "endpoints", &["ep"]),
    row("", "v1", "Event", "events", &["ev"]),
    row("", "v1", "LimitRange", "limitranges", &["limits"]),
    row("", "v1", "Namespace", "namespaces", &["ns"]).cluster(),
    row("", "v1", "Node", "nodes", &["no"]).cluster(),
    row("", "v1", "PersistentVolume", "persistentvolumes", &["pv"]).cluster(),
    row("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"]),
    row("", "v1", "Pod", "pods", &["po"]),
    row("", "v1", "PodTemplate", "podtemplates", &[]),
    row("", "v1", "ReplicationController", "replicationcontrollers", &["rc"]).scaled(),
    row("", "v1", "ResourceQuota", "resourcequotas", &["quota"]),
    row("", "v1", "Secret", "secrets", &[]),
    row("", "v1", "Service", "services", &["svc"]),
    row("", "v1", "ServiceAccount", "serviceaccounts", &["sa"]),
    row("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", &[]).cluster(),
    row("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", &[]).cluster(),
    row("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", &[]).cluster(),
    row("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", &[]).cluster(),
    row("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", &["crd", "crds"]).cluster(),
    row("apiregistration.k8s.io", "v1", "APIService", "apiservices", &[]).cluster(),
    row("apps", "v1", "ControllerRevision", "controllerrevisions", &[]),
    row("apps", "v1", "DaemonSet", "daemonsets", &["ds"]),
    row("apps", "v1", "Deployment", "deployments", &["deploy"]).scaled(),
    row("apps", "v1", "ReplicaSet", "replicasets", &["rs"]).scaled(),
    row("apps", "v1", "StatefulSet", "statefulsets", &["sts"]).scaled(),
    row("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", &[]).cluster(),
    row("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", &[]).cluster(),
    row("authorization.k8s.io", "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", &[]),
    row("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", &[]).cluster(),
    row("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", &[]).cluster(),
    row("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", &[]).cluster(),
    row("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"]),
    row("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"]),
    row("batch", "v1", "CronJob", "cronjobs", &["cj"]),
    row("batch", "v1", "Job", "jobs", &[]),
    row("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", &["csr"]).cluster(),
    row("coordination.k8s.io", "v1", "Lease", "leases", &[]),
    row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", &[]),
    row("events.k8s.io", "v1", "Event", "events", &["ev"]),
    row("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema", "flowschemas", &[]).cluster(),
    row("flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration", "prioritylevelconfigurations", &[]).cluster(),
    row("networking.k8s.io", "v1", "IPAddress", "ipaddresses", &["ip"]).cluster(),
    row("networking.k8s.io", "v1", "Ingress", "ingresses", &["ing"]),
    row("networking.k8s.io", "v1", "IngressClass", "ingressclasses", &[]).cluster(),
    row("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", &["netpol"]),
    row("networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs", &[]).cluster(),
    row("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", &[]).cluster(),
    row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"]),
    row("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", &[]).cluster(),
    row("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", &[]).cluster(),
    row("rbac.authorization.k8s.io", "v1", "Role", "roles", &[]),
    row("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", &[]),
    row("resource.k8s.io", "v1", "DeviceClass", "deviceclasses", &[]).cluster(),
    row("resource.k8s.io", "v1", "ResourceClaim", "resourceclaims", &[]),
    row("resource.k8s.io", "v1", "ResourceClaimTemplate", "resourceclaimtemplates", &[]),
    row("resource.k8s.io", "v1", "ResourceSlice", "resourceslices", &[]).cluster(),
    row("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", &["pc"]).cluster(),
    row("storage.k8s.io", "v1", "CSIDriver", "csidrivers", &[]).cluster(),
    row("storage.k8s.io", "v1", "CSINode", "csinodes", &[]).cluster(),
    row("storage.k8s.io", "v1", "CSIStorageCapacity", "csistoragecapacities", &[]),
    row("storage.k8s.io", "v1", "StorageClass", "storageclasses", &["sc"]).cluster(),
    row("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", &[]).cluster(),
    row("storage.k8s.io", "v1", "VolumeAttributesClass", "volumeattributesclasses", &["vac"]).cluster(),
];
