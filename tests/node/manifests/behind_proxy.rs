//! Three brokers with a management centre behind HAProxy, in the shape for Cedalo.
//!
//! The brokers are stock Mosquitto, which shares nothing: here all three let clients in, where of Cedalo's the leader
//! alone does. The management centre is a small HTTP server. Everything else is what runs: HAProxy, probes, Services,
//! volumes, budgets. All clients connect over TLS to the NodePort of HAProxy.

use std::time::Instant;

use mqttkube_manifests::broker::Certificate;
use mqttkube_manifests::render::yaml;
use mqttkube_manifests::scenario::cedalo::{self, CedaloCluster};
use mqttkube_mosquitto::dynsec::{Acl, AclType, Client, Credential, DynSec, Role, RoleRef};
use mqttkube_mosquitto::password::{DEFAULT_ITERATIONS, PasswordHash};
use mqttkube_tests::mqtt_probe::{Message, Probe};
use mqttkube_tests::process::{Process, Spec};
use mqttkube_tests::wait;

use super::ground::{Ground, eventually};
use super::login;
use crate::kubernetes::{SOON, run};

pub(super) const NAMESPACE: &str = "messaging";
const USER: (&str, &str) = ("panel", "panel's password");
/// Where a broker's retained message says which one it is.
const WHO: &str = "who";

/// A client outside that stays connected, and comes back as clients do when its connection ends.
pub(super) struct Watcher {
    process: Process,
}

/// The sample of the scenario, with volumes, certificate and names of the test.
fn inputs() -> CedaloCluster {
    let mut inputs = cedalo::sample_inputs();
    inputs.name = "ha".parse().unwrap();
    inputs.namespace = NAMESPACE.parse().unwrap();
    inputs.storage = "10Mi".parse().unwrap();
    inputs.proxy.certificate = Certificate::Existing {
        secret: "ha-proxy-tls".parse().unwrap(),
    };
    inputs
}

/// Everything comes up, and the right clients get through HAProxy to the first broker.
pub(super) async fn runs(ground: &Ground) -> Watcher {
    ground.namespace(NAMESPACE).await;
    secrets(ground).await;
    let bundle = inputs().bundle().unwrap().verified().unwrap();
    ground.apply(&yaml::render(&bundle)).await;
    let began = Instant::now();
    for workload in [
        "statefulset/ha",
        "deployment/ha-proxy",
        "deployment/ha-management-center",
    ] {
        ground.rolled_out(NAMESPACE, workload).await;
    }
    ground.passed(&format!(
        "three brokers, HAProxy and the management centre were ready after {:.1} s",
        began.elapsed().as_secs_f32()
    ));
    center_knows_all_brokers(ground).await;
    for index in 0..3 {
        says_who_it_is(ground, index).await;
    }
    std::fs::write(ground.path("authority.pem"), ground.authority.certificate()).unwrap();
    let watcher = Watcher::start(ground);
    watcher.is_served_by("ha-0").await;
    only_the_right_clients(ground).await;
    watcher.receives(ground, "before").await;
    ground.passed("a client outside published and received through HAProxy; wrong ones were refused");
    watcher
}

/// The first broker is killed while no other can take its place: the next one serves.
pub(super) async fn fails_over(ground: &Ground, watcher: &Watcher) {
    let kill = ["-n", NAMESPACE, "delete", "pod", "ha-0"];
    let at_once = ["--grace-period=0", "--force"];
    ground.kubectl(&[&kill[..], &at_once].concat()).await;
    let began = Instant::now();
    watcher.is_served_by("ha-1").await;
    watcher.receives(ground, "meanwhile").await;
    ground.passed(&format!(
        "a client was served by the second broker {:.1} s after the first was killed",
        began.elapsed().as_secs_f32()
    ));
    // Two of three must live, so none of them may be evicted now.
    eventually("a budget that is used up", async || {
        let allowed = ["-n", NAMESPACE, "get", "pdb", "ha", "-o"];
        let field = ["jsonpath={.status.disruptionsAllowed}"];
        let allowed = ground.kubectl(&[&allowed[..], &field].concat()).await;
        anyhow::ensure!(allowed == "0", "{allowed}");
        Ok(())
    })
    .await;
    let refused = ground.evict(NAMESPACE, "ha-1").await.unwrap_err();
    assert!(refused.contains("disruption budget"), "{refused}");
    ground.passed("the budget keeps the second broker while the first is away");
}

/// The first broker can be placed again: it serves, and now another one may go.
pub(super) async fn comes_back(ground: &Ground, watcher: &Watcher) {
    ground.rolled_out(NAMESPACE, "statefulset/ha").await;
    // It was killed before it wrote its database.
    says_who_it_is(ground, 0).await;
    watcher.is_served_by("ha-0").await;
    watcher.receives(ground, "after").await;
    ground.passed("the first broker serves again");
    eventually("an eviction within the budget", async || {
        let evicted = ground.evict(NAMESPACE, "ha-1").await;
        evicted.map_err(anyhow::Error::msg)
    })
    .await;
    ground.rolled_out(NAMESPACE, "statefulset/ha").await;
    ground.passed("one broker at a time may be evicted");
}

