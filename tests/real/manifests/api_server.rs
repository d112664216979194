//! The real API server takes what is rendered: strictly, under restricted Pod Security, twice without a change.

use std::process::Command;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, EvictParams, ListParams};
use mqttkube_manifests::apply::{Applied, Applier, Options, Outcome, Problem, PruneSet};
use mqttkube_manifests::bundle::{Bundle, VerifiedBundle};
use mqttkube_manifests::legacy;
use mqttkube_manifests::render::helm::Chart;
use mqttkube_manifests::render::kustomize::Kustomize;
use mqttkube_manifests::render::yaml;
use mqttkube_tests::process::{ControlPlane, find, programs};
use mqttkube_tests::skip::{Need, lacks};
use serde_json::{Value, json};

use super::cases::{self, Case};
use super::outputs::{folder, output};
use super::site::{LONG, namespaces, site, volumes};

fn applier(client: &Client, change: impl FnOnce(&mut Options)) -> Applier {
    let mut options = Options::default();
    options.deadline = LONG;
    change(&mut options);
    Applier::new(client.clone(), options)
}

fn outcomes(applied: &[Applied]) -> Vec<Outcome> {
    let mut outcomes: Vec<_> = applied.iter().map(|applied| applied.outcome).collect();
    outcomes.sort_unstable();
    outcomes.dedup();
    outcomes
}

/// Every case: a dry run, the apply, everything ready, the same again, one eviction; and every output through kubectl.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_accepted_gets_ready_and_stays_as_it_is() {
    let Some(plane) = site().await else { return };
    let client = plane.client().await.unwrap();
    for case in cases::all() {
        let bundle = case.bundle();
        namespaces(&client, &bundle).await;
        volumes(&client, &bundle).await;
        let name = case.name;
        let prune = set(&bundle, name);
        let dry = applier(&client, |options| options.dry_run = true);
        dry.apply(&bundle)
            .await
            .unwrap_or_else(|error| panic!("{name}, dry run: {error}"));
        let real = applier(&client, |options| options.prune = prune);
        let applied = real
            .apply(&bundle)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            outcomes(&applied).contains(&Outcome::Created),
            "{name}: {applied:?}"
        );
        real.wait(&controlled(&bundle), LONG)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = real.apply(&bundle).await.unwrap();
        assert_eq!(outcomes(&again), [Outcome::Unchanged], "{name}: {again:?}");
        assert_eq!(real.diff(&bundle).await.unwrap(), [], "{name}");
        evict(&client, &bundle, name).await;
        served(&client, &bundle, name).await;
        through_kubectl(plane, &case);
        let end = real
            .apply(&emptied(&bundle))
            .await
            .unwrap_or_else(|error| panic!("{name}, end: {error}"));
        assert!(outcomes(&end).contains(&Outcome::Pruned), "{name}: {end:?}");
    }
}

/// What somebody here works on: there is no cert-manager, and nothing of OpenShift.
fn controlled(all: &VerifiedBundle) -> VerifiedBundle {
    const KINDS: &[&str] = &[
        "Namespace",
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "Pod",
    ];
    let objects = all
        .objects()
        .iter()
        .filter(|object| KINDS.contains(&object.kind()));
    bundle(&objects.map(|object| object.value().clone()).collect::<Vec<_>>())
}

/// Each budget lets one pod go.
async fn evict(client: &Client, bundle: &VerifiedBundle, name: &str) {
    for budget in bundle
        .objects()
        .iter()
        .filter(|object| object.kind() == "PodDisruptionBudget")
    {
        let labels = budget.at("/spec/selector/matchLabels").as_object().unwrap();
        let labels: Vec<_> = labels
            .iter()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap()))
            .collect();
        let api: Api<Pod> = Api::namespaced(client.clone(), budget.namespace().unwrap());
        let pods = api
            .list(&ListParams::default().labels(&labels.join(",")))
            .await
            .unwrap();
        // Nobody here makes pods of OpenShift's own kind.
        let ours = |object: &mqttkube_manifests::object::Object| object.kind() != "DeploymentConfig";
        if pods.items.is_empty() && !bundle.objects().iter().all(ours) {
            continue;
        }
        let pod = pods
            .items
            .first()
            .unwrap_or_else(|| panic!("{name}: {} is about no pod", budget.name()));
        let pod = pod.metadata.name.as_deref().unwrap();
        // The controller of budgets may not have counted yet; until then an eviction is answered with 429.
        mqttkube_tests::wait::until_ok(LONG, &format!("{name}: eviction of {pod}"), async || {
            api.evict(pod, &EvictParams::default()).await
        })
        .await;
    }
}

/// The autoscaler is there and is about what it should be about.
async fn served(client: &Client, bundle: &VerifiedBundle, name: &str) {
    for object in bundle
        .objects()
        .iter()
        .filter(|object| object.kind() == "HorizontalPodAutoscaler")
    {
        let path = format!(
            "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers/{}",
            object.namespace().unwrap(),
            object.name()
        );
        let found: Value = client
            .request(http::Request::get(path).body(Vec::new()).unwrap())
            .await
            .unwrap();
        assert_eq!(
            found["spec"]["scaleTargetRef"],
            *object.at("/spec/scaleTargetRef"),
            "{name}"
        );
    }
}

