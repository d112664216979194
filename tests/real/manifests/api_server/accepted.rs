//! Every case on the API server, from a dry run to its end.

use std::process::Command;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, EvictParams, ListParams};
use mqttkube_manifests::apply::{Outcome, PruneSet};
use mqttkube_manifests::bundle::VerifiedBundle;
use mqttkube_manifests::object::Object;
use mqttkube_manifests::render::helm::Chart;
use mqttkube_manifests::render::kustomize::Kustomize;
use mqttkube_manifests::render::yaml;
use mqttkube_tests::process::{ControlPlane, find, programs};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;
use serde_json::{Value, json};

use super::{applier, bundle, outcomes};
use crate::cases::{self, Case};
use crate::outputs::{folder, output};
use crate::site::{LONG, namespaces, site, volumes};

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
        let ours = |object: &Object| object.kind() != "DeploymentConfig";
        if pods.items.is_empty() && !bundle.objects().iter().all(ours) {
            continue;
        }
        let pod = pods
            .items
            .first()
            .unwrap_or_else(|| panic!("{name}: {} is about no pod", budget.name()));
        let pod = pod.metadata.name.as_deref().unwrap();
        // The controller of budgets may not have counted yet; until then an eviction is answered with 429.
        wait::until_ok(LONG, &format!("{name}: eviction of {pod}"), async || {
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
