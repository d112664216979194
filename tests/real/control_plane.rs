//! The starter of the control plane, and the facts about real API servers that fault tests build on.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, PostParams};
use mqttkube_tests::fake_api::{Fault, Gate};
use mqttkube_tests::process::{ControlPlaneOptions, client};
use mqttkube_tests::proxy::{Fault as Cut, TcpProxy};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;
use serde_json::json;

use crate::suite::World;
use crate::suite::world::MERGE;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_killed_api_server_comes_back_on_its_port_with_its_objects() {
    if lacks(&[Need::ApiServer]) {
        return;
    }
    let mut plane = ControlPlaneOptions::default().start().await.unwrap();
    let world = World::new(plane.client().await.unwrap(), "restart").await;
    world.config_map("map", json!({ "a": "1" })).await;
    let url = plane.url();
    plane.kill_api();
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), "restart");
    assert!(maps.get("map").await.is_err());
    plane.start_api().await.unwrap();
    assert_eq!(plane.url(), url);
    let map = wait::until_ok(SOON, "map", async || maps.get("map").await).await;
    assert_eq!(map.data.unwrap()["a"], "1");
    plane.pause_api();
    let silent = tokio::time::timeout(Duration::from_millis(300), maps.get("map")).await;
    assert!(silent.is_err(), "a paused server answered");
    plane.resume_api();
    wait::until_ok(SOON, "answer after the pause", async || maps.get("map").await).await;
    plane.kill_etcd();
    let patch = json!({ "data": { "a": "2" } });
    let refused = async {
        let path = format!("{}/map", world.config_maps());
        let write = tokio::time::timeout(Duration::from_secs(2), world.patch(&path, MERGE, &patch)).await;
        write.is_ok_and(|answer| answer.code == 200)
    };
    assert!(!refused.await, "a write succeeded without etcd");
    plane.start_etcd().unwrap();
    wait::until_ok(SOON, "map after etcd is back", async || maps.get("map").await).await;
}

#[tokio::test]
async fn compaction_and_a_restart_make_old_versions_too_old() {
    if lacks(&[Need::ApiServer]) {
        return;
    }
    let mut plane = ControlPlaneOptions::default().start().await.unwrap();
    let world = World::new(plane.client().await.unwrap(), "compaction").await;
    let old = world.config_map("map", json!({ "a": "1" })).await.version();
    let path = format!("{}/map", world.config_maps());
    for number in 0..3 {
        world
            .patch(&path, MERGE, &json!({ "data": { "a": number.to_string() } }))
            .await
            .ok();
    }
    plane.compact().await.unwrap();
    plane.kill_api();
    plane.start_api().await.unwrap();
    let world = World {
        client: plane.client().await.unwrap(),
        namespace: world.namespace,
    };
    let mut watch = world
        .watch(&world.config_maps(), &format!("resourceVersion={old}"))
        .await;
    let event = watch.next().await.unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["code"]),
        (&json!("ERROR"), &json!(410)),
        "{event}"
    );
}

