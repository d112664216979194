//! Rows 15, 18, 19 and 26: answers of the API server that are wrong, late or lost.

use std::time::{Duration, Instant};

use mqttkube_tests::fake_api::{ApiServer, Fault, Gate};
use mqttkube_tests::process::MosquittoOptions;
use mqttkube_tests::wait;
use mqttkube_tests::wait::scale;
use serde_json::json;
use tempfile::TempDir;

use super::scenario::{Scenario, Setup, impossible, lasting_broker};
use crate::api_server::shared;

/// The way of the program to the API server.
struct Way {
    gate: Gate,
    server: Option<ApiServer>,
    port: u16,
    _folder: TempDir,
}

impl Way {
    async fn new(row: &str, broker: MosquittoOptions) -> (Setup, Self) {
        let plane = shared().await;
        let gate = Gate::before(plane.client().await.unwrap());
        let server = gate.serve().await.unwrap();
        let folder = TempDir::new().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, server.kubeconfig()).unwrap();
        let setup = Setup::new(row, broker, plane).await.kubeconfig(kubeconfig);
        let way = Self {
            port: server.address().port(),
            server: Some(server),
            gate,
            _folder: folder,
        };
        (setup, way)
    }

    /// Ends all connections, and lets nobody in until [`open`](Self::open).
    fn close(&mut self) {
        self.server = None;
    }

    async fn open(&mut self) {
        let server = wait::until_ok(Duration::from_secs(10), "free port", async || {
            self.gate.serve_on(self.port).await
        });
        self.server = Some(server.await);
    }
}

#[tokio::test]
async fn fault_15_an_expired_watch_lists_again_and_finds_what_was_deleted_meanwhile() {
    if impossible() {
        return;
    }
    let (mut setup, mut way) = Way::new("fault_15", lasting_broker()).await;
    setup.settings.more = format!(
        "  - {{namespace: {}, resource: ConfigMap, name: victim, id: victim,\n     watch: {{topic: state/victim, \
         locus: data.state, qos: 1, retain: true}}}}\n",
        setup.settings.namespace
    );
    let mut row = setup.start().await;
    let in_answer = Fault::expired().on("WATCH", "/configmaps").times(1);
    let in_stream = Fault::stream_expired(1).on("WATCH", "/configmaps").times(1);
    let rounds = (0..scale()).flat_map(|_| [in_answer.clone(), in_stream.clone()]);
    for fault in rounds {
        row.world.config_map("victim", json!({ "state": "0" })).await;
        victim(&row, true).await;
        row.commands(50).await;
        way.close();
        way.gate.faults().add(fault);
        let path = format!("{}/victim", row.world.config_maps());
        row.world.delete(&path, &json!({})).await.ok();
        way.open().await;
        wait::until(Duration::from_secs(20), "the fault", || {
            way.gate.faults().hits() > 0
        })
        .await;
        way.gate.faults().clear();
        row.recovered(Instant::now()).await;
        victim(&row, false).await;
    }
    let figures = row.finish().await;
    assert_eq!(figures.sent, figures.received as u64);
    let cleared = row
        .ledger
        .messages("state/o0")
        .iter()
        .any(|message| message.payload.is_empty());
    assert!(
        !cleared,
        "the state of an object that was there all the time was cleared"
    );
}

