//! The rights of the binding service on a real API server: what its rules say, all of it, and nothing else.

mod calls;
mod requests;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Client;
use mqttkube_manifests::apply::{Applier, Options};
use mqttkube_manifests::bundle::{Bundle, VerifiedBundle};
use mqttkube_manifests::scenario::binding_service::{self, BindingService, Rights};
use mqttkube_tests::mqtt_probe::Message;
use mqttkube_tests::process::{ControlPlane, MosquittoOptions, client, free_port};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::{program, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::clients::{enter, login};
use super::kubelet::Node;
use super::site::{LONG, namespaces, site};
use calls::{hostile, needs};
use requests::{call, forbidden, status, told, words};

/// Where the service is, and where its objects are. Other tests have the namespaces of the sample.
const HOME: &str = "rights-iot";
const MEDIA: &str = "rights-media";
const JOBS: &str = "rights-jobs";

fn rule(group: &str, resource: &str, names: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(owned(&[group])),
        resources: Some(owned(&[resource])),
        resource_names: (!names.is_empty()).then(|| owned(names)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

/// The sample with a Job that it may make and delete, and the nodes of the cluster, which it may watch.
fn service() -> BindingService {
    let mut service = binding_service::sample_inputs();
    service.namespace = HOME.parse().unwrap();
    service.rights[0].namespace = Some(MEDIA.parse().unwrap());
    for (_, text) in &mut service.files {
        *text = text.replace("namespace: media", &format!("namespace: {MEDIA}"));
    }
    service.rights.push(Rights {
        namespace: Some(JOBS.parse().unwrap()),
        rules: vec![
            rule("batch", "jobs", &[], &["create"]),
            rule("batch", "jobs", &["syncer"], &["delete"]),
        ],
    });
    service.rights.push(Rights {
        namespace: None,
        rules: vec![rule("", "nodes", &[], &["list", "watch"])],
    });
    service
}

/// The objects without the pod: nobody needs it to ask what its account may do.
fn account_and_roles(service: &BindingService) -> VerifiedBundle {
    let all = service.bundle().unwrap().verified().unwrap();
    let kinds = [
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
    ];
    let mut bundle = Bundle::new();
    for object in all
        .objects()
        .iter()
        .filter(|object| kinds.contains(&object.kind()))
    {
        bundle.add(object.clone()).unwrap();
    }
    bundle.unverified("the namespaces are there already").unwrap()
}

async fn apply(admin: &Client, service: &BindingService) {
    let mut options = Options::default();
    (options.force, options.deadline) = (true, LONG);
    let applier = Applier::new(admin.clone(), options);
    applier.apply(&account_and_roles(service)).await.unwrap();
}

/// A client that is the service, by a token as its pod would have one.
async fn account(plane: &ControlPlane, admin: &Client, home: &str) -> (Client, TempDir) {
    let path = format!("/api/v1/namespaces/{home}/serviceaccounts/mqtt-kube/token");
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}});
    let request = Request::post(path).header("Content-Type", "application/json");
    let answer: Value = admin
        .request(request.body(body.to_string().into_bytes()).unwrap())
        .await
        .unwrap();
    let authority = std::fs::read(plane.folder().join("ca.crt")).unwrap();
    let file = json!({"apiVersion": "v1", "kind": "Config", "current-context": "pod",
        "contexts": [{"name": "pod", "context": {"cluster": "here", "user": "pod"}}],
        "clusters": [{"name": "here", "cluster": {"server": plane.url(), "certificate-authority-data": STANDARD.encode(authority)}}],
        "users": [{"name": "pod", "user": {"token": answer["status"]["token"]}}]});
    let folder = tempfile::tempdir().unwrap();
    // The pod of the service has a user of its own.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, file.to_string()).unwrap();
    (client(&path).await.unwrap(), folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_roles_allow_what_the_rules_say_and_nothing_else() {
    let Some(plane) = site().await else { return };
    let admin = plane.client().await.unwrap();
    let service = service();
    namespaces(&admin, &account_and_roles(&service)).await;
    apply(&admin, &service).await;
    let (ours, _folder) = account(plane, &admin, HOME).await;
    let nobody = client(&plane.user("rights-nobody", None).unwrap()).await.unwrap();

    are_told(&service, &ours, &nobody).await;
    let calls = hostile();
    assert!(calls.len() >= 20, "{}", calls.len());
    for call in &calls {
        assert!(forbidden(&ours, call).await.is_some(), "{call:?}");
        // It is not the request that is wrong.
        assert_eq!(forbidden(&admin, call).await, None, "{call:?}");
    }
    every_verb_is_needed(&service);
    each_verb_is_for_its_request(&admin, &service, &ours).await;
}

/// What the server says about our rules, beside what everybody has.
async fn are_told(service: &BindingService, ours: &Client, nobody: &Client) {
    for rights in &service.rights {
        let namespace = rights.namespace.as_ref().map_or(HOME, |name| name.as_str());
        let here = |other: &&Rights| other.namespace.is_none() || other.namespace == rights.namespace;
        let expected: BTreeSet<_> = service
            .rights
            .iter()
            .filter(here)
            .flat_map(|rights| rights.rules.iter().map(words))
            .collect();
        wait::until_ok(LONG, "rules of the roles", async || {
            let common = told(nobody, namespace).await;
            let found: BTreeSet<_> = told(ours, namespace).await.difference(&common).cloned().collect();
            if found == expected { Ok(()) } else { Err(found) }
        })
        .await;
    }
}

fn every_verb_is_needed(service: &BindingService) {
    let asked: BTreeSet<_> = needs().iter().map(|(place, _)| *place).collect();
    let verbs = service.rights.iter().enumerate().flat_map(|(at, rights)| {
        let rules = rights.rules.iter().enumerate();
        rules.flat_map(move |(rule, spec)| (0..spec.verbs.len()).map(move |verb| [at, rule, verb]))
    });
    assert_eq!(
        verbs.collect::<BTreeSet<_>>(),
        asked,
        "every verb has a request that needs it"
    );
}

/// Without a verb its request is forbidden, and no other.
async fn each_verb_is_for_its_request(admin: &Client, service: &BindingService, ours: &Client) {
    for (dropped, _) in needs() {
        let mut less = service.clone();
        let rules = &mut less.rights[dropped[0]].rules;
        rules[dropped[1]].verbs.remove(dropped[2]);
        // The API server takes no rule without a verb.
        rules.retain(|rule| !rule.verbs.is_empty());
        apply(admin, &less).await;
        for (place, call) in needs() {
            let what = format!("{call:?} without {dropped:?}");
            wait::until_ok(LONG, &what, async || {
                let found = forbidden(ours, &call).await;
                if found.is_some() == (place == dropped) {
                    Ok(())
                } else {
                    Err(found)
                }
            })
            .await;
        }
    }
}

/// The pod of the bundle, on its files, as its account: the rights of the sample are enough for the bindings of the sample.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_of_the_bundle_does_its_work_with_its_rights() {
    let Some(plane) = site().await else { return };
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let admin = plane.client().await.unwrap();
    let mut service = binding_service::sample_inputs();
    service.namespace = "works-iot".parse().unwrap();
    service.rights[0].namespace = Some("works-media".parse().unwrap());
    namespaces(&admin, &account_and_roles(&service)).await;
    apply(&admin, &service).await;
    let labels = json!({"app": "jellyfin"});
    let pod = json!({"containers": [{"name": "c", "image": "i:1", "securityContext": {"allowPrivilegeEscalation": false,
        "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}}]});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "jellyfin"},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}});
    let make = call(
        Method::POST,
        "/apis/apps/v1/namespaces/works-media/deployments",
        deployment,
    );
    assert_eq!(status(&admin, &make).await, 201);

    let broker = MosquittoOptions::default()
        .user("mqtt-kube", "word")
        .user("ann", "word");
    let broker = broker.start().await.unwrap();
    let (_, folder) = account(plane, &admin, "works-iot").await;
    let http = free_port();
    let here = format!(
        "http: {{bind: 127.0.0.1, port: {http}}}\nmqtt:\n  host: 127.0.0.1\n  port: {}\n",
        broker.port()
    );
    let node = Node::default()
        .program("mqtt-kube", program::bin("mqtt-kube"))
        .env("KUBECONFIG", folder.path().join("kubeconfig").to_str().unwrap())
        .secret("mosquitto-users", "mqtt-kube", "word")
        .port(8080, http)
        .replace("mqtt:\n  host: mosquitto\n", &here)
        .replace("namespace: media", "namespace: works-media");
    let bundle = service.bundle().unwrap();
    let pod = node.start(&bundle, "mqtt-kube").await;
    let ann = enter(broker.port(), login("ann", "word")).await.unwrap();
    ann.subscribe("home/jellyfin/power/state", 1).await.unwrap();
    for state in ["OFF", "ON", "OFF"] {
        ann.publish(&Message::new("home/jellyfin/power/set", state))
            .await
            .unwrap();
        let last = |all: &[Message]| all.last().is_some_and(|message| message.text() == state);
        ann.wait(LONG, last).await;
    }
    let log = pod.log("mqtt-kube");
    assert!(!log.to_lowercase().contains("forbidden"), "{log}");
}
