//! Helm's own check of charts, and kubeconform.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use kube::Client;
use mqttkube_manifests::render::helm::Chart;
use mqttkube_manifests::render::{File, yaml};
use mqttkube_tests::process::programs;
use mqttkube_tests::skip::{Need, lacks};
use serde_json::{Value, json};

use super::outputs::folder;
use super::schemas::Reader;
use super::site::site;
use super::{cases, schemas};

fn helm(arguments: &[&str], chart: &Path) -> (bool, String) {
    let mut command = Command::new(programs::kubernetes("helm").unwrap());
    let output = command.args(arguments).arg(chart).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

#[test]
fn helm_lint_has_nothing_to_say() {
    if lacks(&[Need::Built("helm")]) {
        return;
    }
    for case in cases::all() {
        let chart = Chart::new("broker", "1.0.0", case.parameters());
        let folder = folder(&chart.render(&case.bundle()).unwrap());
        let (fine, text) = helm(&["lint", "--strict"], folder.path());
        assert!(fine && !text.contains("[WARNING]"), "{}: {text}", case.name);
    }
}

/// The schema stands between a value and the configuration file that it is written into.
#[test]
fn helm_refuses_values_that_the_schema_excludes() {
    if lacks(&[Need::Built("helm")]) {
        return;
    }
    let case = &cases::all()[0];
    let chart = Chart::new("broker", "1.0.0", case.parameters());
    let folder = folder(&chart.render(&case.bundle()).unwrap());
    let check = |values: Value, expected: &str| {
        let file = folder.path().join("set.json");
        std::fs::write(&file, values.to_string()).unwrap();
        let file = file.display().to_string();
        let (fine, text) = helm(&["template", "--values", &file, "release"], folder.path());
        assert!(!fine && text.contains(expected), "{values}: {text}");
    };
    check(json!({"logLevel": "notice\nallow_anonymous true"}), "logLevel");
    check(json!({"nodePort": "30883"}), "nodePort");
    check(json!({"nodeport": 30883}), "nodeport");
    check(json!({"broker": {"image": 2.0}}), "broker/image");
}

/// kubeconform with the API server's own schemas, and those of the definitions for kinds of others: strict, nothing skipped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubeconform_finds_nothing() {
    if lacks(&[Need::Built("kubeconform")]) {
        return;
    }
    let Some(plane) = site().await else { return };
    let mut files = schema_files(&plane.client().await.unwrap()).await;
    for case in cases::all() {
        files.push(File {
            path: format!("objects/{}.yaml", case.name),
            text: yaml::render(&case.bundle()),
        });
    }
    let broken = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {port: [1]}\n";
    files.push(File {
        path: "broken.yaml".to_owned(),
        text: broken.to_owned(),
    });
    let folder = folder(&files);
    let (fine, text) = kubeconform(folder.path(), "objects");
    let count: usize = cases::all()
        .iter()
        .map(|case| case.bundle().objects().len())
        .sum();
    assert!(
        fine && text.contains(&format!("Valid: {count}, ")),
        "{count} objects: {text}"
    );
    let (fine, text) = kubeconform(folder.path(), "broken.yaml");
    assert!(
        !fine && text.contains("port"),
        "it must be able to find something: {text}"
    );
}

/// A schema for every kind, under the name that kubeconform looks for.
async fn schema_files(client: &Client) -> Vec<File> {
    let mut written = BTreeSet::new();
    let mut files = Vec::new();
    let mut add = |api_version: &str, kind: &str, schema: &Value| {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let group = group.split('.').next().filter(|group| !group.is_empty());
        let group = group.map_or_else(String::new, |group| format!("{group}-"));
        let path = format!("schemas/{}-{group}{version}.json", kind.to_lowercase());
        if written.insert(path.clone()) {
            files.push(File {
                path,
                text: schema.to_string(),
            });
        }
    };
    for definition in schemas::definitions(client).await {
        let spec = &definition["spec"];
        let api_version = format!("{}/v1", spec["group"].as_str().unwrap());
        let schema = &spec["versions"][0]["schema"]["openAPIV3Schema"];
        let mut schema = schemas::inline(schema, &json!({}), Reader::Validator);
        schema["properties"]["metadata"] = json!({"type": "object"});
        add(&api_version, spec["names"]["kind"].as_str().unwrap(), &schema);
    }
    for place in [
        "api/v1",
        "apis/apps/v1",
        "apis/batch/v1",
        "apis/policy/v1",
        "apis/networking.k8s.io/v1",
        "apis/rbac.authorization.k8s.io/v1",
        "apis/autoscaling/v2",
        "apis/admissionregistration.k8s.io/v1",
    ] {
        let components = schemas::components(client, place).await;
        for schema in components.as_object().unwrap().values() {
            for kind in schema["x-kubernetes-group-version-kind"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let text = |key: &str| kind[key].as_str().unwrap().to_owned();
                let api_version = match text("group").as_str() {
                    "" => text("version"),
                    group => format!("{group}/{}", text("version")),
                };
                add(
                    &api_version,
                    &text("kind"),
                    &schemas::inline(schema, &components, Reader::Validator),
                );
            }
        }
    }
    files
}

/// Whether it finds nothing wrong with a file or folder, and what it says.
fn kubeconform(folder: &Path, what: &str) -> (bool, String) {
    let place = folder.join("schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json");
    let mut command = Command::new(programs::kubernetes("kubeconform").unwrap());
    command
        .args(["-strict", "-summary", "-schema-location"])
        .arg(place)
        .arg(folder.join(what));
    let output = command.output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
    )
}