#[tokio::test]
async fn with_controllers_and_pretended_pods_a_deployment_runs_and_a_job_completes() {
    if lacks(&[
        Need::ApiServer,
        Need::ControllerManager,
        Need::Scheduler,
        Need::Kwok,
    ]) {
        return;
    }
    let plane = ControlPlaneOptions::default().pods().start().await.unwrap();
    let world = World::new(plane.client().await.unwrap(), "pods").await;
    world.deployment("web").await;
    let jobs = world.path("batch/v1", "jobs");
    let pod = json!({ "containers": [{ "name": "a", "image": "a" }], "restartPolicy": "Never" });
    let job = json!({ "metadata": { "name": "work" }, "spec": { "template": { "spec": pod } } });
    world.post(&jobs, &job).await.ok();
    let deployments: Api<Deployment> = Api::namespaced(world.client.clone(), "pods");
    wait::until_ok(SOON, "available deployment", async || {
        let status = deployments.get("web").await.unwrap().status;
        if status
            .as_ref()
            .is_some_and(|status| status.available_replicas == Some(1))
        {
            Ok(())
        } else {
            Err(status)
        }
    })
    .await;
    wait::until_ok(SOON, "complete job", async || {
        let job = world.get(&format!("{jobs}/work")).await;
        if job.at("/status/succeeded") == 1 {
            Ok(())
        } else {
            Err(job)
        }
    })
    .await;
    let path = "/api/v1/namespaces/pods";
    world.delete(path, &json!({})).await.ok();
    wait::until_ok(SOON, "end of the namespace", async || {
        let namespace = world.get(path).await;
        if namespace.code == 404 {
            Ok(())
        } else {
            Err(namespace)
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_user_may_nothing_until_a_role_says_so() {
    if lacks(&[Need::ApiServer]) {
        return;
    }
    let plane = ControlPlaneOptions::default().start().await.unwrap();
    let admin = World::new(plane.client().await.unwrap(), "users").await;
    admin.config_map("map", json!({})).await;
    let kubeconfig = plane.user("ann", None).unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client(&kubeconfig).await.unwrap(), "users");
    match maps.get("map").await {
        Err(kube::Error::Api(status)) => assert!(status.is_forbidden(), "{status:?}"),
        other => panic!("{other:?}"),
    }
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/users";
    let rule = json!({ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"] });
    let role = json!({ "metadata": { "name": "reader" }, "rules": [rule] });
    admin.post(&format!("{roles}/roles"), &role).await.ok();
    let binding = json!({
        "metadata": { "name": "ann" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann" }],
    });
    admin.post(&format!("{roles}/rolebindings"), &binding).await.ok();
    wait::until_ok(SOON, "permission", async || maps.get("map").await).await;
    assert!(maps.list(&ListParams::default()).await.is_err());
}

#[tokio::test]
async fn a_gate_before_a_real_server_adds_its_faults() {
    if lacks(&[Need::ApiServer]) {
        return;
    }
    let plane = ControlPlaneOptions::default().start().await.unwrap();
    let gate = Gate::before(plane.client().await.unwrap());
    let world = World::new(gate.client(), "gate").await;
    world.config_map("map", json!({})).await;
    gate.faults().add(
        Fault::effect_then(504, "Timeout")
            .on("POST", "/configmaps")
            .times(1),
    );
    let body = json!({ "metadata": { "name": "new" } });
    world
        .post(&world.config_maps(), &body)
        .await
        .check(504, "Timeout");
    world
        .post(&world.config_maps(), &body)
        .await
        .check(409, "AlreadyExists");
    let server = gate.serve().await.unwrap();
    let mut config = kube::Config::new(server.url().parse().unwrap());
    config.default_retry = false;
    let maps: Api<ConfigMap> = Api::namespaced(kube::Client::try_from(config).unwrap(), "gate");
    assert!(maps.get("new").await.is_ok());
    gate.faults()
        .add(Fault::stream_expired(1).on("WATCH", "").times(1));
    let mut watch = world.watch(&world.config_maps(), "").await;
    assert_eq!(watch.next().await.unwrap()["type"], "ADDED");
    assert_eq!(watch.next().await.unwrap()["object"]["code"], 410);
}

#[tokio::test]
async fn a_proxy_before_a_real_server_makes_connections_half_open() {
    if lacks(&[Need::ApiServer]) {
        return;
    }
    let plane = ControlPlaneOptions::default().start().await.unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], plane.port()));
    let proxy = TcpProxy::start(address).await.unwrap();
    let through = format!("https://{}", proxy.address());
    let admin = World::new(plane.client().await.unwrap(), "proxy").await;
    admin.config_map("map", json!({})).await;
    // The certificate is for 127.0.0.1, whatever the port.
    let kubeconfig = plane.admin(Some(&through)).unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client(&kubeconfig).await.unwrap(), "proxy");
    assert!(maps.get("map").await.is_ok());
    proxy.set(Cut::Blackhole);
    let silent = tokio::time::timeout(Duration::from_millis(300), maps.get("map")).await;
    assert!(silent.is_err(), "something came through a blackhole");
    proxy.heal();
    proxy.cut();
    wait::until_ok(SOON, "answer on a new connection", async || maps.get("map").await).await;
    let more: ConfigMap = serde_json::from_value(json!({ "metadata": { "name": "more" } })).unwrap();
    maps.create(&PostParams::default(), &more).await.unwrap();
}
