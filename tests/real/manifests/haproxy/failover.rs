//! Several brokers behind HAProxy: one that dies or hangs hands its clients over, and comes back.

use mqttkube_manifests::haproxy::{Balance, HealthCheck, Login};
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::{Mosquitto, MosquittoOptions, free_port};
use mqttkube_tests::skip::lacks;
use mqttkube_tests::wait;

use super::{NEEDS, frontend, start};
use crate::clients::{SOON, enter, login};

async fn broker() -> Mosquitto {
    let options = MosquittoOptions::default()
        .user("probe", "p")
        .user("ann", "secret");
    options.start().await.unwrap()
}

/// Connects as a client until it is at a broker, and sends itself a message there.
async fn arrive(number: u16, id: &str, at: &Mosquitto) -> Probe {
    wait::until_ok(SOON, "connection to the right broker", async || {
        let options = Options {
            client_id: id.to_owned(),
            ..login("ann", "secret")
        };
        let client = enter(number, options).await?;
        anyhow::ensure!(
            at.log().contains(&format!("as {id} ")),
            "{id} is at another broker"
        );
        client.subscribe("t", 1).await?;
        client.publish(&Message::new("t", "1")).await?;
        client.wait(SOON, |messages| messages.len() == 1).await;
        Ok::<_, anyhow::Error>(client)
    })
    .await
}

#[tokio::test]
async fn a_broker_that_dies_is_failed_over_and_taken_back() {
    if lacks(&NEEDS) {
        return;
    }
    let (mut first, mut second) = (broker().await, broker().await);
    let number = free_port();
    let mut front = frontend("mqtt", number, &[("a", first.port()), ("b", second.port())]);
    front.balance = Balance::ActiveBackup;
    front.check.login = Some(Login {
        user: "probe".to_owned(),
        password: "p".into(),
    });
    let folder = tempfile::tempdir().unwrap();
    let proxy = start(&folder, vec![front]);
    proxy.answers("200").await;
    assert!(
        enter(number, login("ann", "wrong")).await.is_err(),
        "a wrong password"
    );
    assert!(enter(number, Options::default()).await.is_err(), "no password");

    let client = arrive(number, "one", &first).await;
    first.kill();
    client.ended(SOON).await;
    let client = arrive(number, "two", &second).await;
    first.start().await.unwrap();
    // The active broker is back, so the sessions at the backup are ended.
    client.ended(SOON).await;
    let client = arrive(number, "three", &first).await;

    // A broker that hangs answers no check: its connections are cut.
    first.pause();
    client.ended(SOON).await;
    let _client = arrive(number, "four", &second).await;
    second.kill();
    proxy.answers("503").await;
    first.resume();
    proxy.answers("200").await;
}

#[tokio::test]
async fn three_brokers_share_the_connections_and_those_of_a_dead_one_go_to_the_others() {
    if lacks(&NEEDS) {
        return;
    }
    let mut brokers = [broker().await, broker().await, broker().await];
    let number = free_port();
    let [a, b, c] = [&brokers[0], &brokers[1], &brokers[2]].map(Mosquitto::port);
    let mut front = frontend("mqtt", number, &[("a", a), ("b", b), ("c", c)]);
    // A refusal counts as alive, so the check needs no password.
    front.check = HealthCheck {
        any_answer: true,
        client_id: String::new(),
        login: None,
    };
    let folder = tempfile::tempdir().unwrap();
    let proxy = start(&folder, vec![front]);
    proxy.answers("200").await;
    let come = async |id: &str| {
        let options = Options {
            client_id: id.to_owned(),
            ..login("ann", "secret")
        };
        enter(number, options).await.unwrap()
    };
    let who = |broker: &Mosquitto, ids: &[&str]| {
        let log = broker.log();
        ids.iter()
            .filter(|id| log.contains(&format!(" as {id} ")))
            .count()
    };
    let ids = ["c1", "c2", "c3", "c4", "c5", "c6"];
    let mut clients = Vec::new();
    for id in ids {
        clients.push(come(id).await);
    }
    assert_eq!(brokers.each_ref().map(|broker| who(broker, &ids)), [2, 2, 2]);
    let at_a: Vec<usize> = (0..6)
        .filter(|at| brokers[0].log().contains(&format!(" as {} ", ids[*at])))
        .collect();
    brokers[0].kill();
    for at in at_a {
        clients[at].ended(SOON).await;
        clients[at] = come(&format!("again-{at}")).await;
        clients[at].subscribe("t", 1).await.unwrap();
    }
    brokers[0].start().await.unwrap();
    // It is empty, so the next ones go there as soon as it counts as alive.
    let _back = arrive(number, "back", &brokers[0]).await;
}
