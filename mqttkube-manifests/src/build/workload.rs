//! What makes pods.

use serde_json::{Value, json};

use super::{App, Pod, Service};
use crate::object::Object;

/// How pods are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The old one ends before the new one starts: for what has one writer, or one client id.
    Recreate,
    /// One more is started, and one ends when it is ready.
    Rolling,
}

/// A StatefulSet. Claims of the pod become one per replica. `service` must be headless: it gives the pods their names.
///
/// # Panics
/// When the Service is not headless.
#[must_use]
pub fn stateful_set(app: &App, pod: &Pod, replicas: u16, service: &Service<'_>, at_once: bool) -> Object {
    assert!(service.is_headless(), "the Service of a StatefulSet is headless");
    let mut spec = json!({
        "replicas": replicas,
        "serviceName": service.name(),
        "podManagementPolicy": if at_once { "Parallel" } else { "OrderedReady" },
        "updateStrategy": {"type": "RollingUpdate"},
        "selector": {"matchLabels": app.selector()},
    });
    spec["template"] = pod.template(false);
    let claims = pod.claim_templates(&app.selector());
    if !claims.is_empty() {
        spec["volumeClaimTemplates"] = Value::Array(claims);
    }
    app.object("apps/v1", "StatefulSet", app.name().as_str(), [("spec", spec)])
}

/// A Deployment.
#[must_use]
pub fn deployment(app: &App, pod: &Pod, replicas: u16, update: Update) -> Object {
    let strategy = match update {
        Update::Recreate => json!({"type": "Recreate"}),
        Update::Rolling => {
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
        }
    };
    let mut spec = json!({
        "replicas": replicas,
        "strategy": strategy,
        "selector": {"matchLabels": app.selector()},
    });
    spec["template"] = pod.template(true);
    app.object("apps/v1", "Deployment", app.name().as_str(), [("spec", spec)])
}

/// OpenShift's older kind, deprecated there since 4.14.
#[must_use]
pub fn deployment_config(app: &App, pod: &Pod, replicas: u16, update: Update) -> Object {
    let strategy: Value = match update {
        Update::Recreate => json!({"type": "Recreate"}),
        Update::Rolling => json!({"type": "Rolling", "rollingParams": {"maxSurge": 1, "maxUnavailable": 0}}),
    };
    let mut spec = json!({
        "replicas": replicas,
        "strategy": strategy,
        "triggers": [{"type": "ConfigChange"}],
        "selector": app.selector(),
    });
    spec["template"] = pod.template(true);
    app.object(
        "apps.openshift.io/v1",
        "DeploymentConfig",
        app.name().as_str(),
        [("spec", spec)],
    )
}
