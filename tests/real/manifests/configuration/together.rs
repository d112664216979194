//! Several brokers of one bundle: the hub with its spokes, and the cluster behind its proxy.

use std::path::Path;

use mqttkube_manifests::scenario::{cedalo, hub_and_spoke};
use mqttkube_tests::mqtt_probe::{Message, Probe};
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::process::{Process, Spec, free_port, programs};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;

use super::{
    Node, Running, SOON, assert_closed, assert_doors, doors, enter, issued, login, over_tls, plugin,
    with_users, word,
};

#[tokio::test]
async fn a_message_at_one_spoke_comes_to_the_hub_and_the_other_spoke_once() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let authority = Authority::new("ours").unwrap();
    let identity = authority.server(&["localhost"]).unwrap();
    let hub_port = free_port();
    let node = with_users(Node::default(), &["bridge", "client"])
        .secret("hub-tls", "tls.crt", &identity.certificate)
        .secret("hub-tls", "tls.key", &identity.key)
        .secret("hub-tls", "ca.crt", &authority.certificate())
        .replace("hub.mqtt.svc:8883", &format!("localhost:{hub_port}"));
    let bundle = hub_and_spoke::sample().unwrap();
    let mut brokers = vec![node.clone().port(8883, hub_port).start(&bundle, "hub").await];
    for spoke in ["spoke-east", "spoke-west"] {
        brokers.push(node.start(&bundle, spoke).await);
    }
    let mut clients = Vec::new();
    for broker in &brokers {
        assert_closed(broker.port(1883), "client").await;
        let client = enter(broker.port(1883), login("client", &word("client")))
            .await
            .unwrap();
        client.subscribe("t/#", 1).await.unwrap();
        clients.push(client);
    }
    let everywhere = |topic: &str| {
        let has = |client: &Probe| client.messages().iter().any(|message| message.topic == topic);
        clients.iter().all(has)
    };
    for from in [1, 2, 0] {
        let (attempt, end) = (format!("t/try/{from}"), format!("t/end/{from}"));
        wait::until_ok(SOON, "bridges", async || {
            clients[from]
                .publish(&Message::new(attempt.as_str(), "?"))
                .await
                .unwrap();
            everywhere(&attempt)
                .then_some(())
                .ok_or_else(|| brokers[1].log("mosquitto"))
        })
        .await;
        for topic in [&format!("t/{from}"), &end] {
            clients[from]
                .publish(&Message::new(topic.as_str(), "1"))
                .await
                .unwrap();
        }
        wait::until(SOON, "last message", || everywhere(&end)).await;
    }
    for client in &clients {
        let mut topics: Vec<_> = client
            .messages()
            .into_iter()
            .map(|message| message.topic)
            .collect();
        topics.retain(|topic| !topic.starts_with("t/try/"));
        topics.sort_unstable();
        assert_eq!(topics, ["t/0", "t/1", "t/2", "t/end/0", "t/end/1", "t/end/2"]);
    }
}

fn cluster() -> Node {
    Node::default()
        .secret(
            "mosquitto-dynamic-security",
            "dynamic-security.json",
            &doors().write(),
        )
        .secret("cedalo-license", "license.lic", "a licence")
        .replace(
            "/usr/lib/mosquitto_dynamic_security.so",
            plugin().to_str().unwrap(),
        )
        // The port that is probed, which the proprietary broker opens by itself.
        .replace("listener 1884\n", "listener 1884\nlistener 1885\n")
}

/// Beside the rendered port with TLS one without: the probe of these tests speaks no TLS.
fn with_plain(node: Node, port: u16) -> Node {
    let bind = "frontend mqtts\n    bind :8883";
    node.replace(
        bind,
        &format!("frontend mqtts\n    bind 127.0.0.1:{port}\n    bind :8883"),
    )
}

/// Connects through the proxy until it is at a broker. The log says who came.
async fn arrive(proxy: u16, id: &str, at: &Running) -> Probe {
    wait::until_ok(SOON, "connection to the right broker", async || {
        let mut options = login("ann", &word("ann"));
        id.clone_into(&mut options.client_id);
        let client = enter(proxy, options).await?;
        let here = at.log("mosquitto").contains(&format!(" as {id} "));
        anyhow::ensure!(here, "{id} is at another broker");
        Ok(client)
    })
    .await
}

