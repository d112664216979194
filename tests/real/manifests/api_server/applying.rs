//! What an apply does and says: prune sets, fields of others, refusals, secrets, and a wait in vain.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use mqttkube_manifests::apply::{Applied, Options, Outcome, Problem, PruneSet};
use mqttkube_manifests::legacy;
use serde_json::{Value, json};

use super::{applier, bundle, outcomes};
use crate::site::{namespaces, site};

fn config(namespace: &str, name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data})
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
    let left: Api<ConfigMap> = Api::namespaced(client, "prune");
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
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "conflict");
    let params = PatchParams::apply("somebody").force();
    api.patch("c", &params, &Patch::Apply(theirs)).await.unwrap();

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
    let api: Api<ConfigMap> = Api::namespaced(client, "refusal");
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
    for word in ["first-word", "second-word"] {
        assert!(!differences.contains(&STANDARD.encode(word)), "{differences}");
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
    let error = applier_.wait(&stuck, Duration::from_secs(1)).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("Deployment/wait/d: not ready after 1s: "),
        "{text}"
    );
}
