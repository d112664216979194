//! The walls of the house: which crate may use which, which package stays behind which fence, and the
//! few sizes that are kept by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Library crate -> the crates of this workspace that it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("mqttkube-mapping", &[]),
    ("mqttkube-mqtt", &["mqttkube-mapping"]),
    ("mqttkube-mosquitto", &["mqttkube-mapping"]),
    ("mqttkube-core", &["mqttkube-mapping", "mqttkube-mqtt"]),
    (
        "mqttkube-bridge",
        &["mqttkube-mapping", "mqttkube-mosquitto", "mqttkube-mqtt"],
    ),
    ("mqttkube-manifests", &["mqttkube-mosquitto"]),
];

/// Package -> the library crates that may use it. `examples` and `tests` are free.
const FENCES: &[(&str, &[&str])] = &[
    ("granit-parser", &["mqttkube-mapping"]),
    ("jsonpath-rust", &["mqttkube-mapping"]),
    ("minijinja", &["mqttkube-mapping"]),
    ("regex", &["mqttkube-mapping"]),
    ("rumqttc", &["mqttkube-mqtt"]),
    ("rustls", &["mqttkube-mqtt", "mqttkube-core"]),
    ("kube", &["mqttkube-core", "mqttkube-manifests"]),
    ("k8s-openapi", &["mqttkube-core", "mqttkube-manifests"]),
    (
        "tokio",
        &[
            "mqttkube-mqtt",
            "mqttkube-core",
            "mqttkube-bridge",
            "mqttkube-manifests",
        ],
    ),
    (
        "ring",
        &[
            "mqttkube-mqtt",
            "mqttkube-bridge",
            "mqttkube-mosquitto",
            "mqttkube-manifests",
        ],
    ),
    ("serde-saphyr", &["mqttkube-manifests"]),
    ("anyhow", &[]),
    ("clap", &[]),
    ("hyper", &[]),
    ("mqtt5", &[]),
    ("tracing-subscriber", &[]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in the workspace")
        .to_owned()
}

fn packages() -> BTreeMap<String, Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo metadata starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages is a list");
    packages
        .iter()
        .map(|package| (text(package, "name"), package.clone()))
        .collect()
}

fn text(value: &Value, key: &str) -> String {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is text"))
        .to_owned()
}

/// The dependencies of one package that end up in what people link: neither dev nor build.
fn linked(package: &Value) -> impl Iterator<Item = &Value> {
    let all = package["dependencies"]
        .as_array()
        .expect("dependencies is a list");
    all.iter().filter(|dependency| dependency["kind"].is_null())
}

fn libraries() -> BTreeMap<String, Value> {
    let names: BTreeSet<_> = ARROWS.iter().map(|(name, _)| *name).collect();
    packages()
        .into_iter()
        .filter(|(name, _)| names.contains(name.as_str()))
        .collect()
}

#[test]
fn crates_use_each_other_only_along_the_arrows() {
    let libraries = libraries();
    for (name, allowed) in ARROWS {
        let package = libraries
            .get(*name)
            .unwrap_or_else(|| panic!("{name} is a member"));
        for dependency in linked(package).map(|dependency| text(dependency, "name")) {
            let ours = dependency.starts_with("mqttkube-");
            assert!(
                !ours || allowed.contains(&dependency.as_str()),
                "{name} must not use {dependency}"
            );
        }
    }
}

#[test]
fn packages_stay_behind_their_fences() {
    for (name, package) in libraries() {
        for dependency in linked(&package).map(|dependency| text(dependency, "name")) {
            let fence = FENCES.iter().find(|(fenced, _)| *fenced == dependency);
            let inside = fence.is_none_or(|(_, allowed)| allowed.contains(&name.as_str()));
            assert!(inside, "{dependency} must not be used by {name}");
        }
    }
}

#[test]
fn libraries_enable_no_version_of_kubernetes() {
    for (name, package) in libraries() {
        for dependency in linked(&package).filter(|dependency| text(dependency, "name") == "k8s-openapi") {
            assert_eq!(
                dependency["features"],
                serde_json::json!([]),
                "{name} chooses a version for its users"
            );
        }
    }
}

#[test]
fn kube_and_tokio_are_optional_in_manifests() {
    let package = &libraries()["mqttkube-manifests"];
    for dependency in linked(package) {
        let io = matches!(text(dependency, "name").as_str(), "kube" | "tokio");
        assert!(
            !io || dependency["optional"] == true,
            "only the feature `apply` may do IO"
        );
    }
}

#[test]
fn the_ground_floor_names_no_clock_no_files_and_no_environment() {
    const FORBIDDEN: &[&str] = &[
        "std::fs",
        "std::env",
        "std::net",
        "std::thread",
        "SystemTime::now",
        "Instant::now",
        "std::process",
    ];
    for name in ["mqttkube-mapping", "mqttkube-mosquitto"] {
        for file in rust_files(&root().join(name).join("src")) {
            let source = std::fs::read_to_string(&file).expect("a source file can be read");
            for word in FORBIDDEN {
                assert!(!source.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

#[test]
fn source_files_stay_short_enough_to_read() {
    const LIMIT: usize = 600;
    for name in packages().keys() {
        let folder = if name == "mqttkube-tests" {
            "tests"
        } else {
            name.as_str()
        };
        for file in rust_files(&root().join(folder)) {
            let lines = std::fs::read_to_string(&file)
                .expect("a source file can be read")
                .lines()
                .count();
            assert!(
                lines <= LIMIT,
                "{} has {lines} lines: two ideas live in it",
                file.display()
            );
        }
    }
}

#[test]
fn the_minimum_rust_version_is_said_alike_everywhere() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    for (name, package) in packages() {
        let version = text(&package, "rust_version");
        assert!(
            readme.contains(&format!("Rust {version}")),
            "{name} needs {version}, the README says otherwise"
        );
    }
}

/// Every ignored advisory says until when, as `until YYYY-MM-DD`, and that day has not passed.
#[test]
fn no_exception_for_an_advisory_has_expired() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).expect("there is a deny.toml");
    let today = Command::new("date")
        .args(["-u", "+%Y-%m-%d"])
        .output()
        .expect("date runs")
        .stdout;
    let today = String::from_utf8(today).expect("a date is text");
    for line in deny.lines().filter(|line| line.contains("RUSTSEC-")) {
        let until = line
            .split("until ")
            .nth(1)
            .unwrap_or_else(|| panic!("no date in: {line}"));
        assert!(until[..10] >= *today.trim(), "an exception has expired: {line}");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.expect("a folder can be read").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "target" {
            found.extend(rust_files(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found
}
