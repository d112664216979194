//! What is rendered, as pods on a real node, in namespaces that admit restricted pods only: a broker behind a NodePort,
//! one in the shape for OpenShift, a hub with two spokes, a bridge to a cloud with its refresher, and three brokers behind
//! HAProxy.

mod behind_proxy;
mod cloud;
mod ground;
mod images;

use std::net::SocketAddr;
use std::time::Instant;

use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::skip::{Need, lacks};

use crate::kubernetes::SOON;
use ground::{Ground, OURS, eventually, identity};

const NODE_PORT: &str = include_str!("manifests/node-port.yaml");
const OPENSHIFT: &str = include_str!("manifests/openshift.yaml");
const STAR: &str = include_str!("manifests/star.yaml");
const PANEL: (&str, &str) = ("panel", "panel's password");

#[tokio::test(flavor = "multi_thread")]
async fn rendered_brokers_run_and_serve_the_right_clients() {
    if lacks(&[
        Need::ApiServer,
        Need::ControllerManager,
        Need::Scheduler,
        Need::Node,
        Need::Mosquitto,
        Need::Program("mosquitto_sub"),
        Need::Program("haproxy"),
        Need::Program("busybox"),
        Need::Kubectl,
    ]) {
        return;
    }
    let ground = Ground::start().await;
    let ((), (), (), (), watcher) = tokio::join!(
        node_port(&ground),
        openshift(&ground),
        star(&ground),
        cloud::runs(&ground),
        behind_proxy::runs(&ground),
    );
    // From here to the end of the drain no pod is placed on the node.
    drain(&ground).await;
    behind_proxy::fails_over(&ground, &watcher).await;
    ground.kubectl(&["uncordon", "localhost"]).await;
    tokio::join!(behind_proxy::comes_back(&ground, &watcher), all_back(&ground));
}

/// The broker at home, seen from outside through its NodePort.
async fn node_port(ground: &Ground) {
    ground.namespace("home").await;
    let spec = NODE_PORT.replace("HASH", &ground.hash(PANEL.0, PANEL.1).await);
    ground.apply_spec("node-port", &spec).await;
    let began = Instant::now();
    ground.rolled_out("home", "statefulset/mosquitto").await;
    ground.passed(&format!(
        "the NodePort broker was ready after {:.1} s",
        began.elapsed().as_secs_f32()
    ));
    let address = ground.node_port(31_883);
    only_the_right_clients(address, PANEL).await;
    let (receiver, sender) = (connect(address, PANEL).await, connect(address, PANEL).await);
    receiver.subscribe("home/lamp", 1).await.unwrap();
    sender.publish(&Message::new("home/lamp", "on")).await.unwrap();
    receiver.wait(SOON, |messages| messages.len() == 1).await;
    assert_eq!(receiver.messages()[0].text(), "on");
    ground.passed("a client outside published and received through the NodePort; wrong ones were refused");

    let retained = Message::new("home/state", "kept").retained();
    assert!(sender.publish(&retained).await.unwrap() < 0x80, "refused");
    let delete = ["-n", "home", "delete", "pod", "mosquitto-0"];
    ground.kubectl(&delete).await;
    ground.rolled_out("home", "statefulset/mosquitto").await;
    keeps_the_retained_message(ground).await;
    ground.passed("a retained message survived the deletion of its pod");

    // A changed user is SIGHUP in the reload plan: no pod is replaced, no container is started again.
    let before = identity(&ground.pod("home", "mosquitto-0").await);
    let late = ground.hash("late", "late's password").await;
    let users = format!("- {{name: late, hash: \"{late}\"}}\n    - {{name: panel");
    let changed = spec.replace("- {name: panel", &users);
    assert_ne!(changed, spec);
    ground.apply_spec("node-port", &changed).await;
    let began = Instant::now();
    eventually("admission of the new user", async || {
        Probe::connect(address, login(("late", "late's password")))
            .await
            .map(drop)
    })
    .await;
    let after = identity(&ground.pod("home", "mosquitto-0").await);
    assert_eq!(after, before, "the same pod, not restarted");
    ground.passed(&format!(
        "a new user was admitted without a restart, {:.1} s after the change",
        began.elapsed().as_secs_f32()
    ));
}

async fn keeps_the_retained_message(ground: &Ground) {
    eventually("the retained message", async || {
        let probe = Probe::connect(ground.node_port(31_883), login(PANEL)).await?;
        probe.subscribe("home/state", 1).await?;
        probe.wait(SOON, |messages| !messages.is_empty()).await;
        assert_eq!(probe.messages()[0].text(), "kept");
        Ok(())
    })
    .await;
}

/// The shape for OpenShift: a Deployment without a user of its own. The admission of OpenShift would choose user and group
/// from the range of the project; here the test does.
async fn openshift(ground: &Ground) {
    const SENSOR: (&str, &str) = ("sensor", "sensor's password");
    const POD: &str = "      securityContext:\n        runAsNonRoot: true\n";
    const CHOSEN: &str = "        runAsUser: 1000650000\n        fsGroup: 1000650000\n";
    ground.namespace("project").await;
    ground.secret("project", "users", &[SENSOR, PANEL]).await;
    let rendered = ground.render("openshift", OPENSHIFT).await;
    assert_eq!(rendered.matches(POD).count(), 1, "{rendered}");
    assert!(!rendered.contains("runAsUser"), "the platform chooses");
    let admitted = rendered.replace(POD, &format!("{POD}{CHOSEN}"));
    ground.apply(&admitted).await;
    let began = Instant::now();
    ground.rolled_out("project", "deployment/mosquitto").await;
    ground.passed(&format!(
        "the Deployment for OpenShift was ready after {:.1} s",
        began.elapsed().as_secs_f32()
    ));
    let address = ground.service("project", "mosquitto", 1883).await;
    only_the_right_clients(address, PANEL).await;
    let (sensor, panel) = (connect(address, SENSOR).await, connect(address, PANEL).await);
    panel.subscribe("sensors/#", 1).await.unwrap();
    sensor
        .publish(&Message::new("sensors/door", "open"))
        .await
        .unwrap();
    panel.wait(SOON, |messages| messages.len() == 1).await;
    // Its rights end there: the broker takes the message and gives it to nobody.
    panel
        .publish(&Message::new("sensors/door", "forged"))
        .await
        .unwrap();
    sensor.publish(&Message::new("sensors/fence", "")).await.unwrap();
    panel.wait(SOON, |messages| has(messages, "sensors/fence")).await;
    assert_eq!(panel.messages().len(), 2, "{:?}", panel.messages());
    ground.passed("rights hold behind passwords that lie in a Secret");
}

