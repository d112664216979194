//! `mqtt-kube explain` and `mqtt-kube test` as people and programs call them.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn mqtt_kube(args: &[&str]) -> Output {
    let configs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../mqttkube-core/tests/configs");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-kube"));
    command
        .args(args)
        .current_dir(configs)
        .output()
        .expect("the program starts")
}

#[track_caller]
fn check(args: &[&str], status: i32, out: &str) {
    let output = mqtt_kube(args);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        out,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(status));
}

#[test]
fn the_shape_for_programs_is_stable() {
    let args = [
        "explain",
        "home.yaml",
        "--topic",
        "home/jellyfin/power/set",
        "--payload",
        "OFF",
        "--output",
        "json",
    ];
    let output = mqtt_kube(&args);
    let found: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let step = |source: &str, output: Value, matched: bool, why: &str| json!({"step": "map", "source": source, "input": "OFF", "output": output, "matched": matched, "why": why});
    let expected = json!({"items": [{
        "binding": "media/Deployment/jellyfin", "item": "patch", "index": 0, "at": "home.yaml:19:9",
        "steps": [
            step("ON", Value::Null, false, "the value differs from the key"),
            step("OFF", json!(0), true, "the value equals the key"),
        ],
        "outcome": "patch", "value": 0,
        "request": {
            "verb": "patch", "resource": "apps/v1/deployments", "subresource": "scale", "namespace": "media",
            "name": "jellyfin", "content_type": "application/merge-patch+json", "body": {"spec": {"replicas": 0}},
        },
        "error": null,
    }]});
    assert_eq!(found, expected);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_retained_command_is_ignored_and_an_unknown_payload_is_a_miss() {
    let command = [
        "explain",
        "home.yaml",
        "--output",
        "json",
        "--topic",
        "home/jellyfin/power/set",
        "--payload",
    ];
    for (more, outcome) in [(&["ON", "--retained"][..], "ignored"), (&["DIM"][..], "miss")] {
        let output = mqtt_kube(&[&command[..], more].concat());
        let found: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!(found["items"][0]["outcome"], outcome, "{found}");
        assert!(found["items"][0].get("request").is_none(), "{found}");
    }
}

#[test]
fn an_object_is_explained_for_people() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("object.yaml");
    let object = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: jellyfin, namespace: media}, \
                  status: {availableReplicas: 1}}";
    std::fs::write(&path, object).expect("the file can be written");
    let path = path.display().to_string();
    let head = "media/Deployment/jellyfin watch[0]  (home.yaml:26:9)\n";
    let mapped = "  yes map       \"1\": 1 -> \"ON\"  (the value equals the key)\n";
    let on = "  => publish \"ON\" on home/jellyfin/power/state (QoS 1, retained)\n";
    check(
        &["explain", "home.yaml", "--object", &path],
        0,
        &format!("{head}{mapped}{on}"),
    );
    let empty = "  => publish an empty payload on home/jellyfin/power/state (QoS 1, retained)\n";
    check(
        &["explain", "home.yaml", "--object", &path, "--deleted"],
        0,
        &format!("{head}{empty}"),
    );
}

#[test]
fn what_depends_on_the_object_says_so_when_there_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("image.yaml");
    let file = "bindings: [{namespace: media, resource: Deployment, name: jellyfin, \
                patch: {topic: image, locus: \"spec.template.spec.containers[?@.name=='web'].image\"}}]";
    std::fs::write(&path, file).expect("the file can be written");
    let output = mqtt_kube(&[
        "explain",
        &path.display().to_string(),
        "--topic",
        "image",
        "--payload",
        "a:2",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.ends_with("; this depends on the present object, and none was given\n"),
        "{text}"
    );
}

#[test]
fn a_topic_of_nobody_concerns_no_item() {
    check(
        &["explain", "home.yaml", "--topic", "home/nobody", "--payload", "x"],
        0,
        "no item of any binding is concerned\n",
    );
}

#[test]
fn cases_of_files_are_run_and_counted() {
    let output = mqtt_kube(&["test", "tested.yaml"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.ends_with("tested.yaml: 9 passed, 0 failed\n"), "{text}");
    assert_eq!(output.status.code(), Some(0));
    let none = "home.yaml: no cases; write them under `tests` in a binding\n";
    check(&["test", "home.yaml"], 0, none);
}

#[test]
fn nothing_starts_when_the_configuration_is_wrong() {
    let bad = "broken/unknown_key_binding.yaml";
    for args in [
        &["test", bad][..],
        &["explain", bad, "--topic", "a", "--payload", "b"],
    ] {
        let output = mqtt_kube(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            error.contains("unknown key \"wathc\" in a binding; did you mean \"watch\"?"),
            "{args:?}: {error}"
        );
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}
