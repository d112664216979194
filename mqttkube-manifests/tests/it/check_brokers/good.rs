//! A bundle of four brokers, a proxy and a policy in which nothing is wrong.

use serde_json::{Value, json};

const CONF: &str = "persistence true\npersistence_location /mosquitto/data/\nautosave_on_changes true\n\
    autosave_interval 1\nmax_queued_messages 0\nmax_packet_size 1048576\nper_listener_settings false\n\
    password_file /mosquitto/users/passwd\nacl_file /mosquitto/users/acl\n\
    listener 1883\nlistener 8883\ncertfile /mosquitto/tls/tls.crt\nkeyfile /mosquitto/tls/tls.key\n\
    listener 9883\nprotocol http_api\nlistener_allow_anonymous true\n\
    listener 1884\nenable_proxy_protocol 1\n";
const ACL: &str = "topic read /api/v1/version\nuser panel\ntopic readwrite #\n";
const PASSWD: &str = "panel:$7$101$AAAAAAAAAAAAAAAA$\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n";
const HUB: &str = "persistence true\npersistence_location /mosquitto/data/\nautosave_on_changes true\n\
    autosave_interval 1\nmax_queued_messages 0\npassword_file /mosquitto/users/passwd\nlistener 1883\n";
const SPOKE: &str = "persistence true\npersistence_location /mosquitto/data/\nautosave_on_changes true\n\
    autosave_interval 1\nmax_queued_messages 0\npassword_file /mosquitto/users/passwd\nlistener 1883\n\
    connection hub\naddress hub.mqtt.svc:1883\nremote_clientid spoke\nlocal_clientid local.spoke\ntopic # both 1\n";
const TEMPLATE: &str = "persistence true\npersistence_location /mosquitto/data/\nautosave_on_changes true\n\
    autosave_interval 1\nmax_queued_messages 0\npassword_file /mosquitto/users/passwd\nlistener 1883\n\
    connection cloud\naddress mqtt.example.org:8883\nremote_clientid DEVICE\nlocal_clientid local.DEVICE\n\
    try_private false\nnotifications false\nremote_username unused\nremote_password CLOUD_JWT\nbridge_cafile /etc/mqtt/roots.pem\n\
    topic events/# out 1 gcp/ up/\n";
const HAPROXY: &str =
    "backend brokers\n  server-template node 3 mosquitto.mqtt.svc:1884 check send-proxy check-send-proxy\n";

pub(super) fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": "mqtt"})
}

/// A workload with one broker of its own and a claim for its data.
fn broker(kind: &str, name: &str, image: &str, mut container: Value, volumes: &Value) -> Value {
    let labels = json!({"app": name});
    container["name"] = json!("mosquitto");
    container["image"] = json!(image);
    container["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let mut spec = json!({
        "replicas": 1, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {
            "securityContext": {"runAsNonRoot": true, "runAsUser": 1883, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container], "volumes": volumes}}});
    if kind == "Deployment" {
        spec["strategy"] = json!({"type": "Recreate"});
    }
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": meta(name), "spec": spec})
}

fn plain(name: &str) -> Value {
    let container = json!({
        "ports": [{"name": "mqtt", "containerPort": 1883}],
        "readinessProbe": {"tcpSocket": {"port": "mqtt"}},
        "volumeMounts": [{"name": "conf", "mountPath": "/mosquitto/config"}, {"name": "data", "mountPath": "/mosquitto/data"},
            {"name": "users", "mountPath": "/mosquitto/users"}]});
    let volumes = json!([{"name": "conf", "configMap": {"name": name}}, {"name": "users", "secret": {"secretName": "users"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": name}}]);
    broker(
        "Deployment",
        name,
        "eclipse-mosquitto:2.0.22",
        container,
        &volumes,
    )
}

fn config(name: &str, key: &str, text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name), "data": {key: text}})
}

fn claim(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta(name),
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
}

fn service(name: &str, kind: &str, port: u16, target: &Value) -> Value {
    let app = name.split('.').next();
    json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(&name.replace('.', "-")),
        "spec": {"type": kind, "selector": {"app": app}, "ports": [{"port": port, "targetPort": target}]}})
}

pub(super) fn good() -> Vec<Value> {
    let main = json!({
        "ports": [{"name": "mqtt", "containerPort": 1883}, {"name": "mqtts", "containerPort": 8883},
            {"name": "api", "containerPort": 9883}, {"name": "proxied", "containerPort": 1884}],
        "env": [{"name": "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "value": "1"}],
        "resources": {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "readinessProbe": {"httpGet": {"port": "api", "path": "/api/v1/version"}},
        "livenessProbe": {"exec": {"command": ["mosquitto_sub", "-u", "panel", "-t", "$SYS/broker/uptime", "-C", "1"]}},
        "volumeMounts": [{"name": "conf", "mountPath": "/mosquitto/config"}, {"name": "users", "mountPath": "/mosquitto/users"},
            {"name": "tls", "mountPath": "/mosquitto/tls"}, {"name": "data", "mountPath": "/mosquitto/data"}]});
    let volumes = json!([{"name": "conf", "configMap": {"name": "mosquitto"}}, {"name": "users", "secret": {"secretName": "users"}},
        {"name": "tls", "secret": {"secretName": "tls"}}, {"name": "data", "persistentVolumeClaim": {"claimName": "mosquitto"}}]);
    let mut bridge = plain("bridge");
    let pod = &mut bridge["spec"]["template"]["spec"];
    pod["volumes"] = json!([{"name": "template", "configMap": {"name": "bridge"}}, {"name": "conf", "emptyDir": {"medium": "Memory"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "bridge"}}, {"name": "users", "secret": {"secretName": "users"}}]);
    pod["initContainers"] = json!([{"name": "refresher", "image": "example.org/refresher:1", "restartPolicy": "Always",
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "template", "mountPath": "/etc/mqtt"}, {"name": "conf", "mountPath": "/mosquitto/config"}]}]);
    pod["containers"][0]["volumeMounts"]
        .as_array_mut()
        .expect("a list")
        .push(json!({"name": "template", "mountPath": "/etc/mqtt"}));
    let mut template = config("bridge", "bridge.conf.tmpl", TEMPLATE);
    template["data"]["roots.pem"] = json!("-----BEGIN CERTIFICATE-----\n");
    vec![
        config("mosquitto", "mosquitto.conf", CONF),
        config("hub", "mosquitto.conf", HUB),
        config("spoke", "mosquitto.conf", SPOKE),
        config("proxy", "haproxy.cfg", HAPROXY),
        template,
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("users"), "stringData": {"passwd": PASSWD, "acl": ACL}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("tls"), "data": {"tls.crt": "eA==", "tls.key": "eA=="}}),
        claim("mosquitto"),
        claim("hub"),
        claim("spoke"),
        claim("bridge"),
        service("mosquitto", "ClusterIP", 1884, &json!("proxied")),
        service("mosquitto.out", "LoadBalancer", 8883, &json!("mqtts")),
        service("hub", "ClusterIP", 1883, &json!("mqtt")),
        service("spoke", "ClusterIP", 1883, &json!("mqtt")),
        broker(
            "Deployment",
            "mosquitto",
            "eclipse-mosquitto:2.1.2",
            main,
            &volumes,
        ),
        plain("hub"),
        plain("spoke"),
        bridge,
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta("mosquitto"), "spec": {
            "podSelector": {"matchLabels": {"app": "mosquitto"}}, "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": "mqtts"}, {"port": 1884}]}]}}),
    ]
}
