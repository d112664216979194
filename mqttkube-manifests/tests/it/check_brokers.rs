//! Rules about brokers, names and certificates: a bundle of four brokers, a proxy and policies without a finding, and
//! for each rule one small change that fires it.

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::check::{Finding, Rule, rules};
use serde_json::{Value, json};

use crate::good_brokers::{good, meta};

/// One change to one object, which is named as `Kind/name`.
pub(crate) enum Edit {
    /// A new value at a JSON pointer; null removes, `-` at the end appends to a list.
    Set(&'static str, &'static str, Value),
    /// One text for another in the text at a JSON pointer.
    Text(&'static str, &'static str, &'static str, &'static str),
    /// A new object.
    Add(Value),
}

use Edit::{Add, Set, Text};

pub(crate) struct Case {
    pub(crate) rule: &'static Rule,
    edits: Vec<Edit>,
    /// A part of the message or path that a finding must have.
    says: &'static str,
}

const MAIN: &str = "Deployment/mosquitto";
const MAP: &str = "ConfigMap/mosquitto";
const DATA: &str = "/data/mosquitto.conf";

/// A change of the main broker's container: the pointer is spelled out because edits are constants.
macro_rules! container {
    ($member:literal) => {
        concat!("/spec/template/spec/containers/0", $member)
    };
}

