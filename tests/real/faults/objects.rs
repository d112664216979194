//! Row 24: an object that is gone, going, or another one of the same name.

use std::time::{Duration, Instant};

use mqttkube_tests::wait;
use mqttkube_tests::wait::scale;
use serde_json::json;

use super::scenario::{Scenario, Setup, impossible, lasting_broker};
use crate::api_server::shared;
use crate::suite::world::MERGE;

#[tokio::test]
async fn fault_24_an_object_may_be_missing_and_come_back_as_another_one() {
    if impossible() {
        return;
    }
    let setup = Setup::new("fault_24", lasting_broker(), shared().await).await;
    let mut row = setup.start().await;
    let path = format!("{}/o7", row.world.config_maps());
    for _ in 0..scale() {
        row.commands(50).await;
        // With a finalizer it is on its way out, but still there.
        let held = json!({ "metadata": { "finalizers": ["example.com/hold"] } });
        row.world.patch(&path, MERGE, &held).await.ok();
        row.world.delete(&path, &json!({})).await.ok();
        row.commands(50).await;
        let let_go = json!({ "metadata": { "finalizers": null } });
        row.world.patch(&path, MERGE, &let_go).await.ok();
        retained(&row, false).await;
        row.commands(50).await;
        row.world.config_map("o7", json!({ "state": "0" })).await;
        retained(&row, true).await;
        row.recovered(Instant::now()).await;
    }
    let figures = row.finish().await;
    assert!(figures.results.contains_key("not_found"), "{figures}");
    assert_eq!(figures.sent, figures.received as u64);
}

/// Waits until the state of the object is retained, or is not.
async fn retained(row: &Scenario, there: bool) {
    wait::until_ok(Duration::from_secs(2), "state of the object", async || {
        let retained = row.ledger.retained().await?;
        anyhow::ensure!(retained.contains_key("state/o7") == there, "{retained:?}");
        Ok(())
    })
    .await;
}