/// Stock Mosquitto stands in for the proprietary brokers: all of them serve clients, where of those only the leader would.
#[tokio::test]
async fn three_brokers_behind_the_proxy_of_the_bundle_fail_over_and_back() {
    if lacks(&[Need::Mosquitto, Need::Program("haproxy")]) {
        return;
    }
    let bundle = cedalo::sample().unwrap();
    let authority = Authority::new("ours").unwrap();
    let (mut brokers, mut node) = (Vec::new(), issued(Node::default(), &bundle, &authority));
    for index in 0..3 {
        let broker = cluster().start(&bundle, "mosquitto").await;
        let host = format!("mosquitto-{index}.mosquitto-headless.messaging.svc.cluster.local:1884");
        node = node.replace(&host, &format!("127.0.0.1:{}", broker.port(1884)));
        assert_doors(broker.port(1883)).await;
        brokers.push(broker);
    }
    let plain = free_port();
    let node = with_plain(node, plain);
    let proxy = node.start(&bundle, "mosquitto-proxy").await;
    assert_doors(plain).await;
    if let Err(failed) = over_tls(proxy.port(8883), &authority, "ann") {
        panic!("{failed:?}\n{}", proxy.log("haproxy"));
    }

    let first = arrive(plain, "one", &brokers[0]).await;
    brokers[0].kill("mosquitto");
    first.ended(SOON).await;
    let second = arrive(plain, "two", &brokers[1]).await;
    brokers[1].kill("mosquitto");
    second.ended(SOON).await;
    let third = arrive(plain, "three", &brokers[2]).await;
    // The leader is back, so nobody stays at the others.
    brokers[0].again("mosquitto").await;
    third.ended(SOON).await;
    arrive(plain, "four", &brokers[0]).await;
}

/// The DNS of a cluster: one record for each broker behind the headless Service. It ends when it is dropped.
fn dns(folder: &Path, port: u16, brokers: &[u16]) -> Process {
    const SERVICE: &str = "mosquitto-headless.messaging.svc.cluster.local.";
    let mut text = format!(
        ".:{port} {{\n bind 127.0.0.1\n template IN A {SERVICE} {{\n  answer \"{{{{ .Name }}}} 1 IN A 127.0.0.1\"\n }}\n \
         template IN SRV _mqtt-leader._tcp.{SERVICE} {{\n"
    );
    for broker in brokers {
        text += &format!("  answer \"{{{{ .Name }}}} 1 IN SRV 0 33 {broker} b{broker}.{SERVICE}\"\n");
        text += &format!("  additional \"b{broker}.{SERVICE} 1 IN A 127.0.0.1\"\n");
    }
    text += " }\n}\n";
    let corefile = folder.join("Corefile");
    std::fs::write(&corefile, text).unwrap();
    let server = Spec::new(
        programs::kubernetes("coredns").unwrap(),
        folder.join("coredns.log"),
    );
    server.arg("-conf").arg(corefile).start().unwrap()
}

/// Brokers that come and go: the proxy follows the DNS.
#[tokio::test]
async fn the_proxy_of_the_autoscaled_cluster_finds_its_brokers_in_the_dns() {
    let needs = [Need::Mosquitto, Need::Program("haproxy"), Need::Built("coredns")];
    if lacks(&needs) {
        return;
    }
    let bundle = cedalo::sample_autoscaling().unwrap();
    let mut brokers = Vec::new();
    for _ in 0..3 {
        brokers.push(cluster().start(&bundle, "mosquitto").await);
    }
    let ports: Vec<u16> = brokers.iter().map(|broker| broker.port(1884)).collect();
    let (names, plain, folder) = (free_port(), free_port(), tempfile::tempdir().unwrap());
    let serve = |brokers: &[u16]| dns(folder.path(), names, brokers);
    let server = serve(&ports[..2]);
    let authority = Authority::new("ours").unwrap();
    let node = issued(Node::default(), &bundle, &authority)
        .replace("parse-resolv-conf", &format!("nameserver dns 127.0.0.1:{names}"));
    let proxy = with_plain(node, plain).start(&bundle, "mosquitto-proxy").await;
    wait::until_ok(SOON, "brokers of the DNS", async || {
        let entered = enter(plain, login("ann", &word("ann"))).await.map(drop);
        entered.map_err(|error| format!("{error}\n{}\n{}", server.tail(), proxy.log("haproxy")))
    })
    .await;
    let first = arrive(plain, "at-first", &brokers[0]).await;
    let _second = arrive(plain, "at-second", &brokers[1]).await;
    let came = brokers[2].log("mosquitto").contains("u'ann'");
    assert!(!came, "it is not in the DNS yet");
    drop(server);
    let server = serve(&ports);
    let _third = arrive(plain, "at-third", &brokers[2]).await;
    drop(server);
    let _server = serve(&ports[1..]);
    // It still runs, but it is leaving: its clients go to the others.
    first.ended(SOON).await;
    arrive(plain, "at-second-again", &brokers[1]).await;
}
