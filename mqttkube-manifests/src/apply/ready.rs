//! Whether an object is what it is meant to be.

use serde_json::Value;

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    /// What it lacks.
    Waiting(String),
    /// It will never be ready.
    Failed(String),
}

/// How far an object is, from its status; `null` is not there at all.
pub(super) fn state(object: &Value) -> State {
    if object.is_null() {
        return State::Waiting("it is not there".to_owned());
    }
    let status = &object["status"];
    match object["kind"].as_str().unwrap_or_default() {
        "Deployment" | "DeploymentConfig" => pods(object, &["updatedReplicas", "availableReplicas"]),
        "StatefulSet" => pods(object, &["updatedReplicas", "readyReplicas"]),
        "DaemonSet" => daemons(object),
        "Job" => job(object),
        "Pod" if status["phase"] == "Succeeded" => State::Ready,
        "Pod" | "Certificate" | "Issuer" | "ClusterIssuer" => condition(object, "Ready"),
        "CustomResourceDefinition" => condition(object, "Established"),
        "Namespace" if status["phase"] != "Active" => {
            State::Waiting(format!("its phase is {}", status["phase"]))
        }
        _ => State::Ready,
    }
}

fn pods(object: &Value, counts: &[&str]) -> State {
    let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
    counted(object, wanted, counts)
}

fn daemons(object: &Value) -> State {
    let wanted = object["status"]["desiredNumberScheduled"]
        .as_u64()
        .unwrap_or_default();
    counted(object, wanted, &["updatedNumberScheduled", "numberAvailable"])
}

fn counted(object: &Value, wanted: u64, counts: &[&str]) -> State {
    let status = &object["status"];
    if status["observedGeneration"].as_u64() < object["metadata"]["generation"].as_u64() {
        return State::Waiting("its controller has not seen it".to_owned());
    }
    for name in counts {
        let count = status[*name].as_u64().unwrap_or_default();
        if count != wanted {
            return State::Waiting(format!("{name} is {count} of {wanted}"));
        }
    }
    let all = status["replicas"].as_u64().unwrap_or(wanted);
    if all > wanted {
        return State::Waiting(format!("{} old pods are still there", all - wanted));
    }
    State::Ready
}

fn job(object: &Value) -> State {
    match condition(object, "Failed") {
        State::Ready => State::Failed(message(object, "Failed")),
        _ => condition(object, "Complete"),
    }
}

fn condition(object: &Value, kind: &str) -> State {
    let found = find(object, kind);
    if found.is_some_and(|condition| condition["status"] == "True") {
        return State::Ready;
    }
    match message(object, kind) {
        message if message.is_empty() => State::Waiting(format!("its condition {kind} is not true")),
        message => State::Waiting(format!("its condition {kind} is not true: {message}")),
    }
}

fn message(object: &Value, kind: &str) -> String {
    let found = find(object, kind).and_then(|condition| condition["message"].as_str());
    found.unwrap_or_default().to_owned()
}

fn find<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == kind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{State, state};

    #[track_caller]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "values are written where they are passed"
    )]
    fn check(object: serde_json::Value, expected: &str) {
        let found = match state(&object) {
            State::Ready => "ready".to_owned(),
            State::Waiting(reason) => reason,
            State::Failed(reason) => format!("failed: {reason}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_workload_waits_for_its_controller_and_for_its_pods() {
        let workload = |kind: &str, status: serde_json::Value| json!({"kind": kind, "metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": status});
        check(
            workload("Deployment", json!({})),
            "its controller has not seen it",
        );
        check(
            workload(
                "Deployment",
                json!({"observedGeneration": 2, "updatedReplicas": 1}),
            ),
            "updatedReplicas is 1 of 3",
        );
        let all =
            json!({"observedGeneration": 2, "updatedReplicas": 3, "availableReplicas": 3, "replicas": 4});
        check(workload("Deployment", all), "1 old pods are still there");
        let all = json!({"observedGeneration": 2, "updatedReplicas": 3, "readyReplicas": 3, "replicas": 3});
        check(workload("StatefulSet", all), "ready");
    }

    #[test]
    fn conditions_and_phases_count() {
        let with = |kind: &str, condition: &str, status: &str| json!({"kind": kind, "status": {"conditions": [{"type": condition, "status": status, "message": "why"}]}});
        check(with("Certificate", "Ready", "True"), "ready");
        check(
            with("Certificate", "Ready", "False"),
            "its condition Ready is not true: why",
        );
        check(with("Job", "Failed", "True"), "failed: why");
        check(json!({"kind": "Job"}), "its condition Complete is not true");
        check(
            json!({"kind": "Namespace", "status": {"phase": "Terminating"}}),
            "its phase is \"Terminating\"",
        );
        check(json!(null), "it is not there");
    }
}
