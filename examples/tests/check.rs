//! `mqtt-kube check` as people and programs call it.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn configs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../mqttkube-core/tests/configs")
}

fn mqtt_kube(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-kube"));
    command
        .args(args)
        .current_dir(configs())
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn check(args: &[&str], status: i32, out: &str) {
    let output = mqtt_kube(args);
    assert_eq!(text(&output.stdout), out, "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(status));
}

#[test]
fn a_good_file_is_fine() {
    check(
        &["check", "home.yaml"],
        0,
        "home.yaml: fine: 2 bindings, 2 watches, 2 subscriptions\n",
    );
}

#[test]
fn every_mistake_of_every_file_is_shown_and_the_status_is_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.yaml");
    let bad = "http: {prot: 1, bind: 'localhost:80', max-connections: many}\n\
               logging: {level: VERBOSE, format: xml, levle: INFO}\n\
               bindings:\n  - {namespace: media, resource: Deploymnt, name: x}\n";
    std::fs::write(&path, bad).expect("the file can be written");
    let name = path.display().to_string();
    let expected = [
        format!("{name}:1:8: error: unknown key \"prot\" in the section http; did you mean \"port\"?"),
        format!(
            "{name}:1:23: error: \"localhost:80\" is not an address to listen on; write an address such as 0.0.0.0, \
             and the port under `port`"
        ),
        format!("{name}:1:56: error: expected a whole number, found text"),
        format!(
            "{name}:2:18: error: unknown log level \"VERBOSE\"; it is one of DEBUG, INFO, WARNING, WARN and ERROR"
        ),
        format!("{name}:2:35: error: unknown value \"xml\"; it is one of text, json"),
        format!("{name}:2:40: error: unknown key \"levle\" in the section logging; did you mean \"level\"?"),
        format!("{name}:4:34: error: unknown kind \"Deploymnt\"; did you mean \"apps/v1/Deployment\"?"),
        format!("{name}: 7 errors"),
        "home.yaml: fine: 2 bindings, 2 watches, 2 subscriptions\n".to_owned(),
    ];
    check(&["check", &name, "home.yaml"], 2, &expected.join("\n"));
}

#[test]
fn programs_read_the_result_as_json() {
    let output = mqtt_kube(&[
        "check",
        "--output",
        "json",
        "broken/unknown_key_binding.yaml",
        "values-is-map.yaml",
    ]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let expected = json!({
        "ok": false,
        "files": [
            {"file": "broken/unknown_key_binding.yaml", "ok": false, "diagnostics": [{
                "file": "broken/unknown_key_binding.yaml", "line": 5, "column": 5, "severity": "error",
                "message": "unknown key \"wathc\" in a binding", "help": "did you mean \"watch\"?",
                "path": "bindings[0].wathc",
            }]},
            {"file": "values-is-map.yaml", "ok": true, "diagnostics": [],
             "summary": {"bindings": 1, "watches": 1, "subscriptions": 0}},
        ],
    });
    assert_eq!(report, expected);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_missing_file_and_wrong_usage_are_status_2() {
    check(
        &["check", "no-such.yaml"],
        2,
        "no-such.yaml:1:1: error: the file cannot be read: No such file or directory (os error 2)\nno-such.yaml: 1 error\n",
    );
    assert_eq!(mqtt_kube(&["check"]).status.code(), Some(2));
    assert_eq!(mqtt_kube(&["chekc"]).status.code(), Some(2));
    assert_eq!(mqtt_kube(&[]).status.code(), Some(2));
}

#[test]
fn help_names_every_command() {
    let output = mqtt_kube(&["--help"]);
    let help = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(help.contains("check") && help.contains("Exit status"), "{help}");
}
