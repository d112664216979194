//! The program as people deploy it: the files of examples/deploy on a real node.

mod account;
mod commands;
mod site;

use std::net::SocketAddr;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use kube::Api;
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;

use crate::kubernetes::SOON;
use commands::Steady;
use site::{Site, answers_at};

const GROUND: &str = include_str!("cluster/ground.yaml");
const WORLD: &str = include_str!("cluster/world.yaml");
const UPDATE: &str = include_str!("cluster/update.yaml");

#[tokio::test(flavor = "multi_thread")]
async fn the_deployed_program_loses_nothing_in_a_cluster_that_changes() {
    if lacks(&[
        Need::ApiServer,
        Need::ControllerManager,
        Need::Scheduler,
        Need::Node,
        Need::Mosquitto,
        Need::Kubectl,
    ]) {
        return;
    }
    let mut site = Site::start().await;
    let broker = deploy(&site).await;
    switch(&site, broker).await;
    launch_and_delete(&site, broker).await;
    site.passed("ON scaled the server and its state followed; RUN launched the Job, STOP deletes it");
    account::is_harmless(&site).await;
    was_allowed_everything(&site).await;
    site.passed("the role is enough, and everything else is forbidden");

    // From here on pods of the server are not placed on the node: only their number is looked at.
    placed_by(&site, "nobody").await;
    restart_broker(&site, broker).await;
    restart_api_server(&mut site, broker).await;
    assert_eq!(
        restarts(&site).await,
        0,
        "no outage is a reason to restart the program"
    );
    was_allowed_everything(&site).await;
    let first = update(&site, broker).await;
    rotate(&site, broker, &first).await;

    // The watch works after all this, too.
    placed_by(&site, "default-scheduler").await;
    state_becomes(broker, "ON").await;
    let jobs: Api<Job> = Api::namespaced(site.client.clone(), "sync");
    wait::until_ok(SOON, "end of the deleted Job", async || {
        match jobs.get_opt("syncer").await {
            Ok(None) => Ok(()),
            other => Err(other.map(|job| job.map(|job| job.metadata))),
        }
    })
    .await;
    assert_eq!(restarts(&site).await, 0);
    site.passed("the state still follows, and the Job is gone");
}

/// Deploys everything and waits until all pods are ready by their probes.
async fn deploy(site: &Site) -> SocketAddr {
    let volume = site.volume().display().to_string();
    site.kubectl_with(&["apply", "-f", "-"], &GROUND.replace("VOLUME", &volume))
        .await;
    // A claim that is seen before its volume is looked at again after 15 s only.
    let available = "--for=jsonpath={.status.phase}=Available";
    site.kubectl(&["wait", "pv/mosquitto", available, "--timeout", "60s"])
        .await;
    site.kubectl_with(&["apply", "-f", "-"], WORLD).await;
    for file in [
        "serviceaccount.yaml",
        "roles.yaml",
        "config.yaml",
        "deployment.yaml",
    ] {
        site.apply_example(file).await;
    }
    site.rolled_out("iot", "mosquitto").await;
    site.rolled_out("iot", "mqtt-kube").await;
    site.answers("/livez", 200).await;
    site.answers("/readyz", 200).await;
    site.passed("the program found API server and broker, and is live and ready");
    format!("{}:30883", site.node_address()).parse().unwrap()
}

async fn switch(site: &Site, broker: SocketAddr) {
    state_becomes(broker, "OFF").await;
    command(broker, "home/jellyfin/power/set", "ON").await;
    replicas_become(site, 1).await;
    state_becomes(broker, "ON").await;
}

async fn launch_and_delete(site: &Site, broker: SocketAddr) {
    let jobs: Api<Job> = Api::namespaced(site.client.clone(), "sync");
    let job = async || jobs.get_opt("syncer").await.unwrap();
    command(broker, "home/syncer/cmd", "RUN").await;
    wait::until_ok(SOON, "running pod of the Job", async || {
        let status = job().await.and_then(|job| job.status);
        let ready = status.as_ref().and_then(|status| status.ready);
        if ready == Some(1) { Ok(()) } else { Err(status) }
    })
    .await;
    command(broker, "home/syncer/cmd", "STOP").await;
    wait::until_ok(SOON, "deletion in the foreground", async || match job().await {
        Some(job) if job.metadata.deletion_timestamp.is_none() => Err(job.metadata),
        Some(job) => {
            let finalizers = job.metadata.finalizers.unwrap_or_default();
            assert!(
                finalizers.iter().any(|name| name == "foregroundDeletion"),
                "{finalizers:?}"
            );
            Ok(())
        }
        None => Ok(()),
    })
    .await;
}

async fn restart_broker(site: &Site, broker: SocketAddr) {
    let steady = Steady::start(broker, "broker").await;
    site.kubectl(&["-n", "iot", "delete", "pod", "-l", "app=mosquitto"])
        .await;
    site.rolled_out("iot", "mosquitto").await;
    site.answers("/readyz", 200).await;
    settle(site, steady, "a new pod of the broker").await;
    let status = site.answers("/api/status", 200).await;
    assert!(status["mqtt"]["connections"].as_u64() > Some(1), "{status}");
    state_becomes(broker, "OFF").await;
}