#[allow(clippy::too_many_lines, reason = "a table")]
pub(crate) fn cases() -> Vec<Case> {
    let case = |rule, edits, says| Case { rule, edits, says };
    let long = "a".repeat(64);
    vec![
        case(
            &rules::BAD_NAME,
            vec![Set(MAIN, container!("/ports/0/name"), json!("mqtt_plain"))],
            "`mqtt_plain` is no port name",
        ),
        case(
            &rules::LONG_NAME,
            vec![Add(
                json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta(&long[..53]), "spec": {}}),
            )],
            "53 characters, 52 are allowed",
        ),
        case(
            &rules::BAD_LABEL,
            vec![Set(MAIN, "/metadata/labels", json!({"on": true}))],
            "`true` is no text",
        ),
        case(
            &rules::BAD_PORT,
            vec![Set(MAIN, container!("/ports/0/containerPort"), json!(70_000))],
            "`70000` is no port",
        ),
        case(
            &rules::BAD_QUANTITY,
            vec![Set(MAIN, container!("/resources/limits/memory"), json!("12Qi"))],
            "`12Qi` is no quantity",
        ),
        case(
            &rules::REQUEST_ABOVE_LIMIT,
            vec![Set(MAIN, container!("/resources/requests/memory"), json!("1Gi"))],
            "1Gi of memory are requested and 128Mi",
        ),
        case(
            &rules::PROBE_NOT_LISTENING,
            vec![Text(MAP, DATA, "listener 9883", "listener 9884")],
            "does not listen at 9883",
        ),
        case(
            &rules::PROBE_WRONG_PROTOCOL,
            vec![Text(MAP, DATA, "protocol http_api\n", "")],
            "speaks MQTT, not HTTP",
        ),
        case(
            &rules::PROBE_REFUSED,
            vec![Text(MAP, DATA, "listener_allow_anonymous true\n", "")],
            "asks for a password",
        ),
        case(
            &rules::PROBE_REFUSED,
            vec![Text(
                "Secret/users",
                "/stringData/acl",
                "topic read /api/v1/version\n",
                "",
            )],
            "does not let clients without a name",
        ),
        case(
            &rules::PROBE_REFUSED,
            vec![Set(
                MAIN,
                container!("/livenessProbe/exec/command"),
                json!(["sh", "-c", "mosquitto_sub -t x -C 1"]),
            )],
            "the client names none",
        ),
        case(
            &rules::PROBE_THROUGH_PROXY,
            vec![Set(
                MAIN,
                container!("/livenessProbe/exec/command/-"),
                json!("-p 1884"),
            )],
            "waits for a PROXY header",
        ),
        case(
            &rules::PROBE_BREAKS_TLS,
            vec![Set(
                MAIN,
                container!("/livenessProbe"),
                json!({"tcpSocket": {"port": "mqtts"}}),
            )],
            "ends a TLS handshake",
        ),
        case(
            &rules::NO_PROBE,
            vec![Set("Deployment/hub", container!("/readinessProbe"), Value::Null)],
            "has no probe",
        ),
        case(
            &rules::NOT_LISTENING,
            vec![Text(MAP, DATA, "listener 1884", "listener 1894")],
            "does not listen at 1884",
        ),
        case(
            &rules::LOCAL_ONLY,
            vec![Text("ConfigMap/hub", DATA, "listener 1883", "#")],
            "no `listener` line",
        ),
        case(
            &rules::PROXY_DISAGREES,
            vec![Text(
                "ConfigMap/proxy",
                "/data/haproxy.cfg",
                "send-proxy check-send-proxy",
                "",
            )],
            "no PROXY header is sent",
        ),
        case(
            &rules::PROXY_DISAGREES,
            vec![
                Text(
                    "ConfigMap/proxy",
                    "/data/haproxy.cfg",
                    "send-proxy check-send-proxy",
                    "send-proxy-v2",
                ),
                Text(MAP, DATA, "enable_proxy_protocol 1", "enable_proxy_protocol 2"),
            ],
            "every server is down",
        ),
        case(
            &rules::PROXY_DISAGREES,
            vec![Text(MAP, DATA, "enable_proxy_protocol 1", "")],
            "takes it for a broken packet",
        ),
        case(
            &rules::POLICY_PORT,
            vec![Set(
                "NetworkPolicy/mosquitto",
                "/spec/ingress/0/ports/-",
                json!({"port": 9999}),
            )],
            "the port 9999",
        ),
        case(
            &rules::POLICY_SHUTS,
            vec![Set(
                "NetworkPolicy/mosquitto",
                "/spec/ingress/0/ports/0/port",
                json!("api"),
            )],
            "no policy lets anybody reach",
        ),
        case(
            &rules::CLUSTER_OPEN,
            vec![Set(
                "Deployment/hub",
                container!("/ports"),
                json!([{"name": "raft", "containerPort": 7000}, {"name": "node", "containerPort": 1885}]),
            )],
            "port 7000",
        ),
        case(
            &rules::START_RACE,
            vec![Set(
                "Deployment/bridge",
                "/spec/template/spec/initContainers",
                json!([]),
            )],
            "starts at the same time",
        ),
        case(
            &rules::CERTIFICATES_INSIDE,
            vec![Set(
                MAIN,
                container!("/volumeMounts/-"),
                json!({"name": "data", "mountPath": "/etc/letsencrypt"}),
            )],
            "orders its certificates",
        ),
        case(
            &rules::SECRET_ON_DISK,
            vec![Set(
                "Deployment/bridge",
                "/spec/template/spec/volumes/1/emptyDir",
                json!({}),
            )],
            "written to the disk",
        ),
        case(
            &rules::NEEDS_ROOT,
            vec![Set(
                "Deployment/bridge",
                "/spec/template/spec/initContainers/0/command",
                json!(["sh", "-c", "chown 1883:1883 /x"]),
            )],
            "calls chown",
        ),
        case(
            &rules::NO_TRIGGERS,
            vec![Set(MAIN, "/kind", json!("DeploymentConfig"))],
            "without triggers",
        ),
        case(
            &rules::BRIDGE_LOOP,
            vec![Text(
                "ConfigMap/hub",
                DATA,
                "listener 1883\n",
                "listener 1883\nconnection back\naddress spoke:1883\nremote_clientid hub\ntopic # both 1\n",
            )],
            "(topic `",
        ),
        case(
            &rules::SEVERAL_COPIES,
            vec![Text(
                "ConfigMap/spoke",
                DATA,
                "topic # both 1\n",
                "topic x out 1\nconnection second\naddress hub\nremote_clientid spoke2\nlocal_clientid local.spoke2\ntopic x out 1\n",
            )],
            "topic `x`",
        ),
        case(
            &rules::BRIDGE_ECHO,
            vec![
                Text(
                    "ConfigMap/spoke",
                    DATA,
                    "hub.mqtt.svc:1883",
                    "elsewhere.example.org",
                ),
                Text(
                    "ConfigMap/spoke",
                    DATA,
                    "topic # both 1",
                    "try_private false\ntopic # both 1",
                ),
            ],
            "is taken in again",
        ),
        case(
            &rules::TOPOLOGY_UNDECIDED,
            vec![
                Text("ConfigMap/hub", DATA, "listener 1883\n", tangle()),
                Text("ConfigMap/spoke", DATA, "topic # both 1\n", other_tangle()),
            ],
            "",
        ),
        case(
            &rules::CONFIG_REFUSED,
            vec![Text(
                "ConfigMap/hub",
                DATA,
                "listener 1883\n",
                "listener 1883\nlisten 1884\n",
            )],
            "unknown-directive",
        ),
        case(
            &rules::CONFIG_RISK,
            vec![Text(
                "ConfigMap/spoke",
                DATA,
                "max_queued_messages 0",
                "max_queued_messages 10",
            )],
            "queue-limit",
        ),
        case(
            &rules::CONFIG_DEPRECATED,
            vec![Text("ConfigMap/hub", DATA, "listener 1883", "port 1883")],
            "default-listener",
        ),
        case(
            &rules::CONFIG_NOT_READ,
            vec![Set(
                "Deployment/hub",
                container!("/volumeMounts/0/mountPath"),
                json!("/mosquitto/conf"),
            )],
            "reads /mosquitto/config/mosquitto.conf, not /mosquitto/conf/mosquitto.conf",
        ),
        case(
            &rules::NO_FILE,
            vec![Text(MAP, DATA, "tls/tls.crt", "tls/cert.pem")],
            "has no such key",
        ),
        case(
            &rules::NO_FILE,
            vec![Text(
                MAP,
                DATA,
                "/mosquitto/tls/tls.key",
                "/mosquitto/certs/tls.key",
            )],
            "nothing is mounted there",
        ),
        case(
            &rules::LINKED_FILE,
            vec![Set(MAIN, container!("/env"), json!([]))],
            "`password_file` names /mosquitto/users/passwd, a symbolic link",
        ),
        case(
            &rules::LOST_WITH_POD,
            vec![Set(
                "Deployment/hub",
                "/spec/template/spec/volumes/2",
                json!({"name": "data", "emptyDir": {}}),
            )],
            "does not outlive the pod",
        ),
        case(
            &rules::USERS_REFUSED,
            vec![Text(
                "Secret/users",
                "/stringData/acl",
                "topic readwrite #",
                "pattern readwrite x/%u",
            )],
            "acl-pattern-under-user",
        ),
        case(
            &rules::USERS_REFUSED,
            vec![Text("Secret/users", "/stringData/passwd", "panel:", "panel ")],
            "password-line",
        ),
        case(
            &rules::USERS_RISK,
            vec![Text(
                "Secret/users",
                "/stringData/acl",
                "topic readwrite #",
                "topic readwrite %u/x",
            )],
            "acl-literal-name",
        ),
        case(
            &rules::DYNSEC_READ_ONLY,
            vec![Text(
                MAP,
                DATA,
                "acl_file /mosquitto/users/acl\n",
                "plugin /usr/lib/mosquitto_dynamic_security.so\nplugin_opt_config_file /mosquitto/users/acl\n",
            )],
            "cannot write /mosquitto/users/acl",
        ),
        case(
            &rules::OPEN_TO_ALL,
            vec![
                Text(
                    "ConfigMap/hub",
                    DATA,
                    "password_file /mosquitto/users/passwd",
                    "allow_anonymous true",
                ),
                Set("Service/hub", "/spec/type", json!("LoadBalancer")),
            ],
            "a load balancer leads there",
        ),
        case(
            &rules::PLAIN_OUTSIDE,
            vec![Set(
                "Service/mosquitto-out",
                "/spec/ports/0/targetPort",
                json!("mqtt"),
            )],
            "can be read on the way",
        ),
        case(
            &rules::REPLICAS_APART,
            vec![Set("Deployment/hub", "/spec/replicas", json!(2))],
            "2 brokers that know nothing",
        ),
        case(
            &rules::SCALED_APART,
            vec![Add(
                json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta("hub"), "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "hub"}}}),
            )],
            "do not make faster",
        ),
    ]
}

