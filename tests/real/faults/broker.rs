//! Rows 1 to 8: the broker and the way to it.

use std::time::Duration;

use mqttkube_tests::process::MosquittoOptions;
use mqttkube_tests::wait::scale;

use super::scenario::{Setup, impossible, safe_broker};
use crate::api_server::shared;

#[tokio::test]
async fn fault_01_a_restarted_broker_loses_nothing() {
    if impossible() {
        return;
    }
    let setup = Setup::new("fault_01", safe_broker(), shared().await).await;
    let mut row = setup.start().await;
    for stop in [100, 2000].repeat(scale() as usize) {
        row.commands(100).await;
        let before = row.program.connections().await;
        row.broker.terminate().await.unwrap();
        tokio::time::sleep(Duration::from_millis(stop)).await;
        row.broker.start().await.unwrap();
        let recovered = row.program.reconnected(before).await;
        row.recovered(recovered).await;
    }
    let figures = row.finish().await;
    assert_eq!(figures.sent, figures.received as u64);
}

#[tokio::test]
async fn fault_02_a_killed_broker_that_saves_at_once_loses_nothing() {
    if impossible() {
        return;
    }
    kill("fault_02_saved", safe_broker()).await;
}

#[tokio::test]
async fn fault_02_with_a_killed_broker_that_saved_nothing_no_more_is_lost_than_by_the_control_consumer() {
    if impossible() {
        return;
    }
    let options = MosquittoOptions::default()
        .persistent(1800)
        .line("max_inflight_messages 100");
    kill("fault_02_empty", options).await;
}

async fn kill(row: &str, options: MosquittoOptions) {
    let setup = Setup::new(row, options, shared().await).await;
    let mut row = setup.start().await;
    for _ in 0..3 * scale() {
        row.commands(100).await;
        let before = row.program.connections().await;
        row.broker.kill();
        tokio::time::sleep(Duration::from_secs(1)).await;
        row.broker.start().await.unwrap();
        let recovered = row.program.reconnected(before).await;
        row.recovered(recovered).await;
    }
    let _ = row.finish().await;
}
