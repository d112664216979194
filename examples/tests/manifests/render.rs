//! `scenario`, `render`, `tree` and `migrate`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::{run, text};

/// The names of all scenarios.
fn scenarios() -> Vec<String> {
    let list = run(Path::new("/"), &["scenario", "--list"], "");
    let names = text(&list.stdout);
    let names: Vec<String> = names
        .lines()
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(names.len() >= 7, "{names:?}");
    names
}

/// A folder with the starting SPEC of a scenario in it.
fn start(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = run(folder.path(), &["scenario", name], "");
    assert!(text(&spec.stdout).starts_with("# "), "{name}");
    fs::write(folder.path().join("spec.yaml"), spec.stdout).expect("a file");
    folder
}

#[track_caller]
fn good(output: &Output) {
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

/// Every file below a folder with its content, by path.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .expect("it is below")
                    .display()
                    .to_string();
                found.push((name, fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_scenario_renders_in_all_formats_and_checks_clean() {
    for name in scenarios() {
        let folder = start(&name);
        let folder = folder.path();
        good(&run(folder, &["check", "spec.yaml"], ""));
        let rendered = run(folder, &["render", "spec.yaml"], "");
        good(&rendered);
        good(&run(folder, &["check", "-"], &text(&rendered.stdout)));
        for format in ["yaml", "kustomize", "helm"] {
            let args = ["render", "spec.yaml", "--format", format, "--out", format];
            good(&run(folder, &args, ""));
            let first = files(&folder.join(format));
            assert!(first.len() >= 2, "{name} {format}: {first:?}");
            good(&run(folder, &args, ""));
            assert_eq!(
                files(&folder.join(format)),
                first,
                "{name} {format}: a second run changes nothing"
            );
        }
        let flat = fs::read_to_string(folder.join("yaml/manifests.yaml")).expect("a file");
        assert_eq!(flat, text(&rendered.stdout), "{name}");
        good(&run(folder, &["tree", "spec.yaml"], ""));
    }
}

/// Real kubectl and helm, where there are any: the same objects in all formats.
#[test]
fn kubectl_builds_what_is_rendered_for_kustomize() {
    let kubectl = Path::new("/usr/bin/kubectl");
    let kubectl = if kubectl.exists() {
        kubectl
    } else {
        Path::new("/usr/local/bin/kubectl")
    };
    if !kubectl.exists() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "this test needs kubectl"
        );
        println!("skipped: kubectl_builds_what_is_rendered_for_kustomize: kubectl is not installed");
        return;
    }
    for (name, overlay) in [("node-port", "base"), ("cloud-bridge-relay", "overlays/staging")] {
        let folder = start(name);
        let folder = folder.path();
        good(&run(
            folder,
            &["render", "spec.yaml", "--format", "kustomize", "--out", "k"],
            "",
        ));
        let built = Command::new(kubectl)
            .args(["kustomize", &format!("k/{overlay}")])
            .current_dir(folder)
            .output()
            .expect("kubectl starts");
        good(&built);
        let args: &[&str] = match overlay {
            "base" => &["render", "spec.yaml"],
            _ => &["render", "spec.yaml", "--overlay", "staging"],
        };
        let flat = run(folder, args, "");
        let objects = |text: &str| {
            let loader = mqttkube_mapping::yaml::Loader::new("rendered", "");
            let trees = loader
                .schema(mqttkube_mapping::yaml::Schema::Kubectl)
                .parse_all(text)
                .expect("it is YAML");
            let mut all: Vec<String> = trees
                .iter()
                .map(|tree| sorted(tree.root().to_json().expect("keys are text")).to_string())
                .collect();
            all.sort();
            all
        };
        assert_eq!(
            objects(&text(&built.stdout)),
            objects(&text(&flat.stdout)),
            "{name}"
        );
        assert!(!flat.stdout.is_empty());
    }
}

/// The same value with its keys in order.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[test]
fn values_are_changed_on_the_command_line_and_by_overlays() {
    let folder = start("cloud-bridge-relay");
    let rendered = |args: &[&str]| {
        let output = run(folder.path(), &[&["render", "spec.yaml"], args].concat(), "");
        good(&output);
        text(&output.stdout)
    };
    assert!(rendered(&[]).contains("storage: 1Gi"));
    assert!(rendered(&["--set", "outbox=7Gi"]).contains("storage: 7Gi"));
    let staging = rendered(&["--overlay", "staging", "--set", "broker.host=other"]);
    assert!(
        staging.contains("bridge-staging")
            && staging.contains("other")
            && !staging.contains("device: \"bridge\"")
    );
    let wrong = run(
        folder.path(),
        &["render", "spec.yaml", "--overlay", "stagign"],
        "",
    );
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("did you mean \"staging\"?"),
        "{}",
        text(&wrong.stderr)
    );
}