/// So many rules on both sides that not every pair of them can be followed.
fn tangle() -> &'static str {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let head = "listener 1883\nconnection back\naddress spoke:1883\nremote_clientid hub\n";
        (0..70).fold(head.to_owned(), |text, number| {
            text + &format!("topic +/x{number}/# both 1\n")
        })
    });
    &TEXT
}

fn other_tangle() -> &'static str {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        (0..70).fold(String::new(), |text, number| {
            text + &format!("topic y{number}/# both 1\n")
        })
    });
    &TEXT
}

fn apply(objects: &mut Vec<Value>, edit: Edit) {
    let (name, pointer) = match &edit {
        Set(name, pointer, _) | Text(name, pointer, ..) => (*name, *pointer),
        Add(object) => return objects.push(object.clone()),
    };
    let (kind, name) = name.split_once('/').expect("kind and name");
    let object = objects
        .iter_mut()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
        .unwrap_or_else(|| panic!("{kind} {name} is there"));
    match edit {
        Text(_, _, from, to) => {
            let text = object.pointer_mut(pointer).expect("the text is there");
            let old = text.as_str().expect("it is text");
            assert!(old.contains(from), "{from} is in {old}");
            *text = json!(old.replacen(from, to, 1));
        }
        Set(_, _, new) => {
            let (parent, last) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
            match object.pointer_mut(parent).expect("the parent is there") {
                Value::Array(list) => match last.parse::<usize>() {
                    Ok(index) => list[index] = new,
                    Err(_) => list.push(new),
                },
                Value::Object(map) if new.is_null() => drop(map.remove(last)),
                Value::Object(map) => drop(map.insert(last.to_owned(), new)),
                _ => panic!("{pointer} is in a list or map"),
            }
        }
        Add(_) => {}
    }
}

fn findings(objects: Vec<Value>) -> Vec<Finding> {
    let mut bundle = Bundle::new();
    for object in objects {
        bundle.add_value(object).expect("it is an object");
    }
    bundle.check().findings().to_vec()
}

#[test]
fn nothing_is_wrong_with_the_brokers_as_they_are() {
    let found = findings(good());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_rule_about_brokers_fires_on_one_small_change() {
    for Case { rule, edits, says } in cases() {
        let mut objects = good();
        for edit in edits {
            apply(&mut objects, edit);
        }
        let found = findings(objects);
        let own = found.iter().filter(|finding| finding.code == rule.code);
        assert!(
            own.clone()
                .any(|finding| finding.message.contains(says) && !finding.path.is_empty()),
            "{} ({}): nothing says {says:?}; found {found:#?}",
            rule.code,
            rule.title
        );
    }
}
