//! Disruption budgets and autoscalers.

use serde_json::json;

use super::App;
use crate::object::Object;

/// A budget under which one pod at a time may be evicted, and one that is broken always. No node drain hangs on it, with
/// one replica either.
#[must_use]
pub fn budget(app: &App) -> Object {
    let spec = json!({
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": app.selector()},
    });
    app.object(
        "policy/v1",
        "PodDisruptionBudget",
        app.name().as_str(),
        [("spec", spec)],
    )
}

/// An autoscaler for a workload of the bundle: percent of the requested processor time at which one more is started.
#[must_use]
pub fn autoscaler(app: &App, workload: &Object, (min, max): (u16, u16), cpu: u8) -> Object {
    let target =
        json!({"apiVersion": workload.api_version(), "kind": workload.kind(), "name": workload.name()});
    let metric = json!({
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": cpu}},
    });
    let spec = json!({"scaleTargetRef": target, "minReplicas": min, "maxReplicas": max, "metrics": [metric]});
    app.object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        app.name().as_str(),
        [("spec", spec)],
    )
}