async fn restart_api_server(site: &mut Site, broker: SocketAddr) {
    let steady = Steady::start(broker, "api-server").await;
    // The pod's address is asked for while there is somebody to ask.
    let address = site.address().await;
    site.plane.kill_api();
    answers_at(&address, "/readyz", 503).await;
    answers_at(&address, "/livez", 200).await;
    site.plane.start_api().await.unwrap();
    answers_at(&address, "/readyz", 200).await;
    settle(site, steady, "a killed API server").await;
}

/// Updates the Deployment under commands. Returns the token of the new pod.
async fn update(site: &Site, broker: SocketAddr) -> String {
    site.kubectl(&["-n", "iot", "create", "secret", "generic", account::LEASE])
        .await;
    let first = account::token(site, true).await;
    account::hand_over(site, &first).await;
    let before = site.pod().await.metadata.uid;
    let steady = Steady::start(broker, "update").await;
    site.kubectl(&["-n", "iot", "patch", "deployment", "mqtt-kube", "--patch", UPDATE])
        .await;
    site.rolled_out("iot", "mqtt-kube").await;
    site.answers("/readyz", 200).await;
    assert_ne!(site.pod().await.metadata.uid, before, "the update made a new pod");
    settle(site, steady, "an update of the Deployment").await;
    first
}

/// The pod gets another token, and then the one that it started with ends.
///
/// The kubelet renews the token of an account after 80 % of its life, which is 8 minutes or more. So the pod has a
/// Secret in that place, which the kubelet brings to the same file; the tokens themselves are real, and the first is
/// truly refused before the commands come. The program has it in memory for up to a minute from its last look at the
/// file: commands wait that long at most.
async fn rotate(site: &Site, broker: SocketAddr, first: &str) {
    let second = account::token(site, false).await;
    account::hand_over(site, &second).await;
    site.kubectl(&["-n", "iot", "delete", "secret", account::LEASE])
        .await;
    let ended = account::bearer(site, first).await;
    wait::until_ok(SOON, "end of the first token", async || {
        match account::status(&ended, "GET", "/version", "").await {
            401 => Ok(()),
            code => Err(code),
        }
    })
    .await;
    let steady = Steady::start(broker, "token").await;
    settle(site, steady, "a rotated token").await;
    site.answers("/readyz", 200).await;
}

/// Ends the steady commands: each has got its effect, and the last one holds.
async fn settle(site: &Site, steady: Steady, event: &str) {
    let settled = steady.settle().await;
    assert!(settled.all_done(), "{event}: {settled}");
    replicas_become(site, 1).await;
    site.passed(&format!("{event}: {settled}"));
}

/// Nothing that the program wanted was forbidden since its pod started.
async fn was_allowed_everything(site: &Site) {
    let status = site.answers("/api/status", 200).await;
    assert!(!status.to_string().contains("forbidden"), "{status}");
    let log = site.log().await;
    let refused = log.lines().find(|line| {
        // Fractions of the second at its start can be any digits.
        let told = line.split_once(' ').map_or("", |(_, told)| told);
        told.contains("forbidden") || told.contains("403")
    });
    assert_eq!(refused, None, "in the log of the program");
}

/// Publishes a command to which nobody needs to answer.
async fn command(broker: SocketAddr, topic: &str, payload: &str) {
    let probe = Probe::connect(broker, Options::default()).await.unwrap();
    let reason = probe
        .publish(&Message::new(topic, payload.to_owned()))
        .await
        .unwrap();
    assert_eq!(reason, 0, "nobody listens to {topic}");
    probe.disconnect().await;
}

async fn retained(broker: SocketAddr) -> Option<String> {
    let topic = "home/jellyfin/power/state";
    let mut retained = Probe::retained(broker, topic).await.ok()?;
    Some(String::from_utf8_lossy(&retained.remove(topic)?).into_owned())
}

async fn state_becomes(broker: SocketAddr, state: &str) {
    wait::until_ok(
        SOON,
        &format!("retained state {state}"),
        async || match retained(broker).await {
            Some(found) if found == state => Ok(()),
            other => Err(other),
        },
    )
    .await;
}

async fn replicas_become(site: &Site, count: i32) {
    let deployments: Api<Deployment> = Api::namespaced(site.client.clone(), "media");
    wait::until_ok(SOON, &format!("{count} replicas"), async || {
        let deployment = deployments
            .get("jellyfin")
            .await
            .map_err(|error| error.to_string())?;
        match deployment.spec.and_then(|spec| spec.replicas) {
            Some(found) if found == count => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

/// Says which scheduler places the pods of the media server; one that does not run places none.
async fn placed_by(site: &Site, scheduler: &str) {
    let patch = format!(r#"{{"spec":{{"template":{{"spec":{{"schedulerName":"{scheduler}"}}}}}}}}"#);
    site.kubectl(&[
        "-n",
        "media",
        "patch",
        "deployment",
        "jellyfin",
        "--patch",
        &patch,
    ])
    .await;
}

/// How often the container of the program was started again in its pod.
async fn restarts(site: &Site) -> i32 {
    let status = site.pod().await.status.unwrap();
    let containers = status.container_statuses.unwrap_or_default();
    containers.iter().map(|container| container.restart_count).sum()
}
