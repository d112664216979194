//! The configuration of a broker, and the files that it names: certificates, users, rights, data.

use mqttkube_manifests::check::rules;
use serde_json::json;

use super::Edit::{Set, Text};
use super::{Case, DATA, MAIN, MAP, container};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            &rules::CONFIG_REFUSED,
            vec![Text(
                "ConfigMap/hub",
                DATA,
                "listener 1883\n",
                "listener 1883\nlisten 1884\n",
            )],
            "unknown-directive",
        ),
        Case::new(
            &rules::CONFIG_RISK,
            vec![Text(
                "ConfigMap/spoke",
                DATA,
                "max_queued_messages 0",
                "max_queued_messages 10",
            )],
            "queue-limit",
        ),
        Case::new(
            &rules::CONFIG_DEPRECATED,
            vec![Text("ConfigMap/hub", DATA, "listener 1883", "port 1883")],
            "default-listener",
        ),
        Case::new(
            &rules::CONFIG_NOT_READ,
            vec![Set(
                "Deployment/hub",
                container!("/volumeMounts/0/mountPath"),
                json!("/mosquitto/conf"),
            )],
            "reads /mosquitto/config/mosquitto.conf, not /mosquitto/conf/mosquitto.conf",
        ),
        Case::new(
            &rules::NO_FILE,
            vec![Text(MAP, DATA, "tls/tls.crt", "tls/cert.pem")],
            "has no such key",
        ),
        Case::new(
            &rules::NO_FILE,
            vec![Text(
                MAP,
                DATA,
                "/mosquitto/tls/tls.key",
                "/mosquitto/certs/tls.key",
            )],
            "nothing is mounted there",
        ),
        Case::new(
            &rules::LINKED_FILE,
            vec![Set(MAIN, container!("/env"), json!([]))],
            "`password_file` names /mosquitto/users/passwd, a symbolic link",
        ),
        Case::new(
            &rules::LOST_WITH_POD,
            vec![Set(
                "Deployment/hub",
                "/spec/template/spec/volumes/2",
                json!({"name": "data", "emptyDir": {}}),
            )],
            "does not outlive the pod",
        ),
        Case::new(
            &rules::USERS_REFUSED,
            vec![Text(
                "Secret/users",
                "/stringData/acl",
                "topic readwrite #",
                "pattern readwrite x/%u",
            )],
            "acl-pattern-under-user",
        ),
        Case::new(
            &rules::USERS_REFUSED,
            vec![Text("Secret/users", "/stringData/passwd", "panel:", "panel ")],
            "password-line",
        ),
        Case::new(
            &rules::USERS_RISK,
            vec![Text(
                "Secret/users",
                "/stringData/acl",
                "topic readwrite #",
                "topic readwrite %u/x",
            )],
            "acl-literal-name",
        ),
        Case::new(
            &rules::DYNSEC_READ_ONLY,
            vec![Text(
                MAP,
                DATA,
                "acl_file /mosquitto/users/acl\n",
                "plugin /usr/lib/mosquitto_dynamic_security.so\nplugin_opt_config_file /mosquitto/users/acl\n",
            )],
            "cannot write /mosquitto/users/acl",
        ),
    ]
}