/// What kubectl reads from each output, sent to the same server.
fn through_kubectl(plane: &ControlPlane, case: &Case) {
    if lacks(&[Need::Kubectl, Need::Built("helm")]) {
        return;
    }
    let bundle = case.bundle();
    let kubectl = || {
        let mut command = Command::new(find("kubectl").unwrap());
        command.arg("--kubeconfig").arg(plane.kubeconfig());
        command
    };
    let mut files = Kustomize::new(bundle.clone()).render().unwrap();
    let chart = Chart::new("broker", "1.0.0", case.parameters());
    files.extend(chart.render(&bundle).unwrap());
    let folder = folder(&files);
    let helm = output(
        Command::new(programs::kubernetes("helm").unwrap())
            .args(["template", "release"])
            .arg(folder.path()),
    );
    let kustomize = output(
        Command::new(find("kubectl").unwrap())
            .arg("kustomize")
            .arg(folder.path().join("base")),
    );
    for (name, text) in [
        ("yaml", yaml::render(&bundle)),
        ("helm", helm),
        ("kustomize", kustomize),
    ] {
        let file = folder.path().join(format!("{name}.out"));
        std::fs::write(&file, text).unwrap();
        let mut command = kubectl();
        command.args([
            "apply",
            "--server-side",
            "--force-conflicts",
            "--dry-run=server",
            "--validate=strict",
            "-f",
        ]);
        let printed = output(command.arg(&file));
        let count = printed
            .lines()
            .filter(|line| line.contains("serverside-applied"))
            .count();
        assert_eq!(count, bundle.objects().len(), "{}, {name}: {printed}", case.name);
    }
}

/// The set of a case. Cases share namespaces and node ports, so what one made goes before the next.
fn set(bundle: &VerifiedBundle, name: &str) -> Option<PruneSet> {
    let namespace = bundle.objects().iter().find_map(|object| object.namespace())?;
    Some(PruneSet {
        name: format!("case-{name}"),
        namespace: namespace.to_owned(),
    })
}

/// Nothing but what everything else is in.
fn emptied(all: &VerifiedBundle) -> VerifiedBundle {
    let namespaces = all.objects().iter().filter(|object| object.kind() == "Namespace");
    let spaces: Vec<Value> = namespaces.map(|object| object.value().clone()).collect();
    let at = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "end", "namespace": all.objects()
        .iter().find_map(|object| object.namespace())}});
    bundle(&[spaces, vec![at]].concat())
}

/// The first line of the tutorial's Deployment is what the check reports, and what the API server says.
#[tokio::test]
async fn the_removed_version_of_a_tutorial_is_refused_for_the_reason_that_the_check_gives() {
    let Some(plane) = site().await else { return };
    let bundle = legacy::node_port::bundle();
    let report = bundle.check();
    let finding = report
        .errors()
        .find(|finding| finding.message.contains("extensions/v1beta1"));
    let finding = finding.unwrap_or_else(|| panic!("{report}"));
    let client = plane.client().await.unwrap();
    let forced = bundle.unverified("to see what the API server says").unwrap();
    namespaces(&client, &forced).await;
    let error = applier(&client, |_| ()).apply(&forced).await.unwrap_err();
    let problem = error
        .problems
        .iter()
        .find(|problem| problem.object == finding.object);
    let problem = problem.unwrap_or_else(|| panic!("{error}"));
    assert!(
        matches!(&problem.problem, Problem::NoKind(kind) if kind == "extensions/v1beta1 Deployment"),
        "{problem}"
    );
    assert_eq!(finding.path, "apiVersion", "{finding}");
}

fn config(namespace: &str, name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data})
}

fn bundle(objects: &[Value]) -> VerifiedBundle {
    let mut bundle = Bundle::new();
    for object in objects {
        bundle.add_value(object.clone()).unwrap();
    }
    bundle.unverified("a test").unwrap()
}

