//! Security contexts.

use serde_json::{Value, json};

/// As whom a pod runs. Both fulfil the restricted level of the Pod Security Standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Kubernetes: a fixed user, whose group owns the volumes.
    Restricted {
        /// User and group, not 0.
        user: u32,
    },
    /// OpenShift's `restricted-v2`: the platform chooses user and group, and refuses pods that do.
    Assigned,
}

impl Profile {
    /// The context of the pod.
    #[must_use]
    pub fn pod(self) -> Value {
        let seccomp = json!({"type": "RuntimeDefault"});
        match self {
            Self::Restricted { user } => json!({
                "runAsNonRoot": true,
                "runAsUser": user,
                "runAsGroup": user,
                "fsGroup": user,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": seccomp,
            }),
            Self::Assigned => json!({"runAsNonRoot": true, "seccompProfile": seccomp}),
        }
    }

    /// The context of each container.
    #[must_use]
    pub fn container() -> Value {
        json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        })
    }
}
