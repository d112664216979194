//! Rows 24 and 26: single objects that are gone, or slow.

use std::time::{Duration, Instant};

use mqttkube_tests::fake_api::{Fault, Gate};

use super::scenario::{Setup, impossible, safe_broker};
use crate::api_server::shared;

#[tokio::test]
async fn fault_26_one_hanging_object_does_not_hold_up_the_others() {
    if impossible() {
        return;
    }
    let plane = shared().await;
    let gate = Gate::before(plane.client().await.unwrap());
    let server = gate.serve().await.unwrap();
    let broker = safe_broker().line("max_inflight_messages 2000");
    let folder = tempfile::TempDir::new().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, server.kubeconfig()).unwrap();
    let mut setup = Setup::new("fault_26", broker, plane).await.kubeconfig(kubeconfig);
    // All commands of the fault fit in, so that nothing waits for the acknowledgement of another.
    setup.settings.receive_maximum = 2000;
    let mut row = setup.start().await;
    row.commands(50).await;
    let connections = row.program.connections().await;

    let rate = async |seconds: u64| {
        let others = || {
            let patched = |path: &str| path.contains("/configmaps/o") && !path.ends_with("/o1");
            gate.log()
                .count(|logged| logged.method == "PATCH" && logged.status.is_some() && patched(&logged.path))
        };
        let (began, before) = (Instant::now(), others());
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        (others() - before) as f64 / began.elapsed().as_secs_f64()
    };
    let usual = rate(3).await;
    gate.faults().add(Fault::hanging().on("PATCH", "/configmaps/o1"));
    let beside_hanging = rate(3).await;
    gate.faults().clear();
    gate.faults()
        .add(Fault::delayed(Duration::from_secs(1)).on("PATCH", "/configmaps/o1"));
    let beside_slow = rate(3).await;
    gate.faults().clear();
    println!(
        "fault-26: {usual:.0}/s, beside a hanging object {beside_hanging:.0}/s, a slow one {beside_slow:.0}/s"
    );
    assert!(beside_hanging >= 0.9 * usual && beside_slow >= 0.9 * usual);

    row.recovered(Instant::now()).await;
    assert_eq!(
        row.program.connections().await,
        connections,
        "the broker waited for a ping"
    );
    let figures = row.finish().await;
    assert_eq!(figures.sent, figures.received as u64);
}
