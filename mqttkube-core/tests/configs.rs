//! Configuration files: those that load, and those that say exactly why they do not.
//!
//! `broken/NAME.yaml` is a file, `broken/NAME.expected` what a person reads. `MQTTKUBE_BLESS=1` writes the latter.

use std::fs;
use std::path::{Path, PathBuf};

use mqttkube_core::config::{self, Config};
use mqttkube_mapping::yaml::Diagnostics;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs")
}

/// Loads a file the way a program does, under its bare name so that messages are the same everywhere.
fn load(path: &Path) -> Result<Config, Diagnostics> {
    let text = fs::read_to_string(path).expect("the file can be read");
    let name = path.file_name().expect("a file has a name").to_string_lossy();
    let folder = path.parent().expect("a file lies in a folder").to_string_lossy();
    config::parse(&text, &name, &folder, |section| {
        // The sections of programs are theirs to check.
        let _ = (section.get("http"), section.get("logging"));
    })
}

fn broken() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder().join("broken")).expect("the folder can be read");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// What a person reads, without the folder of this machine.
fn shown(result: Result<Config, Diagnostics>) -> String {
    let text = match result {
        Ok(config) => format!("loads\n{}", config.notes),
        Err(errors) => errors.to_string(),
    };
    let here = folder().join("broken").display().to_string();
    text.replace(&format!("{here}/"), "") + "\n"
}

#[test]
fn every_broken_file_says_exactly_what_is_wrong_with_it() {
    let bless = std::env::var_os("MQTTKUBE_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in broken() {
        let found = shown(load(&path));
        let expected = path.with_extension("expected");
        if bless {
            fs::write(&expected, &found).expect("the expectation can be written");
        }
        let expected = fs::read_to_string(expected).unwrap_or_default();
        if found != expected {
            wrong.push(format!(
                "{}\n--- expected\n{expected}--- found\n{found}",
                path.display()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} files differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Loads a good file and shows what becomes of it, one line each.
#[track_caller]
fn check(name: &str, expected: &[&str]) {
    let config = load(&folder().join(name)).expect("nothing is wrong");
    let plan = &config.plan;
    let watches = plan.watches().iter().map(|watch| {
        let namespace = watch.namespace().unwrap_or("*");
        format!(
            "watch {} in {namespace}: {:?}",
            plan.kind(watch.kind()),
            watch.scope()
        )
    });
    let filters = plan
        .filters()
        .iter()
        .map(|filter| format!("subscribe {} at {}", filter.filter(), filter.qos()));
    let found: Vec<String> = watches.chain(filters).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_media_server_and_the_job_launcher_load_as_they_are() {
    check(
        "home.yaml",
        &[
            "watch apps/v1/Deployment in media: Object(\"jellyfin\")",
            "watch batch/v1/Job in sync: Object(\"syncer\")",
            "subscribe home/jellyfin/power/set at 1",
            "subscribe home/syncer/cmd at 1",
        ],
    );
}

#[test]
fn c23_values_that_are_the_map_themselves_load() {
    check(
        "values-is-map.yaml",
        &["watch apps/v1/Deployment in media: Object(\"jellyfin\")"],
    );
}

#[test]
fn every_key_of_the_python_program_is_accepted() {
    check(
        "python.yaml",
        &[
            "watch apps/v1/Deployment in media: Object(\"jellyfin\")",
            "watch apps/v1/DaemonSet in tools: Object(\"agent\")",
            "subscribe home/jellyfin/scale at 1",
            "subscribe home/syncer/+/cmd at 1",
        ],
    );
}

#[test]
fn the_cases_of_a_file_pass_and_a_wrong_expectation_fails() {
    let config = load(&folder().join("tested.yaml")).expect("nothing is wrong");
    let reports = mqttkube_core::cases::run(&config.spec, &config.session).expect("it compiles");
    let failures: Vec<_> = reports
        .iter()
        .filter_map(|report| report.failure.as_ref())
        .collect();
    assert_eq!((reports.len(), failures.len()), (9, 0), "{failures:?}");

    let mut spec = config.spec.clone();
    for binding in &mut spec.bindings {
        binding
            .tests
            .iter_mut()
            .for_each(|case| case.expect = config::Expectation::Error("never".to_owned()));
    }
    let reports = mqttkube_core::cases::run(&spec, &config.session).expect("it compiles");
    assert!(
        reports.iter().all(|report| report.failure.is_some()),
        "{reports:?}"
    );
}
