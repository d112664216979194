//! Versions of the API that are gone, fields and kinds that are going, and images that float.

use super::pod::Pod;
use super::report::Findings;
use super::rules;
use crate::bundle::Bundle;
use crate::name::ImageRef;
use crate::object::{KUSTOMIZE, Object};

/// Removed group and version, kinds (none: all of them), what took their place.
const REMOVED: &[(&str, &[&str], &str)] = &[
    (
        "extensions/v1beta1",
        &["Deployment", "DaemonSet", "ReplicaSet"],
        "apps/v1",
    ),
    (
        "extensions/v1beta1",
        &["Ingress", "NetworkPolicy"],
        "networking.k8s.io/v1",
    ),
    ("apps/v1beta1", &[], "apps/v1"),
    ("apps/v1beta2", &[], "apps/v1"),
    ("networking.k8s.io/v1beta1", &[], "networking.k8s.io/v1"),
    ("policy/v1beta1", &["PodDisruptionBudget"], "policy/v1"),
    ("batch/v1beta1", &[], "batch/v1"),
    (
        "rbac.authorization.k8s.io/v1beta1",
        &[],
        "rbac.authorization.k8s.io/v1",
    ),
    ("autoscaling/v2beta1", &[], "autoscaling/v2"),
    ("autoscaling/v2beta2", &[], "autoscaling/v2"),
    ("apiextensions.k8s.io/v1beta1", &[], "apiextensions.k8s.io/v1"),
];

pub(super) fn check(bundle: &Bundle, findings: &mut Findings) {
    for object in bundle.objects() {
        let (version, kind) = (object.api_version(), object.kind());
        let gone = REMOVED
            .iter()
            .find(|(gone, kinds, _)| *gone == version && (kinds.is_empty() || kinds.contains(&kind)));
        if let Some((_, _, instead)) = gone {
            let message = format!("{kind} is no longer served as {version}; it is {instead} now");
            findings.add(&rules::REMOVED_API, object, "apiVersion", message);
        }
        if kind == "DeploymentConfig" {
            let message = "DeploymentConfig has been deprecated since OpenShift 4.14";
            findings.add(&rules::DEPRECATED_KIND, object, "kind", message);
            if object.at("/spec/triggers").is_null() {
                let message = "without triggers a new image of its stream is never rolled out";
                findings.add(&rules::NO_TRIGGERS, object, "spec.triggers", message);
            }
        }
        if object.key().group == KUSTOMIZE {
            kustomization(object, findings);
        }
        if let Some(pod) = Pod::of(object) {
            images(&pod, findings);
        }
    }
}

/// Fields that kustomize warns of, and what took their place.
const KUSTOMIZE_FIELDS: &[(&str, &str)] = &[
    ("bases", "resources"),
    ("commonLabels", "labels"),
    ("patchesStrategicMerge", "patches"),
    ("patchesJson6902", "patches"),
    ("vars", "replacements"),
];

fn kustomization(object: &Object, findings: &mut Findings) {
    for (field, instead) in KUSTOMIZE_FIELDS {
        if !object.value()[field].is_null() {
            let message = format!("kustomize has deprecated `{field}`; it is `{instead}` now");
            findings.add(&rules::DEPRECATED_FIELD, object, *field, message);
        }
    }
}

fn images(pod: &Pod<'_>, findings: &mut Findings) {
    for container in pod.containers() {
        let Some(text) = container.value["image"].as_str() else {
            continue;
        };
        // An image that is no reference at all is the schema's business; one without tag reads as no reference here.
        let floats = text
            .parse::<ImageRef>()
            .map_or_else(|_| !text.contains(['@', ' ']), |image| image.is_floating());
        if floats {
            let message = format!(
                "the image `{text}` of container {} names no version",
                container.name()
            );
            findings.add(
                &rules::FLOATING_IMAGE,
                pod.object,
                container.path(pod, "image"),
                message,
            );
        }
    }
}
