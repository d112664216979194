//! Workloads of removed API versions.

use serde_json::{Value, json};

use super::{Change, Work, key, put, take};
use crate::bundle::Bundle;

const REMOVED: &[&str] = &["extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"];
const KINDS: &[&str] = &["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet"];

/// Workloads of `extensions/v1beta1`, `apps/v1beta1` and `apps/v1beta2` become `apps/v1`, which also wants a selector and
/// labels that fit it.
#[must_use]
pub fn apps_v1(bundle: &Bundle) -> (Bundle, Vec<Change>) {
    let mut work = Work::new(bundle);
    for index in 0..work.objects.len() {
        let object = &work.objects[index];
        let kind = object["kind"].as_str().unwrap_or_default();
        if KINDS.contains(&kind) {
            version(&mut work, index);
            selector(&mut work, index);
        }
    }
    work.done()
}

fn version(work: &mut Work, index: usize) {
    let object = &mut work.objects[index];
    let old = object["apiVersion"].as_str().unwrap_or_default().to_owned();
    if !REMOVED.contains(&old.as_str()) {
        return;
    }
    let name = key(object);
    put(object, &["apiVersion"], json!("apps/v1"));
    let rollback = take(object, &["spec", "rollbackTo"]).is_some();
    let limits = defaults(object);
    work.say(
        &name,
        "apiVersion",
        format!("{old} becomes apps/v1"),
        "Kubernetes serves the old version no longer, since 1.16",
    );
    if rollback {
        work.say(
            &name,
            "spec.rollbackTo",
            "removed",
            "apps/v1 does not have it; `kubectl rollout undo` does that",
        );
    }
    if limits {
        work.say(
            &name,
            "spec",
            "left to the defaults of apps/v1: an update fails after 10 minutes without progress, 10 old versions are \
             kept, and a rolling update may go 25% above and below",
            "the old version had no such bounds, and one pod above and below",
        );
    }
}

/// Whether a Deployment relies on defaults that were others.
fn defaults(object: &Value) -> bool {
    let spec = &object["spec"];
    object["kind"] == "Deployment"
        && (spec["progressDeadlineSeconds"].is_null()
            || spec["revisionHistoryLimit"].is_null()
            || spec["strategy"].is_null())
}

fn selector(work: &mut Work, index: usize) {
    let object = &mut work.objects[index];
    if object["apiVersion"] != "apps/v1" || object["spec"]["selector"].is_object() {
        return;
    }
    let name = key(object);
    let mut labels = object["spec"]["template"]["metadata"]["labels"].clone();
    let missing = labels.as_object().is_none_or(serde_json::Map::is_empty);
    if missing {
        labels = json!({"app.kubernetes.io/name": object["metadata"]["name"]});
        put(
            object,
            &["spec", "template", "metadata", "labels"],
            labels.clone(),
        );
    }
    put(object, &["spec", "selector"], json!({"matchLabels": labels}));
    if missing {
        work.say(
            &name,
            "spec.template.metadata.labels",
            "labels are added",
            "a workload finds its pods by labels",
        );
    }
    work.say(
        &name,
        "spec.selector",
        "the labels of the template become the selector",
        "apps/v1 does not guess it; the API server refuses the workload",
    );
}