async fn secrets(ground: &Ground) {
    let hash = PasswordHash::new(USER.1, [7; 12], DEFAULT_ITERATIONS).unwrap();
    let mut client = Client::new(USER.0, Credential::from_hash(&hash).unwrap());
    client.roles.push(RoleRef::new("all"));
    let rights = [
        AclType::PublishClientSend,
        AclType::PublishClientReceive,
        AclType::SubscribePattern,
        AclType::UnsubscribePattern,
    ];
    let users = DynSec {
        clients: vec![client],
        roles: vec![Role::new(
            "all",
            rights.map(|right| Acl::allow(right, "#")).into(),
        )],
        ..DynSec::default()
    };
    let server = ground.authority.server(&[ground.node_address()]).unwrap();
    let center: Vec<(&str, &str)> = [
        "broker-username",
        "broker-password",
        "username",
        "password",
        "session-secret",
    ]
    .map(|key| (key, "secret"))
    .into();
    for (name, data) in [
        ("cedalo-license", vec![("license.lic", "none is needed")]),
        (
            "mosquitto-dynamic-security",
            vec![("dynamic-security.json", users.write().as_str())],
        ),
        ("management-center", center),
        (
            "ha-proxy-tls",
            vec![
                ("tls.crt", server.certificate.as_str()),
                ("tls.key", server.key.as_str()),
            ],
        ),
    ] {
        ground.secret(NAMESPACE, name, &data).await;
    }
}

/// The stand-in shows the configuration that it was given: it names each broker.
async fn center_knows_all_brokers(ground: &Ground) {
    let url = format!("http://{}/config.json", ground.node_port(30_088));
    let args = ["-sf", "-m", "10", "--noproxy", "*", &url];
    let shown = eventually("an answer of the management centre", async || {
        let shown = run("curl", &args, "").await;
        shown.map_err(anyhow::Error::msg)
    })
    .await;
    for index in 0..3 {
        let broker = format!("mqtt://ha-{index}.ha-headless.{NAMESPACE}.svc:1885");
        assert!(shown.contains(&broker), "{shown}");
    }
}

/// Leaves its name at a broker, not through the proxy.
async fn says_who_it_is(ground: &Ground, index: u16) {
    let pod = format!("ha-{index}");
    eventually(&format!("a connection to {pod}"), async || {
        let address = ground.address_of(NAMESPACE, &pod, 1884).await;
        let probe = Probe::connect(address, login(USER)).await?;
        probe.publish(&Message::new(WHO, pod.clone()).retained()).await?;
        probe.disconnect().await;
        Ok(())
    })
    .await;
}

async fn only_the_right_clients(ground: &Ground) {
    for user in [Some((USER.0, "wrong")), Some(("nobody", USER.1)), None] {
        let refused = publish(ground, user, "forged").await.unwrap_err();
        assert!(refused.contains("not authorised"), "{user:?}: {refused}");
    }
    publish(ground, Some(USER), "right").await.unwrap();
}

/// Publishes through the proxy.
async fn publish(ground: &Ground, user: Option<(&str, &str)>, payload: &str) -> Result<(), String> {
    let mut args = arguments(ground, user);
    args.extend(["-t", "lamp", "-m", payload].map(str::to_owned));
    run("mosquitto_pub", &args, "").await.map(drop)
}

/// What all clients of the proxy have in common: they look at its certificate.
fn arguments(ground: &Ground, user: Option<(&str, &str)>) -> Vec<String> {
    let authority = ground.path("authority.pem").display().to_string();
    let address = ["-h", ground.node_address(), "-p", "30883", "--cafile", &authority];
    let login = user.map(|(name, password)| ["-u", name, "-P", password]);
    let all = address.into_iter().chain(["-q", "1"]);
    all.chain(login.into_iter().flatten())
        .map(str::to_owned)
        .collect()
}

impl Watcher {
    fn start(ground: &Ground) -> Self {
        let spec = Spec::new("mosquitto_sub", ground.path("watcher.log"))
            .args(arguments(ground, Some(USER)))
            .args(["-t", WHO, "-t", "lamp", "-v"]);
        Self {
            process: spec.start().unwrap(),
        }
    }

    /// Waits until the last broker that said its name is this one.
    async fn is_served_by(&self, broker: &str) {
        wait::until_ok(SOON, &format!("word of {broker}"), async || {
            let output = self.process.output();
            let last = output.lines().rev().find_map(|line| line.strip_prefix("who "));
            if last == Some(broker) { Ok(()) } else { Err(output) }
        })
        .await;
    }

    /// Waits until what is published through the proxy arrives. The two proxies change over at their own times.
    async fn receives(&self, ground: &Ground, payload: &str) {
        eventually("a message through the proxy", async || {
            publish(ground, Some(USER), payload)
                .await
                .map_err(anyhow::Error::msg)?;
            let output = self.process.output();
            anyhow::ensure!(output.contains(&format!("lamp {payload}")), "{output}");
            Ok(())
        })
        .await;
        assert!(!self.process.output().contains("forged"));
    }
}
