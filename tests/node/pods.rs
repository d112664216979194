//! The node runs pods that find the broker by name.

use std::process::Command;
use std::time::Instant;

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::Api;
use kube::api::PostParams;
use mqttkube_tests::process::{MOSQUITTO, mosquitto_image};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;
use serde_json::json;

use crate::kubernetes::{Kubernetes, SOON};

#[tokio::test]
async fn a_pod_serves_mqtt_under_the_name_of_its_service() {
    if lacks(&[
        Need::ApiServer,
        Need::ControllerManager,
        Need::Scheduler,
        Need::Node,
        Need::Mosquitto,
    ]) {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let archive = mosquitto_image(folder.path()).unwrap();
    let kubernetes = Kubernetes::start(&[archive], Instant::now()).await;
    let client = kubernetes.client.clone();
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let services: Api<Service> = Api::namespaced(client, "default");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "broker", "labels": { "app": "broker" } },
        "spec": { "containers": [{
            "name": "mosquitto", "image": MOSQUITTO, "imagePullPolicy": "Never",
        }] },
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "broker" },
        "spec": { "selector": { "app": "broker" }, "ports": [{ "port": 1883 }] },
    });
    let post = PostParams::default();
    let service = services
        .create(&post, &serde_json::from_value(service).unwrap())
        .await
        .unwrap();
    wait::until_ok(SOON, "account `default`", async || {
        pods.create(&post, &serde_json::from_value(pod.clone()).unwrap())
            .await
    })
    .await;
    wait::until_ok(SOON, "running broker", async || {
        let pod = pods.get("broker").await.unwrap();
        let phase = pod.status.and_then(|status| status.phase).unwrap_or_default();
        if phase == "Running" { Ok(()) } else { Err(phase) }
    })
    .await;
    let address = service.spec.and_then(|spec| spec.cluster_ip).unwrap();
    wait::until_ok(SOON, "connection to the service", async || {
        tokio::net::TcpStream::connect((address.as_str(), 1883)).await
    })
    .await;
    let resolved = Command::new("python3")
        .args([
            "-c",
            DNS_QUESTION,
            kubernetes.node_address(),
            "broker.default.svc.cluster.local",
        ])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&resolved.stdout).trim(),
        address,
        "{resolved:?}"
    );
}

/// Asks a DNS server for one address, without the machine's resolver.
const DNS_QUESTION: &str = r#"
import socket, struct, sys
server, name = sys.argv[1:]
question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ask.settimeout(10)
ask.sendto(struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + question + struct.pack(">2H", 1, 1), (server, 53))
print(socket.inet_ntoa(ask.recv(512)[-4:]))
"#;
