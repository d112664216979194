//! What the program does with its rights, and what a thief would try with them.

use http::Method;
use serde_json::{Value, json};

use super::requests::{Call, call};
use super::{HOME, MEDIA};

const APPS: &str = "/apis/apps/v1/namespaces/rights-media/deployments";
const BATCH: &str = "/apis/batch/v1/namespaces/rights-jobs/jobs";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

fn job(name: &str) -> Value {
    let pod = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": {"spec": pod}}})
}

/// What the program does with each right: place of the rights, of the rule and of the verb, and the request.
pub(super) fn needs() -> Vec<([usize; 3], Call)> {
    let one = "fieldSelector=metadata.name%3Djellyfin";
    let get = |path: String| call(Method::GET, path, Value::Null);
    let scale = format!("{APPS}/jellyfin/scale?dryRun=All");
    vec![
        ([0, 0, 0], get(format!("{APPS}?{one}"))),
        ([0, 0, 1], get(format!("{APPS}?{one}&watch=1&timeoutSeconds=1"))),
        (
            [0, 1, 0],
            call(Method::PATCH, scale, json!({"spec": {"replicas": 1}})),
        ),
        (
            [1, 0, 0],
            call(Method::POST, format!("{BATCH}?dryRun=All"), job("other")),
        ),
        (
            [1, 1, 0],
            call(Method::DELETE, format!("{BATCH}/syncer?dryRun=All"), Value::Null),
        ),
        ([2, 0, 0], get("/api/v1/nodes".to_owned())),
        (
            [2, 0, 1],
            get("/api/v1/nodes?watch=1&timeoutSeconds=1".to_owned()),
        ),
    ]
}

/// What somebody with the token would try. None of it may be about an object that is missing: rights come first.
pub(super) fn hostile() -> Vec<Call> {
    let get = |path: &str| call(Method::GET, path, Value::Null);
    let post = |path: &str, body: Value| call(Method::POST, format!("{path}?dryRun=All"), body);
    let patch = |path: String, body: Value| call(Method::PATCH, format!("{path}?dryRun=All"), body);
    let delete = |path: String| call(Method::DELETE, format!("{path}?dryRun=All"), Value::Null);
    let everything = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
    let binding = |kind: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "mine"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "mqtt-kube", "namespace": HOME}]})
    };
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i:1"}]}});
    vec![
        get("/api/v1/namespaces/rights-iot/secrets"),
        get("/api/v1/namespaces/rights-iot/secrets/mosquitto-users"),
        get("/api/v1/namespaces/kube-system/secrets"),
        get("/api/v1/secrets?watch=1&timeoutSeconds=1"),
        get("/api/v1/namespaces/kube-system/configmaps"),
        get("/api/v1/namespaces/rights-media/pods/p/log"),
        call(
            Method::POST,
            "/api/v1/namespaces/rights-media/pods/p/exec?command=sh&stdout=1",
            Value::Null,
        ),
        call(
            Method::POST,
            "/api/v1/namespaces/rights-media/pods/p/portforward?ports=80",
            Value::Null,
        ),
        post(
            "/api/v1/namespaces/rights-media/pods/p/eviction",
            json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}),
        ),
        post("/api/v1/namespaces/rights-media/pods", pod),
        // The same verbs for another object, namespace, or part of the object.
        get("/apis/apps/v1/namespaces/rights-media/deployments"),
        get("/apis/apps/v1/namespaces/rights-media/deployments/jellyfin"),
        get("/apis/apps/v1/deployments"),
        patch(format!("{APPS}/other/scale"), json!({"spec": {"replicas": 0}})),
        patch(format!("{APPS}/jellyfin"), json!({"spec": {"paused": true}})),
        patch(
            "/apis/apps/v1/namespaces/default/deployments/jellyfin/scale".to_owned(),
            json!({"spec": {"replicas": 0}}),
        ),
        delete(format!("{APPS}/jellyfin")),
        delete(APPS.to_owned()),
        delete(format!("{BATCH}/other")),
        delete(BATCH.to_owned()),
        post("/apis/batch/v1/namespaces/default/jobs", job("other")),
        // More rights.
        patch(
            format!("{RBAC}/namespaces/{MEDIA}/roles/mqtt-kube"),
            json!({"rules": everything}),
        ),
        post(
            &format!("{RBAC}/namespaces/{MEDIA}/rolebindings"),
            binding("RoleBinding"),
        ),
        post(
            &format!("{RBAC}/clusterrolebindings"),
            binding("ClusterRoleBinding"),
        ),
        call(Method::GET, "/api/v1/namespaces?as=admin", Value::Null),
        post(
            "/api/v1/namespaces/kube-system/serviceaccounts/default/token",
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}),
        ),
        // The cluster.
        get("/api/v1/nodes/node-1"),
        patch(
            "/api/v1/nodes/node-1".to_owned(),
            json!({"spec": {"unschedulable": true}}),
        ),
        get("/api/v1/namespaces"),
        post(
            "/api/v1/namespaces",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}}),
        ),
        delete(format!("/api/v1/namespaces/{MEDIA}")),
    ]
}
