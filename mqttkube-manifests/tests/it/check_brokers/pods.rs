//! What a broker shares its pod with: containers that start before it, scripts, and what they write.

use mqttkube_manifests::check::rules;
use serde_json::json;

use super::Edit::Set;
use super::{Case, MAIN, container};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            &rules::START_RACE,
            vec![Set(
                "Deployment/bridge",
                "/spec/template/spec/initContainers",
                json!([]),
            )],
            "starts at the same time",
        ),
        Case::new(
            &rules::CERTIFICATES_INSIDE,
            vec![Set(
                MAIN,
                container!("/volumeMounts/-"),
                json!({"name": "data", "mountPath": "/etc/letsencrypt"}),
            )],
            "orders its certificates",
        ),
        Case::new(
            &rules::SECRET_ON_DISK,
            vec![Set(
                "Deployment/bridge",
                "/spec/template/spec/volumes/1/emptyDir",
                json!({}),
            )],
            "written to the disk",
        ),
        Case::new(
            &rules::NEEDS_ROOT,
            vec![Set(
                "Deployment/bridge",
                "/spec/template/spec/initContainers/0/command",
                json!(["sh", "-c", "chown 1883:1883 /x"]),
            )],
            "calls chown",
        ),
        Case::new(
            &rules::NO_TRIGGERS,
            vec![Set(MAIN, "/kind", json!("DeploymentConfig"))],
            "without triggers",
        ),
    ]
}
