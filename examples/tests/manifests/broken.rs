//! Broken SPEC files: what a person reads, and that nothing is written.
//!
//! `broken/NAME.yaml` is a file, `broken/NAME.expected` what is said about it. `MQTTKUBE_BLESS=1` writes the latter.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{run, text};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests/broken")
}

#[test]
fn every_mistake_has_its_place_and_nothing_is_written() {
    let bless = std::env::var_os("MQTTKUBE_BLESS").is_some();
    let out = tempfile::tempdir().expect("a folder");
    let out = out.path().join("out").display().to_string();
    let files = fs::read_dir(folder()).expect("a folder");
    let mut names: Vec<String> = files
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 40, "{}", names.len());
    let mut wrong = Vec::new();
    for name in names {
        let output = run(&folder(), &["render", &name, "--out", &out], "");
        let found = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {found}");
        assert!(output.stdout.is_empty() && !Path::new(&out).exists(), "{name}");
        assert!(!found.contains("swordfish"), "{name}: {found}");
        assert!(found.starts_with(&format!("{name}:")), "{name}: {found}");
        let expected = folder().join(&name).with_extension("expected");
        if bless {
            fs::write(&expected, &found).expect("the expectation can be written");
        }
        if found != fs::read_to_string(&expected).unwrap_or_default() {
            wrong.push(format!("{name}:\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same places are found when values were changed on the command line, and the change is named when it is to blame.
#[test]
fn changes_do_not_move_mistakes() {
    for (name, set, expected) in [
        (
            "port_zero.yaml",
            "persistence.size=1Gi",
            "port_zero.yaml:7:24: error: `0` is no port; write 1 to 65535\n1 error, nothing is written\n",
        ),
        (
            "unknown_key_listener.yaml",
            "persistence.size=1Gi",
            "unknown_key_listener.yaml:7:5: error: missing key \"port\" in a listener\n\
             unknown_key_listener.yaml:7:18: error: unknown key \"prot\" in a listener; did you mean \"port\"?\n\
             2 errors, nothing is written\n",
        ),
        (
            "port_zero.yaml",
            "listeners[0].port=many",
            "--set listeners[0].port=many:1:1: error: expected a whole number, found text\n1 error, nothing is written\n",
        ),
        (
            "port_zero.yaml",
            "listeners[3].port=1",
            "--set listeners[3].port=1:1:1: error: there is no element [3]: the list has 1\n1 error, nothing is written\n",
        ),
    ] {
        let output = run(&folder(), &["render", name, "--set", set], "");
        assert_eq!(text(&output.stderr), expected, "{name} {set}");
    }
}