#[tokio::test]
async fn what_left_the_bundle_is_pruned_but_data_stays() {
    let Some(plane) = site().await else { return };
    let client = plane.client().await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prune"}});
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "prune"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r", "namespace": "prune"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    let first = bundle(&[
        namespace.clone(),
        claim,
        role,
        config("prune", "a", json!({})),
        config("prune", "b", json!({})),
    ]);
    let second = bundle(&[namespace, config("prune", "a", json!({}))]);
    let prune = |options: &mut Options| {
        options.prune = Some(PruneSet {
            name: "set".to_owned(),
            namespace: "prune".to_owned(),
        });
    };
    let applier_ = applier(&client, prune);
    applier_.apply(&first).await.unwrap();
    // Somebody else's object of the same kind is not ours to delete.
    applier(&client, |_| ())
        .apply(&bundle(&[config("prune", "foreign", json!({}))]))
        .await
        .unwrap();
    let gone = |applied: Vec<Applied>, outcome| {
        let names = applied
            .into_iter()
            .filter(|applied| applied.outcome == outcome)
            .map(|applied| applied.object.to_string());
        names.collect::<Vec<_>>()
    };
    let dry = applier(&client, |options| {
        prune(options);
        options.dry_run = true;
    });
    assert_eq!(
        gone(dry.apply(&second).await.unwrap(), Outcome::Pruned),
        ["ConfigMap/prune/b", "Role/prune/r"]
    );
    let applied = applier_.apply(&second).await.unwrap();
    assert_eq!(
        gone(applied.clone(), Outcome::Pruned),
        ["ConfigMap/prune/b", "Role/prune/r"]
    );
    assert_eq!(gone(applied, Outcome::Kept), ["PersistentVolumeClaim/prune/data"]);
    let again = applier_.apply(&second).await.unwrap();
    assert_eq!(gone(again.clone(), Outcome::Pruned), Vec::<String>::new());
    assert_eq!(
        gone(again, Outcome::Kept),
        ["PersistentVolumeClaim/prune/data"],
        "it is still a member"
    );
    let left: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(client, "prune");
    assert!(left.get_opt("foreign").await.unwrap().is_some());
    assert!(left.get_opt("b").await.unwrap().is_none());
}

#[tokio::test]
async fn a_field_of_somebody_else_is_a_conflict_until_it_is_forced() {
    let Some(plane) = site().await else { return };
    let client = plane.client().await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "conflict"}});
    let ours = |value: &str| bundle(&[namespace.clone(), config("conflict", "c", json!({ "k": value }))]);
    applier(&client, |_| ()).apply(&ours("1")).await.unwrap();
    let theirs = config("conflict", "c", json!({"k": "2"}));
    let api: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(client.clone(), "conflict");
    let params = kube::api::PatchParams::apply("somebody").force();
    api.patch("c", &params, &kube::api::Patch::Apply(theirs))
        .await
        .unwrap();

    let error = applier(&client, |_| ()).apply(&ours("3")).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("ConfigMap/conflict/c: somebody else owns fields of it"),
        "{error}"
    );
    assert!(error.to_string().contains("\"somebody\""), "{error}");
    let forced = applier(&client, |options| options.force = true);
    let differences = forced.diff(&ours("3")).await.unwrap();
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(differences[0].fields[0].pointer, "/data/k");
    let applied = forced.apply(&ours("3")).await.unwrap();
    assert_eq!(outcomes(&applied), [Outcome::Changed, Outcome::Unchanged]);
}

#[tokio::test]
async fn a_refusal_names_every_object_and_changes_nothing() {
    let Some(plane) = site().await else { return };
    let client = plane.client().await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "refusal"}});
    let applier_ = applier(&client, |_| ());
    applier_
        .apply(&bundle(std::slice::from_ref(&namespace)))
        .await
        .unwrap();
    let mut typo = config("refusal", "typo", json!({}));
    typo["dataa"] = json!({});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "refusal"},
        "spec": {"ports": [{"port": 99999}]}});
    let gadget = json!({"apiVersion": "x.example/v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": "refusal"}});
    let all = bundle(&[
        namespace,
        config("refusal", "fine", json!({})),
        typo,
        service,
        gadget,
    ]);
    let error = applier_.apply(&all).await.unwrap_err();
    let objects: Vec<_> = error
        .problems
        .iter()
        .map(|problem| problem.object.as_str())
        .collect();
    assert_eq!(
        objects,
        ["ConfigMap/refusal/typo", "Service/refusal/s", "Gadget/refusal/g"],
        "{error}"
    );
    assert!(
        error.to_string().contains(".dataa: field not declared in schema"),
        "{error}"
    );
    let api: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(client, "refusal");
    assert!(
        api.get_opt("fine").await.unwrap().is_none(),
        "nothing was applied"
    );
}

#[tokio::test]
async fn data_of_secrets_is_in_no_difference() {
    let Some(plane) = site().await else { return };
    let client = plane.client().await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "secret"}});
    let secret = |value: &str| {
        bundle(&[
            namespace.clone(),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "secret"},
            "stringData": {"k": value}}),
        ])
    };
    let applier_ = applier(&client, |_| ());
    applier_.apply(&secret("first-word")).await.unwrap();
    let differences = format!("{:?}", applier_.diff(&secret("second-word")).await.unwrap());
    assert!(differences.contains("/data/k"), "{differences}");
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    for word in ["first-word", "second-word"] {
        assert!(!differences.contains(&base64.encode(word)), "{differences}");
    }
}

#[tokio::test]
async fn a_wait_that_ends_in_vain_says_what_is_missing() {
    let Some(plane) = site().await else { return };
    let client = plane.client().await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "wait"}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "wait"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"nodeSelector": {"no": "node"}, "containers": [{"name": "c", "image": "c:1"}]}}}});
    let stuck = bundle(&[namespace, deployment]);
    let applier_ = applier(&client, |_| ());
    applier_.apply(&stuck).await.unwrap();
    let error = applier_
        .wait(&stuck, std::time::Duration::from_secs(1))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("Deployment/wait/d: not ready after 1s: "),
        "{text}"
    );
}