/// A hub and two spokes: what is published at one spoke arrives at the other, once.
async fn star(ground: &Ground) {
    const CLIENT: (&str, &str) = ("client", "client's password");
    ground.namespace("star").await;
    let users = [("bridge", "bridge's password"), CLIENT];
    ground.secret("star", "users", &users).await;
    let hub = ground.authority.server(&["hub.star.svc"]).unwrap();
    let authority = ground.authority.certificate();
    let files = [
        ("tls.crt", hub.certificate.as_str()),
        ("tls.key", hub.key.as_str()),
        ("ca.crt", authority.as_str()),
    ];
    ground.secret("star", "hub-tls", &files).await;
    ground.apply_spec("star", STAR).await;
    let began = Instant::now();
    for broker in ["hub", "east", "west"] {
        ground.rolled_out("star", &format!("statefulset/{broker}")).await;
    }
    ground.passed(&format!(
        "hub and spokes were ready after {:.1} s",
        began.elapsed().as_secs_f32()
    ));
    let east = ground.service("star", "east", 1883).await;
    let west = ground.service("star", "west", 1883).await;
    only_the_right_clients(west, CLIENT).await;
    let (from, to) = (connect(east, CLIENT).await, connect(west, CLIENT).await);
    to.subscribe("house/#", 1).await.unwrap();
    // The bridges connect when the hub is there: until then nothing comes across, and QoS 0 is not kept for later.
    let hello = Message {
        qos: 0,
        ..Message::new("house/hello", "anybody?")
    };
    eventually("a message across the hub", async || {
        from.publish(&hello).await?;
        anyhow::ensure!(has(&to.messages(), "house/hello"), "not yet");
        Ok(())
    })
    .await;
    for number in 0..50 {
        let message = Message::new(format!("house/count/{number}"), "once");
        from.publish(&message).await.unwrap();
    }
    from.publish(&Message::new("house/end", "")).await.unwrap();
    to.wait(SOON, |messages| has(messages, "house/end")).await;
    let counted = to.messages().into_iter().map(|message| message.topic);
    let mut topics: Vec<String> = counted
        .filter(|topic| topic.starts_with("house/count/"))
        .collect();
    assert_eq!(topics.len(), 50, "every message once: {topics:?}");
    topics.sort();
    topics.dedup();
    assert_eq!(topics.len(), 50, "every message");
    ground.passed("50 messages went over two bridges, each once");
}

/// All pods but those of the cluster of three are evicted, as kubectl does it: no budget is in the way.
async fn drain(ground: &Ground) {
    let others = format!("{OURS},app.kubernetes.io/instance notin (ha, ha-proxy, ha-management-center)");
    let selector = format!("--pod-selector={others}");
    let options = ["--delete-emptydir-data", "--timeout=60s"];
    let began = Instant::now();
    let said = ground
        .kubectl(&[&["drain", "localhost", &selector], &options[..]].concat())
        .await;
    let evicted = said.lines().filter(|line| line.ends_with(" evicted")).count();
    assert_eq!(evicted, 6, "{said}");
    ground.passed(&format!(
        "six pods were evicted within {:.1} s",
        began.elapsed().as_secs_f32()
    ));
}

/// After the drain everything comes up again, with its data.
async fn all_back(ground: &Ground) {
    for (namespace, workload) in [
        ("home", "statefulset/mosquitto"),
        ("project", "deployment/mosquitto"),
        ("star", "statefulset/hub"),
        ("star", "statefulset/east"),
        ("star", "statefulset/west"),
        ("iot", "deployment/cloud-bridge"),
    ] {
        ground.rolled_out(namespace, workload).await;
    }
    keeps_the_retained_message(ground).await;
    ground.passed("all of them came back, with what was retained");
}

fn has(messages: &[Message], topic: &str) -> bool {
    messages.iter().any(|message| message.topic == topic)
}

fn login((user, password): (&str, &str)) -> Options {
    Options {
        credentials: Some((user.to_owned(), password.to_owned())),
        ..Options::default()
    }
}

/// A connection, as soon as the broker can be reached.
async fn connect(address: SocketAddr, user: (&str, &str)) -> Probe {
    eventually("a connection", async || {
        Probe::connect(address, login(user)).await
    })
    .await
}

/// The right password gets in; a wrong one, an unknown user and nobody do not.
async fn only_the_right_clients(address: SocketAddr, user: (&str, &str)) {
    connect(address, user).await.disconnect().await;
    for wrong in [
        login((user.0, "wrong")),
        login(("nobody", user.1)),
        Options::default(),
    ] {
        let refused = Probe::connect(address, wrong).await;
        let reason = refused.map(drop).expect_err("it gets in").to_string();
        assert!(
            reason.contains("NotAuthorized") || reason.contains("BadUsernameOrPassword"),
            "{reason}"
        );
    }
}
