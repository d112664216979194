//! etcd with one member, on Unix sockets: no ports to choose, and nobody else can reach it.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::child::{Process, Spec};
use super::programs::kubernetes;

const SOCKET: &str = "etcd.sock";

/// The address that kube-apiserver uses.
pub(super) fn url(folder: &Path) -> String {
    format!("unix://{}", folder.join(SOCKET).display())
}

/// Starts etcd with its data in the folder. It survives its own crash, but not that of the machine.
pub(super) fn start(folder: &Path) -> Result<Process> {
    // A socket that a killed etcd left behind cannot be bound again.
    for socket in [SOCKET, "peer.sock"] {
        let _ = std::fs::remove_file(folder.join(socket));
    }
    let path = |name: &str| folder.join(name).display().to_string();
    Spec::new(kubernetes("etcd")?, folder.join("etcd.log"))
        .args([
            "--data-dir",
            &path("etcd"),
            "--log-level",
            "warn",
            "--unsafe-no-fsync",
        ])
        .args(["--listen-client-urls", &url(folder)])
        // It insists on a host and port here, which a lone member never uses.
        .args(["--advertise-client-urls", "http://localhost:2379"])
        .args(["--listen-peer-urls", &format!("unix://{}", path("peer.sock"))])
        .start()
}

/// Compacts the whole history, through the JSON gateway of etcd.
pub(super) async fn compact(folder: &Path) -> Result<()> {
    // Any key tells the present revision; this one does not exist.
    let answer = ask(folder, "/v3/kv/range", &json!({ "key": "AA==" })).await?;
    let revision = answer
        .pointer("/header/revision")
        .context("etcd tells no revision")?;
    ask(
        folder,
        "/v3/kv/compaction",
        &json!({ "revision": revision, "physical": true }),
    )
    .await?;
    Ok(())
}

async fn ask(folder: &Path, path: &str, body: &Value) -> Result<Value> {
    let mut stream = UnixStream::connect(folder.join(SOCKET)).await?;
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("etcd answers without a head")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "etcd refuses {path}: {answer}");
    // The answer is one object, whether it comes in chunks or not.
    let object = body
        .find('{')
        .zip(body.rfind('}'))
        .context("etcd answers without a body")?;
    Ok(serde_json::from_str(&body[object.0..=object.1])?)
}
