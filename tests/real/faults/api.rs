//! Rows 13 to 20: the API server and the way to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mqttkube_tests::process::ControlPlaneOptions;
use mqttkube_tests::proxy::TcpProxy;
use mqttkube_tests::wait::scale;

use super::config::OBJECTS;
use super::scenario::{Setup, impossible, safe_broker};

#[tokio::test]
async fn fault_13_a_killed_or_hanging_api_server_only_delays() {
    if impossible() {
        return;
    }
    let mut plane = ControlPlaneOptions::default().start().await.unwrap();
    let direct = SocketAddr::from((Ipv4Addr::LOCALHOST, plane.port()));
    let proxy = TcpProxy::start(direct).await.unwrap();
    let kubeconfig = plane
        .admin(Some(&format!("https://{}", proxy.address())))
        .unwrap();
    let setup = Setup::new("fault_13", safe_broker(), &plane)
        .await
        .kubeconfig(kubeconfig);
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