#[test]
fn a_folder_is_replaced_whole_and_never_when_it_holds_other_files() {
    let folder = start("node-port");
    let folder = folder.path();
    let render = |more: &[&str]| {
        run(
            folder,
            &[&["render", "spec.yaml", "--out", "out"], more].concat(),
            "",
        )
    };
    good(&render(&[]));
    let before = files(&folder.join("out"));
    // Broken by a change of the command line: the folder is as it was.
    let broken = render(&["--set", "persistence.size=much"]);
    assert_eq!(broken.status.code(), Some(2), "{}", text(&broken.stderr));
    assert_eq!(files(&folder.join("out")), before);
    good(&render(&["--set", "persistence.size=7Gi"]));
    assert_ne!(files(&folder.join("out")), before);
    fs::write(folder.join("out/mine.yaml"), "mine").expect("a file");
    let refused = render(&[]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.contains("files that were not made here: mine.yaml"),
        "{said}"
    );
    assert!(folder.join("out/mine.yaml").exists());
    good(&render(&["--replace"]));
    assert_eq!(files(&folder.join("out")), before);
    let left: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(left.len(), 2, "nothing is left beside the folder: {left:?}");
}

#[test]
fn passwords_are_read_while_rendering_and_only_their_hash_is_written() {
    let folder = start("node-port");
    let folder = folder.path();
    let spec = fs::read_to_string(folder.join("spec.yaml")).expect("a file");
    let spec = spec.replace("{secret: mosquitto-users, key: home}", "{file: home.password}");
    let spec = spec.replace("auth:\n", "auth:\n  salt-key: {file: salt}\n");
    fs::write(folder.join("spec.yaml"), &spec).expect("a file");
    fs::write(folder.join("salt"), "a secret that stays here").expect("a file");
    fs::write(folder.join("home.password"), "swordfish\n").expect("a file");
    let first = run(folder, &["render", "spec.yaml"], "");
    good(&first);
    assert!(!text(&first.stdout).contains("swordfish") && !text(&first.stderr).contains("swordfish"));
    let again = run(folder, &["render", "spec.yaml"], "");
    assert_eq!(
        text(&first.stdout),
        text(&again.stdout),
        "the salt does not change"
    );
    // `check` needs no secret.
    fs::remove_file(folder.join("home.password")).expect("it is there");
    good(&run(folder, &["check", "spec.yaml"], ""));
    assert_eq!(run(folder, &["render", "spec.yaml"], "").status.code(), Some(2));
}

#[test]
fn an_error_of_the_check_is_overridden_with_a_reason_that_is_written_down() {
    let folder = start("node-port");
    let floating = "image=eclipse-mosquitto:latest";
    let warned = run(folder.path(), &["render", "spec.yaml", "--set", floating], "");
    good(&warned);
    assert!(text(&warned.stderr).contains("MK702"), "{}", text(&warned.stderr));
    let args = ["render", "spec.yaml", "--unverified", "a test of what is written"];
    let output = run(folder.path(), &args, "");
    good(&output);
    assert!(text(&output.stdout).contains("a test of what is written"));
}

#[test]
fn old_manifests_are_led_to_new_ones() {
    let old = "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: mqtt, namespace: mqtt}\nspec:\n  template:\n    \
               metadata: {labels: {app: mqtt}}\n    spec:\n      containers:\n        - {name: mqtt, image: \
               eclipse-mosquitto:1.6}\n";
    let output = run(Path::new("/"), &["migrate", "-"], old);
    good(&output);
    let new = text(&output.stdout);
    assert!(
        new.starts_with("apiVersion: apps/v1\nkind: Deployment\n") && new.contains("matchLabels:"),
        "{new}"
    );
    let said = text(&output.stderr);
    assert!(said.contains("extensions/v1beta1 becomes apps/v1"), "{said}");
    let broken = run(Path::new("/"), &["migrate", "-"], "kind: Deployment\n");
    assert_eq!((broken.status.code(), broken.stdout.len()), (Some(2), 0));
}
