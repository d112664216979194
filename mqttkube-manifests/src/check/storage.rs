//! Volumes against the way their pods are replaced.

use serde_json::Value;

use super::pod::{Pod, items};
use super::references::find;
use super::report::Findings;
use super::rules;
use crate::bundle::Bundle;
use crate::object::Object;

pub(super) fn check(bundle: &Bundle, pods: &[Pod<'_>], findings: &mut Findings) {
    for claim in bundle
        .objects()
        .iter()
        .filter(|object| object.kind() == "PersistentVolumeClaim")
    {
        if items(claim.at("/spec/accessModes")).next().is_none() {
            findings.add(
                &rules::NO_STORAGE_MODE,
                claim,
                "spec.accessModes",
                "the claim has no access mode",
            );
        }
    }
    for pod in pods.iter().filter(|pod| pod.object.kind() != "Job") {
        for (index, volume) in pod.volumes() {
            let Some(name) = volume["persistentVolumeClaim"]["claimName"].as_str() else {
                continue;
            };
            let Some(claim) = find(bundle, pod.object, "PersistentVolumeClaim", name) else {
                continue;
            };
            if !is_shared(claim) {
                let path = format!("{}.volumes[{index}].persistentVolumeClaim", pod.path);
                single(pod, name, &path, findings);
            }
        }
    }
}

/// Pods on several nodes may use it at once.
fn is_shared(claim: &Object) -> bool {
    items(claim.at("/spec/accessModes")).any(|mode| mode == "ReadWriteMany" || mode == "ReadOnlyMany")
}

fn single(pod: &Pod<'_>, claim: &str, path: &str, findings: &mut Findings) {
    if pod.replicas().is_some_and(|replicas| replicas > 1) {
        let message = format!(
            "{} replicas share the claim `{claim}`",
            pod.replicas().unwrap_or_default()
        );
        findings.add(&rules::REPLICAS_ON_ONE_VOLUME, pod.object, path, message);
    }
    if rolls(pod.object) {
        let message =
            format!("an update starts a second pod on the claim `{claim}` before the first one ends");
        findings.add(
            &rules::ROLLING_ON_ONE_VOLUME,
            pod.object,
            "spec.strategy",
            message,
        );
    }
}

/// A new pod is started before the old one is gone. That is the default; a rolling update that may not go above the number
/// of replicas ends the old pod first.
fn rolls(object: &Object) -> bool {
    let strategy = object.at("/spec/strategy");
    let parameters = match object.kind() {
        "Deployment" => &strategy["rollingUpdate"],
        "DeploymentConfig" => &strategy["rollingParams"],
        _ => return false,
    };
    let no_surge = matches!(&parameters["maxSurge"], Value::Number(number) if number.as_u64() == Some(0))
        || parameters["maxSurge"] == "0%";
    strategy["type"] != "Recreate" && !no_surge
}
