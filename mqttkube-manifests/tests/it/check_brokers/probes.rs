//! Names and amounts, and probes that cannot tell.

use mqttkube_manifests::check::rules;
use serde_json::{Value, json};

use super::Edit::{Add, Set, Text};
use super::good::meta;
use super::{Case, DATA, MAIN, MAP, container};

pub(super) fn cases() -> Vec<Case> {
    let long = "a".repeat(64);
    vec![
        Case::new(
            &rules::BAD_NAME,
            vec![Set(MAIN, container!("/ports/0/name"), json!("mqtt_plain"))],
            "`mqtt_plain` is no port name",
        ),
        Case::new(
            &rules::LONG_NAME,
            vec![Add(
                json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta(&long[..53]), "spec": {}}),
            )],
            "53 characters, 52 are allowed",
        ),
        Case::new(
            &rules::BAD_LABEL,
            vec![Set(MAIN, "/metadata/labels", json!({"on": true}))],
            "`true` is no text",
        ),
        Case::new(
            &rules::BAD_PORT,
            vec![Set(MAIN, container!("/ports/0/containerPort"), json!(70_000))],
            "`70000` is no port",
        ),
        Case::new(
            &rules::BAD_QUANTITY,
            vec![Set(MAIN, container!("/resources/limits/memory"), json!("12Qi"))],
            "`12Qi` is no quantity",
        ),
        Case::new(
            &rules::REQUEST_ABOVE_LIMIT,
            vec![Set(MAIN, container!("/resources/requests/memory"), json!("1Gi"))],
            "1Gi of memory are requested and 128Mi",
        ),
        Case::new(
            &rules::PROBE_NOT_LISTENING,
            vec![Text(MAP, DATA, "listener 9883", "listener 9884")],
            "does not listen at 9883",
        ),
        Case::new(
            &rules::PROBE_WRONG_PROTOCOL,
            vec![Text(MAP, DATA, "protocol http_api\n", "")],
            "speaks MQTT, not HTTP",
        ),
        Case::new(
            &rules::PROBE_REFUSED,
            vec![Text(MAP, DATA, "listener_allow_anonymous true\n", "")],
            "asks for a password",
        ),
        Case::new(
            &rules::PROBE_REFUSED,
            vec![Text(
                "Secret/users",
                "/stringData/acl",
                "topic read /api/v1/version\n",
                "",
            )],
            "does not let clients without a name",
        ),
        Case::new(
            &rules::PROBE_REFUSED,
            vec![Set(
                MAIN,
                container!("/livenessProbe/exec/command"),
                json!(["sh", "-c", "mosquitto_sub -t x -C 1"]),
            )],
            "the client names none",
        ),
        Case::new(
            &rules::PROBE_THROUGH_PROXY,
            vec![Set(
                MAIN,
                container!("/livenessProbe/exec/command/-"),
                json!("-p 1884"),
            )],
            "waits for a PROXY header",
        ),
        Case::new(
            &rules::PROBE_BREAKS_TLS,
            vec![Set(
                MAIN,
                container!("/livenessProbe"),
                json!({"tcpSocket": {"port": "mqtts"}}),
            )],
            "ends a TLS handshake",
        ),
        Case::new(
            &rules::NO_PROBE,
            vec![Set("Deployment/hub", container!("/readinessProbe"), Value::Null)],
            "has no probe",
        ),
    ]
}