/// Waits until the state of the victim is retained, or is not.
async fn victim(row: &Scenario, there: bool) {
    wait::until_ok(Duration::from_secs(5), "state of the victim", async || {
        let retained = row.ledger.retained().await?;
        anyhow::ensure!(retained.contains_key("state/victim") == there, "{retained:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn fault_18_an_overloaded_api_server_is_asked_again_when_it_says() {
    if impossible() {
        return;
    }
    let (setup, way) = Way::new("fault_18", lasting_broker()).await;
    let mut row = setup.start().await;
    row.commands(50).await;
    way.gate
        .faults()
        .add(Fault::throttled(2).on("PATCH", "/configmaps/o1").times(2));
    for (code, reason) in [
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
        (504, "Timeout"),
    ] {
        let fault = Fault::refused(code, reason).on("PATCH", "/configmaps/o");
        way.gate.faults().add(fault.times(20 * scale() as usize));
    }
    let wanted = 2 + 60 * scale() as usize;
    wait::until(Duration::from_secs(30), "all faults", || {
        way.gate.faults().hits() >= wanted
    })
    .await;
    row.recovered(Instant::now()).await;
    let figures = row.finish().await;
    assert_eq!(figures.sent, figures.received as u64);
    for asked_again in retry_after(&way.gate) {
        let seconds = asked_again.as_secs_f64();
        println!("fault-18: asked again after {seconds:.2} s");
        // Within a fifth, which the test of the engine keeps exactly; a busy machine adds to that.
        assert!((1.6..=3.5).contains(&seconds), "{seconds} s instead of 2 s");
    }
}

/// The times between each 429 and the next request for that object.
fn retry_after(gate: &Gate) -> Vec<Duration> {
    let patches = gate
        .log()
        .filter(|logged| logged.method == "PATCH" && logged.path.ends_with("/o1"));
    let pairs = patches.windows(2).filter(|pair| pair[0].status == Some(429));
    pairs.map(|pair| pair[1].at - pair[0].at).collect()
}

#[tokio::test]
async fn fault_19_a_timeout_after_the_effect_repeats_nothing() {
    if impossible() {
        return;
    }
    let (setup, way) = Way::new("fault_19", lasting_broker()).await;
    let mut row = setup.start().await;
    row.commands(50).await;
    for method in ["POST", "PATCH"] {
        let fault = Fault::effect_then(504, "Timeout").on(method, "/configmaps");
        way.gate.faults().add(fault.times(10 * scale() as usize));
    }
    wait::until(Duration::from_secs(30), "all faults", || {
        way.gate.faults().hits() >= 20 * scale() as usize
    })
    .await;
    row.recovered(Instant::now()).await;
    let figures = row.finish().await;
    assert_eq!(figures.sent, figures.received as u64);
    assert!(!figures.results.contains_key("exists"), "{figures}");
}

#[tokio::test]
async fn fault_26_one_hanging_object_does_not_hold_up_the_others() {
    if impossible() {
        return;
    }
    let broker = MosquittoOptions::default()
        .persistent(1_000_000)
        .line("max_inflight_messages 2000");
    let (mut setup, way) = Way::new("fault_26", broker).await;
    // All commands of the fault fit in, so that nothing waits for the acknowledgement of another.
    setup.settings.receive_maximum = 2000;
    let mut row = setup.start().await;
    row.commands(50).await;
    let connections = row.program.connections().await;

    let rate = async || {
        let others = || {
            let patched = |path: &str| path.contains("/configmaps/o") && !path.ends_with("/o1");
            way.gate
                .log()
                .count(|logged| logged.method == "PATCH" && logged.status.is_some() && patched(&logged.path))
        };
        let (began, before) = (Instant::now(), others());
        tokio::time::sleep(Duration::from_secs(3)).await;
        (others() - before) as f64 / began.elapsed().as_secs_f64()
    };
    let usual = rate().await;
    way.gate
        .faults()
        .add(Fault::hanging().on("PATCH", "/configmaps/o1"));
    let beside_hanging = rate().await;
    way.gate.faults().clear();
    let slow = Fault::delayed(Duration::from_secs(1)).on("PATCH", "/configmaps/o1");
    way.gate.faults().add(slow);
    let beside_slow = rate().await;
    way.gate.faults().clear();
    println!(
        "fault-26: {usual:.0}/s, beside a hanging object {beside_hanging:.0}/s, a slow one {beside_slow:.0}/s"
    );
    assert!(beside_hanging >= 0.9 * usual && beside_slow >= 0.9 * usual);

    row.recovered(Instant::now()).await;
    let now = row.program.connections().await;
    assert_eq!(now, connections, "the broker waited for a ping in vain");
    let figures = row.finish().await;
    assert_eq!(figures.sent, figures.received as u64);
}
