//! The thin programs of `examples/examples`, one per scenario: each prints objects that the check accepts.
#![allow(
    dead_code,
    reason = "the programs have a main function that is not called here"
)]

#[path = "../examples/binding-service.rs"]
mod binding_service;
#[path = "../examples/cedalo.rs"]
mod cedalo;
#[path = "../examples/cloud-bridge-relay.rs"]
mod cloud_bridge_relay;
#[path = "../examples/cloud-bridge-sidecar.rs"]
mod cloud_bridge_sidecar;
#[path = "../examples/hub-and-spoke.rs"]
mod hub_and_spoke;
#[path = "../examples/node-port.rs"]
mod node_port;
#[path = "../examples/openshift.rs"]
mod openshift;

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::scenario;
use mqttkube_mapping::yaml::{Loader, Schema};

/// Checks that a program prints objects of these kinds among others, as many workloads, and nothing that is wrong.
fn check(printed: anyhow::Result<String>, kinds: &[&str], workloads: usize) {
    let text = printed.expect("the program succeeds");
    let loader = Loader::new("printed.yaml", "").schema(Schema::Kubectl);
    let mut bundle = Bundle::new();
    for document in loader.parse_all(&text).expect("it is YAML") {
        let object = document.root().to_json().expect("it has no tags");
        bundle.add_value(object).expect("it is an object of its own");
    }
    let report = bundle.check();
    assert_eq!(report.errors().count(), 0, "{report}");
    let found: Vec<_> = bundle.objects().iter().map(|object| object.kind()).collect();
    for kind in kinds {
        assert!(found.contains(kind), "{kind} is not among {found:?}");
    }
    let pods = found
        .iter()
        .filter(|kind| ["Deployment", "StatefulSet"].contains(*kind));
    assert_eq!(pods.count(), workloads);
    for secret in ["long random word", "PRIVATE KEY"] {
        assert!(!text.contains(secret), "a secret is printed");
    }
}

/// They are meant to be read at one sight.
#[test]
fn every_program_has_at_most_80_lines_and_is_tested_here() {
    let here = include_str!("scenario_programs.rs");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut programs = 0;
    for entry in std::fs::read_dir(folder).expect("there are programs") {
        let path = entry.expect("it can be read").path();
        let lines = std::fs::read_to_string(&path)
            .expect("it is text")
            .lines()
            .count();
        assert!(lines <= 80, "{} has {lines} lines", path.display());
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(
            here.contains(&format!("../examples/{name}")),
            "{name} is not tested"
        );
        programs += 1;
    }
    assert_eq!(programs, 7);
}

#[test]
fn a_broker_behind_a_node_port() {
    check(
        node_port::manifests(),
        &["Namespace", "Certificate", "NetworkPolicy"],
        1,
    );
}

#[test]
fn a_broker_for_openshift() {
    check(openshift::manifests(), &["Route", "Certificate"], 1);
}

#[test]
fn a_cloud_bridge_with_a_refresher() {
    check(cloud_bridge_sidecar::manifests(), &["ConfigMap", "Secret"], 1);
}

#[test]
fn a_relay_for_two_environments() {
    let of = cloud_bridge_relay::manifests;
    check(of("staging"), &["PersistentVolumeClaim"], 1);
    assert_ne!(
        of("staging").expect("it is known"),
        of("production").expect("it is known")
    );
    let error = of("elsewhere").expect_err("it is not known").to_string();
    assert_eq!(
        error,
        "there is no environment elsewhere; there are staging and production"
    );
}

#[test]
fn the_binding_service() {
    check(
        binding_service::manifests(),
        &["Role", "RoleBinding", "ServiceAccount"],
        1,
    );
}

#[test]
fn a_hub_and_spokes() {
    check(
        hub_and_spoke::manifests(),
        &["StatefulSet", "PodDisruptionBudget"],
        3,
    );
}

#[test]
fn a_cluster_of_cedalo() {
    check(
        cedalo::manifests(),
        &["StatefulSet", "Deployment", "NetworkPolicy"],
        3,
    );
}

/// Writes files to a folder and has a program check the first one.
fn assert_checked(program: &str, files: &[(String, String)]) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("it can be written");
    }
    let output = std::process::Command::new(program)
        .arg("check")
        .arg(folder.path().join(&files[0].0))
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{}", files[0].1);
}

#[test]
fn the_configuration_in_the_bundles_is_what_the_programs_read() {
    let service = scenario::binding_service::sample_inputs();
    let files: Vec<_> = service
        .files
        .iter()
        .map(|(name, text)| (name.to_string(), text.clone()))
        .collect();
    assert_checked(env!("CARGO_BIN_EXE_mqtt-kube"), &files);
    for bridge in [
        scenario::cloud_bridge::sample_relay_inputs(),
        scenario::cloud_bridge::sample_sidecar_inputs(),
    ] {
        let file = ("bridge.yaml".to_owned(), bridge.config());
        assert_checked(env!("CARGO_BIN_EXE_cloud-bridge"), &[file]);
    }
}
