//! Rows 13, 14 and 20: the API server as a whole, and what it allows.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mqttkube_tests::process::{ControlPlane, ControlPlaneOptions};
use mqttkube_tests::proxy::{Fault, TcpProxy};
use mqttkube_tests::wait::scale;
use serde_json::json;

use super::config::OBJECTS;
use super::scenario::{Setup, impossible, lasting_broker};
use crate::api_server::shared;
use crate::suite::World;

#[tokio::test]
async fn fault_13_a_killed_or_hanging_api_server_only_delays() {
    if impossible() {
        return;
    }
    let mut plane = ControlPlaneOptions::default().start().await.unwrap();
    let (setup, proxy) = behind_proxy("fault_13", &plane).await;
    let mut row = setup.start().await;
    for _ in 0..scale() {
        row.commands(100).await;
        let (began, before) = (Instant::now(), proxy.accepted());
        plane.kill_api();
        row.program.api_lost().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Every object has a watch and a queue of commands; no way to it may be tried in a tight loop.
        let attempts = (proxy.accepted() - before) as f64 / began.elapsed().as_secs_f64();
        assert!(
            attempts < 10.0 * 2.0 * OBJECTS as f64,
            "{attempts} connections per second"
        );
        plane.start_api().await.unwrap();
        let recovered = row.program.api_answers().await;
        row.recovered(recovered).await;

        row.commands(100).await;
        plane.pause_api();
        row.program.api_lost().await;
        plane.resume_api();
        let recovered = row.program.api_answers().await;
        row.recovered(recovered).await;
    }
    let figures = row.finish().await;
    assert_eq!(figures.sent, figures.received as u64);
}

#[tokio::test]
async fn fault_14_half_open_connections_to_the_api_server_are_noticed() {
    if impossible() {
        return;
    }
    let (mut setup, proxy) = behind_proxy("fault_14", shared().await).await;
    setup.settings.watch_timeout = "5s";
    let mut row = setup.start().await;
    for _ in 0..scale() {
        row.commands(100).await;
        proxy.set(Fault::Blackhole);
        let began = Instant::now();
        let calls = row.program.api_lost().await - began;
        let watches = row.program.until("loss of every watch", |status| {
            let watches = status["watches"].as_array();
            watches.is_some_and(|watches| watches.iter().all(|watch| watch["error"].is_string()))
        });
        let watches = watches.await - began;
        println!(
            "fault-14: calls failed after {:.1} s, watches after {:.1} s",
            calls.as_secs_f64(),
            watches.as_secs_f64()
        );
        // A call has 3 s. A watch has its timeout and 5 s more, and so has its successor 3 s; the rest is for
        // seeing it.
        assert!(calls <= Duration::from_secs(5) && watches <= Duration::from_secs(14));
        proxy.heal();
        let recovered = row.program.api_answers().await;
        row.recovered(recovered).await;
    }
    let figures = row.finish().await;
    assert_eq!(figures.sent, figures.received as u64);
}

#[tokio::test]
async fn fault_20_rights_that_are_missing_come_and_go_without_a_restart() {
    if impossible() {
        return;
    }
    let plane = shared().await;
    let kubeconfig = plane.user("fault-20", None).unwrap();
    let mut setup = Setup::new("fault_20", lasting_broker(), plane)
        .await
        .kubeconfig(kubeconfig);
    setup.settings.watch_timeout = "2s";
    let mut row = setup.start_unready().await;
    for _ in 0..2 * scale() {
        let forbidden = row.program.until("complaint about rights", |status| {
            let reasons = status["reasons"].to_string();
            status["ready"] == false && reasons.contains("forbidden")
        });
        forbidden.await;
        row.commands(50).await;
        allow(&row.world).await;
        let recovered = row.program.ready().await;
        row.recovered(recovered).await;
        row.commands(50).await;
        let path = format!("{}/rolebindings/fault-20", rbac(&row.world));
        row.world.delete(&path, &json!({})).await.ok();
    }
    allow(&row.world).await;
    row.program.ready().await;
    let figures = row.finish().await;
    assert!(
        figures.refused > 0 && figures.results.contains_key("forbidden"),
        "{figures}"
    );
}

fn rbac(world: &World) -> String {
    world
        .path("rbac.authorization.k8s.io/v1", "")
        .trim_end_matches('/')
        .to_owned()
}

/// Lets the user of the row do what its bindings need.
async fn allow(world: &World) {
    let rule = json!({
        "apiGroups": [""],
        "resources": ["configmaps"],
        "verbs": ["get", "list", "watch", "create", "patch"],
    });
    let role = json!({ "metadata": { "name": "fault-20" }, "rules": [rule] });
    let binding = json!({
        "metadata": { "name": "fault-20" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "fault-20" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "fault-20" }],
    });
    // The role stays when the binding goes.
    world.post(&format!("{}/roles", rbac(world)), &role).await;
    world
        .post(&format!("{}/rolebindings", rbac(world)), &binding)
        .await
        .ok();
}

async fn behind_proxy(row: &str, plane: &ControlPlane) -> (Setup, TcpProxy) {
    let direct = SocketAddr::from((Ipv4Addr::LOCALHOST, plane.port()));
    let proxy = TcpProxy::start(direct).await.unwrap();
    let kubeconfig = plane
        .admin(Some(&format!("https://{}", proxy.address())))
        .unwrap();
    let setup = Setup::new(row, lasting_broker(), plane).await;
    (setup.kubeconfig(kubeconfig), proxy)
}
