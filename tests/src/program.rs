//! The programs of this workspace, as child processes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::process::Spec;

/// The path of a program of this workspace, built with the profile of the running tests. The folder that
/// `MQTTKUBE_BIN` names comes first, for runs against a release build.
///
/// # Panics
/// When it cannot be built.
pub fn bin(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    if let Some(program) = given(name) {
        return program;
    }
    // The lock is held while cargo builds, so that one test binary builds a program once.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built
        .entry(name.to_owned())
        .or_insert_with(|| {
            let folder = profile_folder();
            let options: &[_] = if folder.ends_with("release") {
                &["--release"]
            } else {
                &[]
            };
            build(name, &folder, options)
        })
        .clone()
}

/// The path of a program as people install it who want nothing but its work: a release build without the
/// features that its package has by default. The folder that `MQTTKUBE_BIN` names comes first.
///
/// # Panics
/// When it cannot be built.
pub fn release(name: &str) -> PathBuf {
    given(name).unwrap_or_else(|| {
        let folder = profile_folder().with_file_name("release");
        build(name, &folder, &["--release", "--no-default-features"])
    })
}

fn given(name: &str) -> Option<PathBuf> {
    Some(Path::new(&std::env::var_os("MQTTKUBE_BIN")?).join(name))
}

/// A program of this workspace, with its output in the file `log`.
///
/// # Panics
/// When it cannot be built.
pub fn spec(name: &str, log: impl Into<PathBuf>) -> Spec {
    Spec::new(bin(name), log)
}

/// Asks a program on 127.0.0.1 for an HTTP resource: status and JSON document, `None` when nobody answers.
pub async fn get(port: u16, path: &str) -> Option<(u16, Value)> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    tokio::spawn(connection);
    let request = http::Request::get(path).body(Empty::<bytes::Bytes>::new()).ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    Some((status, serde_json::from_slice(&body).ok()?))
}

/// Builds a program, with further options for cargo, into the folder of its profile.
fn build(name: &str, folder: &Path, options: &[&str]) -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "build",
        "--quiet",
        "--package",
        "mqttkube-examples",
        "--bin",
        name,
    ]);
    cargo.current_dir(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the package lies in the workspace"),
    );
    cargo.args(options);
    if let Some(target) = folder.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    let output = cargo.output().expect("cargo starts");
    assert!(
        output.status.success(),
        "{name} does not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder.join(name)
}

/// `target/debug` or `target/release`: two levels above the running test binary.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the test binary knows its place");
    let folder = test
        .ancestors()
        .find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    folder.expect("tests run from a target folder").to_owned()
}
