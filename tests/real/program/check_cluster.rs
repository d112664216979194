//! `mqtt-kube check --cluster` asks a real API server.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mqttkube_tests::process::free_port;
use mqttkube_tests::skip::{Need, lacks};
use tempfile::TempDir;

use super::start;
use crate::api_server::shared;

const KNOWN: &str = "
bindings:
  - {resource: Deployment, name: web, patch: {topic: web/size, locus: spec.replicas, type: int}}
  - {resource: apiextensions.k8s.io/v1/CustomResourceDefinition, name: a.b, watch: {topic: a, locus: spec.group}}
";

const UNKNOWN: &str = "
bindings:
  - {resource: Deployment, name: web, watch: {topic: web/size, locus: spec.replicas}}
  - {resource: nowhere.example.com/v1/Boiler, name: attic, watch: {topic: heat, locus: spec.target}}
  - {resource: other.example.com/v1/Stove, name: attic, watch: {topic: fire, locus: spec.target}}
";

/// Exit status and output.
async fn check(config: &str, kubeconfig: &Path) -> (Option<i32>, String) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("home.yaml"), config).unwrap();
    let mut program = start(&["check", "--cluster", "home.yaml"], kubeconfig, folder.path());
    let ended = program.ended(Duration::from_secs(20)).await.unwrap();
    (ended.code(), program.output())
}

#[tokio::test]
async fn kinds_that_the_api_server_has_are_fine() {
    if lacks(&[Need::ApiServer]) {
        return;
    }
    let (code, told) = check(KNOWN, &shared().await.kubeconfig()).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("home.yaml: fine: 2 bindings"), "{told}");
}

#[tokio::test]
async fn every_kind_that_it_lacks_is_named_where_it_is_bound() {
    if lacks(&[Need::ApiServer]) {
        return;
    }
    let (code, told) = check(UNKNOWN, &shared().await.kubeconfig()).await;
    assert_eq!(code, Some(2), "{told}");
    for line in [
        "home.yaml:4:5: error: the API server does not know the kind nowhere.example.com/v1/Boiler",
        "home.yaml:5:5: error: the API server does not know the kind other.example.com/v1/Stove",
        "home.yaml: 2 errors",
    ] {
        assert!(told.contains(line), "{line} is missing in:\n{told}");
    }
}

#[tokio::test]
async fn an_api_server_out_of_reach_is_a_failure_at_once_and_not_a_bad_file() {
    if lacks(&[Need::ApiServer]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let text = fs::read_to_string(shared().await.kubeconfig()).unwrap();
    let server = text.lines().find(|line| line.contains("server:")).unwrap();
    let port = server
        .split_once("127.0.0.1:")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap();
    let nobody = text.replace(
        &format!("127.0.0.1:{port}"),
        &format!("127.0.0.1:{}", free_port()),
    );
    let kubeconfig = folder.path().join("nobody.kubeconfig");
    fs::write(&kubeconfig, nobody).unwrap();
    let began = Instant::now();
    let (code, told) = check(KNOWN, &kubeconfig).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("error: the API server cannot be asked"), "{told}");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it was asked again and again"
    );
}
