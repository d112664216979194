//! Rows 1 to 8: the broker and the way to it.

use std::time::Duration;

use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::MosquittoOptions;
use mqttkube_tests::proxy::{Fault, Side, TcpProxy};
use mqttkube_tests::wait::{self, scale};
use serde_json::{Value, json};

use super::load::command;
use super::scenario::{Scenario, Setup, broker, impossible, lasting_broker};
use crate::api_server::shared;

#[tokio::test]
async fn fault_01_a_restarted_broker_loses_nothing() {
    if impossible() {
        return;
    }
    let setup = Setup::new("fault_01", lasting_broker(), shared().await).await;
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
    kill("fault_02_saved", broker(1), false).await;
}

#[tokio::test]
async fn fault_02_with_a_killed_broker_that_saved_nothing_no_more_is_lost_than_by_the_control_consumer() {
    if impossible() {
        return;
    }
    kill("fault_02_empty", broker(1800), true).await;
}

async fn kill(row: &str, options: MosquittoOptions, forgets: bool) {
    let mut row = Setup::new(row, options, shared().await).await.start().await;
    for _ in 0..3 * scale() {
        row.commands(100).await;
        let before = row.program.connections().await;
        if forgets {
            hold(&row).await;
        }
        row.broker.kill();
        tokio::time::sleep(Duration::from_secs(1)).await;
        row.broker.start().await.unwrap();
        let recovered = row.program.reconnected(before).await;
        row.program.ready().await;
        row.load.go_on();
        row.recovered(recovered).await;
    }
    let _ = row.finish().await;
}

#[tokio::test]
async fn fault_04_a_half_open_connection_to_the_broker_is_noticed_and_replaced() {
    if impossible() {
        return;
    }
    let (mut row, proxy) = behind_proxy("fault_04").await;
    for _ in 0..scale() {
        row.commands(100).await;
        let before = row.program.connections().await;
        proxy.set(Fault::Blackhole);
        let began = std::time::Instant::now();
        let lost = row
            .program
            .until("loss of the broker", |status| status["mqtt"]["state"] != "online");
        let noticed = lost.await - began;
        // Twice the keepalive of 5 s, and 5 s more.
        assert!(noticed <= Duration::from_secs(15), "{noticed:?}");
        proxy.heal();
        let recovered = row.program.reconnected(before).await;
        row.recovered(recovered).await;
        println!("fault-04: noticed after {:.1} s", noticed.as_secs_f64());
    }
    let figures = row.finish().await;
    assert_eq!(figures.sent, figures.received as u64);
}

#[tokio::test]
async fn fault_06_a_lost_session_is_built_again_with_all_states() {
    if impossible() {
        return;
    }
    let setup = Setup::new("fault_06", lasting_broker(), shared().await).await;
    let mut row = setup.start().await;
    for _ in 0..2 * scale() {
        row.commands(100).await;
        let before = row.program.connections().await;
        hold(&row).await;
        row.broker.terminate().await.unwrap();
        row.broker.wipe().unwrap();
        row.broker.start().await.unwrap();
        let recovered = row.program.reconnected(before).await;
        row.program.ready().await;
        row.load.go_on();
        row.recovered(recovered).await;
    }
    let _ = row.finish().await;
}

#[tokio::test]
async fn fault_07_what_is_delivered_twice_happens_once() {
    if impossible() {
        return;
    }
    let (mut row, proxy) = behind_proxy("fault_07").await;
    row.unmarked_repetitions = true;
    row.commands(50).await;
    for _ in 0..10 * scale() {
        proxy.set(Fault::DuplicateLast(Side::ToClient));
        row.commands(3).await;
    }
    for _ in 0..3 * scale() {
        let before = row.program.connections().await;
        // The commands happen, but the broker does not hear of it.
        proxy.set(Fault::BlackholeOne(Side::ToServer));
        row.commands(20).await;
        proxy.cut();
        proxy.heal();
        let recovered = row.program.reconnected(before).await;
        row.recovered(recovered).await;
    }
    let publisher = Probe::connect(row.broker.address(), Options::default())
        .await
        .unwrap();
    for number in [20, 40] {
        // A publisher that forgot what it had sent.
        publisher.publish(&command(number)).await.unwrap();
    }
    let figures = row.finish().await;
    assert!(!figures.results.contains_key("exists"), "{figures}");
    assert_eq!(figures.sent, figures.received as u64);
}

#[tokio::test]
async fn fault_08_a_retained_command_is_not_executed_at_every_connection() {
    if impossible() {
        return;
    }
    let mut setup = Setup::new("fault_08", lasting_broker(), shared().await).await;
    let publisher = Probe::connect(setup.broker.address(), Options::default())
        .await
        .unwrap();
    for (id, rule) in [("kept", "ignore"), ("once", "once")] {
        setup.world().config_map(id, json!({})).await;
        setup.settings.more += &format!(
            "  - {{namespace: {}, resource: ConfigMap, name: {id}, id: {id},\n     patch: {{topic: retained/{id}, \
             locus: data.command, type: string, result: res/{id}, retained: {rule}}}}}\n",
            setup.settings.namespace
        );
        let message = Message::new(format!("retained/{id}"), "ON").retained();
        publisher.publish(&message).await.unwrap();
    }
    let proxy = TcpProxy::start(setup.broker.address()).await.unwrap();
    let mut row = setup.broker_at(proxy.address()).start().await;
    for _ in 0..2 * scale() {
        // A connection stands for a while: four that break at once look like another client with the same id, which
        // is not fought.
        tokio::time::sleep(Duration::from_millis(5500)).await;
        for _ in 0..3 {
            let before = row.program.connections().await;
            proxy.cut();
            let recovered = row.program.reconnected(before).await;
            row.recovered(recovered).await;
        }
    }
    wait::until(Duration::from_secs(5), "execution of the one", || {
        !row.ledger.messages("res/once").is_empty()
    })
    .await;
    let _ = row.finish().await;
    let executed = ["res/kept", "res/once"].map(|topic| row.ledger.messages(topic).len());
    assert_eq!(executed, [0, 1]);
}

/// Holds the load until the program has received every command. What a broker that forgets has not delivered yet dies
/// with it; the control consumer acknowledges at once, so on a slow machine that would be counted against us alone.
async fn hold(row: &Scenario) {
    row.load.hold();
    let received = |status: &Value| status["mqtt"]["received"].as_u64();
    let all = |status: &Value| received(status) >= Some(row.load.done(|done| done.sent));
    row.program.until("every command received", all).await;
}

async fn behind_proxy(row: &str) -> (Scenario, TcpProxy) {
    let setup = Setup::new(row, lasting_broker(), shared().await).await;
    let proxy = TcpProxy::start(setup.broker.address()).await.unwrap();
    let row = setup.broker_at(proxy.address()).start().await;
    (row, proxy)
}
