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
