//! Who reaches a port: proxies and policies, everybody, and brokers that stand beside each other.

use mqttkube_manifests::check::rules;
use serde_json::json;

use super::Edit::{Add, Set, Text};
use super::good::meta;
use super::{Case, DATA, MAP, container};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            &rules::NOT_LISTENING,
            vec![Text(MAP, DATA, "listener 1884", "listener 1894")],
            "does not listen at 1884",
        ),
        Case::new(
            &rules::LOCAL_ONLY,
            vec![Text("ConfigMap/hub", DATA, "listener 1883", "#")],
            "no `listener` line",
        ),
        Case::new(
            &rules::PROXY_DISAGREES,
            vec![Text(
                "ConfigMap/proxy",
                "/data/haproxy.cfg",
                "send-proxy check-send-proxy",
                "",
            )],
            "no PROXY header is sent",
        ),
        Case::new(
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
        Case::new(
            &rules::PROXY_DISAGREES,
            vec![Text(MAP, DATA, "enable_proxy_protocol 1", "")],
            "takes it for a broken packet",
        ),
        Case::new(
            &rules::POLICY_PORT,
            vec![Set(
                "NetworkPolicy/mosquitto",
                "/spec/ingress/0/ports/-",
                json!({"port": 9999}),
            )],
            "the port 9999",
        ),
        Case::new(
            &rules::POLICY_SHUTS,
            vec![Set(
                "NetworkPolicy/mosquitto",
                "/spec/ingress/0/ports/0/port",
                json!("api"),
            )],
            "no policy lets anybody reach",
        ),
        Case::new(
            &rules::CLUSTER_OPEN,
            vec![Set(
                "Deployment/hub",
                container!("/ports"),
                json!([{"name": "raft", "containerPort": 7000}, {"name": "node", "containerPort": 1885}]),
            )],
            "port 7000",
        ),
        Case::new(
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
        Case::new(
            &rules::PLAIN_OUTSIDE,
            vec![Set(
                "Service/mosquitto-out",
                "/spec/ports/0/targetPort",
                json!("mqtt"),
            )],
            "can be read on the way",
        ),
        Case::new(
            &rules::REPLICAS_APART,
            vec![Set("Deployment/hub", "/spec/replicas", json!(2))],
            "2 brokers that know nothing",
        ),
        Case::new(
            &rules::SCALED_APART,
            vec![Add(
                json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta("hub"), "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "hub"}}}),
            )],
            "do not make faster",
        ),
    ]
}
