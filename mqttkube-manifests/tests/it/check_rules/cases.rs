//! The cases: for each rule the change that fires it.

use mqttkube_manifests::check::{Rule, rules};
use serde_json::{Value, json};

use super::{Change, container, pod, set};

/// The rule, and the changes of the good bundle.
pub(super) type Case = (&'static Rule, Vec<Change>);

pub(super) fn cases() -> Vec<Case> {
    [
        references(),
        mounts_and_secrets(),
        pod_security(),
        availability_and_versions(),
        rights(),
    ]
    .concat()
}

/// Objects that name others, and ports.
fn references() -> Vec<Case> {
    let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    let deployment = "Deployment/mosquitto";
    let service = "Service/mosquitto";
    vec![
        (
            &rules::NO_VOLUME,
            vec![container("/volumeMounts/-", mount("nope", "/x"))],
        ),
        (
            &rules::NO_CONFIG_MAP,
            vec![pod("/volumes/0/configMap/name", json!("nope"))],
        ),
        (
            &rules::NO_SECRET,
            vec![pod("/volumes/1/secret/secretName", json!("nope"))],
        ),
        (
            &rules::NO_KEY,
            vec![container("/env/0/valueFrom/secretKeyRef/key", json!("nope"))],
        ),
        (
            &rules::NO_CLAIM,
            vec![pod("/volumes/2/persistentVolumeClaim/claimName", json!("nope"))],
        ),
        (
            &rules::NO_ACCOUNT,
            vec![pod("/serviceAccountName", json!("nope"))],
        ),
        (
            &rules::SERVICE_SELECTS_NOTHING,
            vec![set(service, "/spec/selector/app", json!("nope"))],
        ),
        (
            &rules::SELECTOR_MISMATCH,
            vec![set(deployment, "/spec/selector/matchLabels/app", json!("nope"))],
        ),
        (
            &rules::NO_SELECTOR,
            vec![set(deployment, "/spec/selector", Value::Null)],
        ),
        (
            &rules::NO_BACKEND,
            vec![set("Route/mosquitto", "/spec/to/name", json!("nope"))],
        ),
        (
            &rules::NO_SERVICE_NAME,
            vec![set(
                "StatefulSet/cluster",
                "/spec/serviceName",
                json!("mosquitto"),
            )],
        ),
        (
            &rules::NO_TARGET,
            vec![set(
                "HorizontalPodAutoscaler/cluster",
                "/spec/scaleTargetRef/name",
                json!("nope"),
            )],
        ),
        (
            &rules::NO_TARGET_PORT,
            vec![set(service, "/spec/ports/0/targetPort", json!("nope"))],
        ),
        (
            &rules::DUPLICATE_PORT,
            vec![set(service, "/spec/ports/1/port", json!(1883))],
        ),
        (
            &rules::UNNAMED_PORT,
            vec![set(service, "/spec/ports/1/name", Value::Null)],
        ),
        (
            &rules::NODE_PORT_RANGE,
            vec![set(service, "/spec/ports/0/nodePort", json!(1883))],
        ),
        (
            &rules::NO_PROBE_PORT,
            vec![container("/readinessProbe/tcpSocket/port", json!("nope"))],
        ),
        (
            &rules::NODE_PORT_TWICE,
            vec![set("Service/headless", "/spec/ports/0/nodePort", json!(31883))],
        ),
    ]
}

/// What is mounted where, and secrets in the open.
fn mounts_and_secrets() -> Vec<Case> {
    let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    let map = "ConfigMap/conf";
    vec![
        (
            &rules::MOUNT_TWICE,
            vec![container("/volumeMounts/-", mount("conf", "/users/"))],
        ),
        (
            &rules::SUB_PATH_NEVER_UPDATES,
            vec![container("/volumeMounts/1/subPath", json!("passwd"))],
        ),
        (
            &rules::MOUNT_HIDES,
            vec![container("/volumeMounts/-", mount("conf", "/users/more"))],
        ),
        (
            &rules::UNUSED_VOLUME,
            vec![pod("/volumes/-", json!({"name": "x", "emptyDir": {}}))],
        ),
        (
            &rules::KEY_IN_CONFIG_MAP,
            vec![set(
                map,
                "/data/ec.pem",
                json!("-----BEGIN EC PRIVATE KEY-----\nx"),
            )],
        ),
        (
            &rules::PASSWORDS_IN_CONFIG_MAP,
            vec![set(map, "/data/passwd", json!("u:$7$101$a$b\n"))],
        ),
        (
            &rules::SECRET_IN_ENV,
            vec![container(
                "/env/-",
                json!({"name": "MQTT_PASSWORD", "value": "x"}),
            )],
        ),
        (
            &rules::TOKEN_IN_CONFIG_MAP,
            vec![set(map, "/data/b.conf", json!("remote_password hunter2\n"))],
        ),
    ]
}

/// What a pod may do on its node.
fn pod_security() -> Vec<Case> {
    vec![
        (
            &rules::PRIVILEGED,
            vec![container("/securityContext/privileged", json!(true))],
        ),
        (&rules::HOST_NAMESPACE, vec![pod("/hostNetwork", json!(true))]),
        (
            &rules::HOST_PATH,
            vec![pod(
                "/volumes/0",
                json!({"name": "conf", "hostPath": {"path": "/etc"}}),
            )],
        ),
        (
            &rules::HOST_PORT,
            vec![container("/ports/0/hostPort", json!(1883))],
        ),
        (
            &rules::CAPABILITY,
            vec![container(
                "/securityContext/capabilities/add",
                json!(["SYS_PTRACE"]),
            )],
        ),
        (
            &rules::NOT_DROPPED,
            vec![container("/securityContext/capabilities", Value::Null)],
        ),
        (
            &rules::ESCALATION,
            vec![container(
                "/securityContext/allowPrivilegeEscalation",
                Value::Null,
            )],
        ),
        (
            &rules::MAY_BE_ROOT,
            vec![pod("/securityContext/runAsNonRoot", Value::Null)],
        ),
        (
            &rules::NO_SECCOMP,
            vec![pod("/securityContext/seccompProfile", Value::Null)],
        ),
        (
            &rules::VOLUME_KIND,
            vec![pod(
                "/volumes/0",
                json!({"name": "conf", "nfs": {"server": "x", "path": "/"}}),
            )],
        ),
        (
            &rules::PROC_MOUNT,
            vec![container("/securityContext/procMount", json!("Unmasked"))],
        ),
        (
            &rules::SYSCTL,
            vec![pod(
                "/securityContext/sysctls",
                json!([{"name": "kernel.msgmax", "value": "1"}]),
            )],
        ),
        (
            &rules::SELINUX,
            vec![pod(
                "/securityContext/seLinuxOptions",
                json!({"role": "sysadm_r"}),
            )],
        ),
        (
            &rules::SHARED_PROCESSES,
            vec![pod("/shareProcessNamespace", json!(true))],
        ),
    ]
}

/// Budgets, volumes and replicas; kinds, fields and images that do not last.
fn availability_and_versions() -> Vec<Case> {
    let budget = "PodDisruptionBudget/cluster";
    let deployment = "Deployment/mosquitto";
    vec![
        (
            &rules::BLOCKS_DRAIN,
            vec![set(budget, "/spec/maxUnavailable", json!(0))],
        ),
        (&rules::BUDGETS_OVERLAP, Vec::new()), // needs a second budget, see below
        (
            &rules::UNHEALTHY_BLOCKS,
            vec![set(budget, "/spec/unhealthyPodEvictionPolicy", Value::Null)],
        ),
        (
            &rules::ROLLING_ON_ONE_VOLUME,
            vec![set(deployment, "/spec/strategy", Value::Null)],
        ),
        (
            &rules::REPLICAS_ON_ONE_VOLUME,
            vec![set(deployment, "/spec/replicas", json!(2))],
        ),
        (
            &rules::NO_STORAGE_MODE,
            vec![set(
                "PersistentVolumeClaim/data",
                "/spec/accessModes",
                Value::Null,
            )],
        ),
        (
            &rules::REMOVED_API,
            vec![set(deployment, "/apiVersion", json!("extensions/v1beta1"))],
        ),
        (
            &rules::FLOATING_IMAGE,
            vec![container("/image", json!("eclipse-mosquitto"))],
        ),
        (
            &rules::DEPRECATED_KIND,
            vec![set("StatefulSet/cluster", "/kind", json!("DeploymentConfig"))],
        ),
        (
            &rules::DEPRECATED_FIELD,
            vec![set("Kustomization/here", "/bases", json!(["../base"]))],
        ),
    ]
}

/// Roles and their bindings.
fn rights() -> Vec<Case> {
    vec![
        (
            &rules::CLUSTER_ADMIN,
            vec![set("RoleBinding/reader", "/roleRef/name", json!("cluster-admin"))],
        ),
        (
            &rules::WILDCARD_RIGHTS,
            vec![set("Role/reader", "/rules/0/verbs", json!(["*"]))],
        ),
        (
            &rules::DANGEROUS_VERB,
            vec![set("Role/reader", "/rules/0/verbs", json!(["impersonate"]))],
        ),
        (
            &rules::READS_ALL_SECRETS,
            vec![set("Role/reader", "/rules/0/resourceNames", Value::Null)],
        ),
        (
            &rules::NO_ROLE,
            vec![set("RoleBinding/reader", "/roleRef/name", json!("nope"))],
        ),
    ]
}
