//! A bundle with everything that the rules look at, and nothing wrong.

use serde_json::{Value, json};

/// One broker, a cluster of three, and what belongs to them.
pub(super) fn good() -> Vec<Value> {
    let labels = json!({"app": "mosquitto"});
    let meta = |name: &str| json!({"name": name, "namespace": "mqtt"});
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mqtt"}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("mosquitto")}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta("reader"), "rules": [
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["users"], "verbs": ["get"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta("reader"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "mosquitto", "namespace": "mqtt"}]}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("conf"), "data": {
            "mosquitto.conf": "persistence true\npersistence_location /mosquitto/data/\nautosave_on_changes true\n\
                autosave_interval 1\nmax_queued_messages 0\nlistener 1883\nlistener 8883\npassword_file /users/passwd\n",
            "cloud.tmpl": "remote_password GOOGLE_CLOUD_JWT\n"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("users"), "data": {"passwd": "IyBub2JvZHkgeWV0Cg=="}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta("data"),
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("mosquitto"), "spec": {
            "type": "NodePort", "selector": labels, "ports": [
                {"name": "mqtt", "port": 1883, "targetPort": "mqtt", "nodePort": 31883},
                {"name": "mqtts", "port": 8883, "targetPort": 8883}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("headless"), "spec": {
            "clusterIP": "None", "selector": {"app": "cluster"}, "ports": [{"port": 1883}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("mosquitto"), "spec": {
            "replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "serviceAccountName": "mosquitto",
                "securityContext": {"runAsNonRoot": true, "runAsUser": 1883, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{
                    "name": "mosquitto", "image": "example.org/broker:2.0.22",
                    "env": [{"name": "USER_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "users", "key": "passwd"}}}],
                    "ports": [{"name": "mqtt", "containerPort": 1883}, {"name": "mqtts", "containerPort": 8883}],
                    "readinessProbe": {"tcpSocket": {"port": "mqtt"}},
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [
                        {"name": "conf", "mountPath": "/mosquitto/config"},
                        {"name": "users", "mountPath": "/users"},
                        {"name": "data", "mountPath": "/mosquitto/data"}]}],
                "volumes": [
                    {"name": "conf", "configMap": {"name": "conf"}},
                    {"name": "users", "secret": {"secretName": "users"}},
                    {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}}}}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta("cluster"), "spec": {
            "replicas": 3, "serviceName": "headless", "selector": {"matchLabels": {"app": "cluster"}},
            "template": {"metadata": {"labels": {"app": "cluster"}}, "spec": {
                "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{"name": "broker", "image": "example.org/broker:2.0.22",
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "data", "mountPath": "/mosquitto/data"}]}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]}}),
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta("cluster"), "spec": {
            "maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": {"app": "cluster"}}}}),
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta("cluster"),
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "cluster"}}}),
        json!({"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": meta("mosquitto"),
            "spec": {"to": {"kind": "Service", "name": "mosquitto"}}}),
        json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "metadata": {"name": "here"},
            "resources": ["../base"]}),
    ]
}
