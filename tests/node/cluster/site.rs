//! A control plane with a node and the images, and what an administrator does there.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, LogParams};
use mqttkube_tests::process::{find, image, mosquitto_image, program_image};
use mqttkube_tests::program::bin;
use mqttkube_tests::wait;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::kubernetes::{Kubernetes, SOON};

/// The image that examples/deploy names.
const IMAGE: &str = "localhost/mqtt-kube:0.1.0";
const BUSYBOX: &str = "docker.io/library/busybox:1.37";

/// Where the story takes place. When a test fails, it says how the pods were.
pub(super) struct Site {
    // Fields drop in this order: what runs needs the folder.
    kubernetes: Kubernetes,
    folder: TempDir,
}

impl Deref for Site {
    type Target = Kubernetes;

    fn deref(&self) -> &Kubernetes {
        &self.kubernetes
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut Kubernetes {
        &mut self.kubernetes
    }
}

impl Site {
    pub(super) async fn start() -> Self {
        let program = bin("mqtt-kube");
        let began = Instant::now();
        let folder = TempDir::with_prefix("cluster-").unwrap();
        std::fs::create_dir(folder.path().join("volume")).unwrap();
        let archives = [
            mosquitto_image(folder.path()).unwrap(),
            program_image(IMAGE, &program, folder.path()).unwrap(),
            busybox_image(folder.path()),
        ];
        let kubernetes = Kubernetes::start(&archives, began).await;
        let site = Self { kubernetes, folder };
        site.passed("a control plane and a node with three images");
        site
    }

    pub(super) fn volume(&self) -> PathBuf {
        self.folder.path().join("volume")
    }

    /// Applies one of the files that people copy, as it is.
    pub(super) async fn apply_example(&self, name: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/deploy");
        self.kubectl(&["apply", "-f", &file.join(name).display().to_string()])
            .await;
    }

    /// Waits until the pods of a Deployment are those of its template, and ready by their probes.
    pub(super) async fn rolled_out(&self, namespace: &str, name: &str) {
        let deployment = format!("deployment/{name}");
        self.kubectl(&[
            "-n",
            namespace,
            "rollout",
            "status",
            &deployment,
            "--timeout",
            "90s",
        ])
        .await;
    }

    /// The one pod of the program that is not about to end.
    pub(super) async fn pod(&self) -> Pod {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), "iot");
        let ours = ListParams::default().labels("app.kubernetes.io/name=mqtt-kube");
        wait::until_ok(SOON, "pod of mqtt-kube", async || {
            let pods = pods.list(&ours).await.map_err(|error| error.to_string())?;
            let mut staying = pods
                .into_iter()
                .filter(|pod| pod.metadata.deletion_timestamp.is_none());
            match (staying.next(), staying.next()) {
                (Some(pod), None) => Ok(pod),
                (first, _) => Err(format!("{} pods", if first.is_some() { "several" } else { "no" })),
            }
        })
        .await
    }

    /// Where the program answers over HTTP.
    pub(super) async fn address(&self) -> String {
        let pod = self.pod().await;
        let address = pod.status.and_then(|status| status.pod_ip).unwrap_or_default();
        format!("{address}:8080")
    }

    /// Waits until a path of the program is answered with a status code, and returns the document.
    pub(super) async fn answers(&self, path: &str, code: u16) -> Value {
        answers_at(&self.address().await, path, code).await
    }

    /// What the program has logged since its start.
    pub(super) async fn log(&self) -> String {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), "iot");
        let name = self.pod().await.metadata.name.unwrap();
        pods.logs(&name, &LogParams::default()).await.unwrap()
    }
}

/// Waits until a path is answered with a status code, and returns the document.
pub(super) async fn answers_at(address: &str, path: &str, code: u16) -> Value {
    wait::until_ok(SOON, &format!("status {code} of {path}"), async || {
        let (found, document) = ask(address, path).await?;
        if found == code {
            Ok(document)
        } else {
            Err(format!("{found}: {document}"))
        }
    })
    .await
}

/// The status code and the document.
async fn ask(address: &str, path: &str) -> Result<(u16, Value), String> {
    let done = Command::new("curl")
        .args(["-s", "-m", "6", "--noproxy", "*", "-w", "%{http_code}"])
        .arg(format!("http://{address}{path}"))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let answer = String::from_utf8_lossy(&done.stdout).into_owned();
    let (document, code) = answer
        .split_at_checked(answer.len().saturating_sub(3))
        .ok_or("no status code")?;
    let document = serde_json::from_str(document).map_err(|error| format!("{answer}: {error}"))?;
    Ok((code.parse().map_err(|_| answer.clone())?, document))
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for args in [
            &["get", "pods", "-A", "-o", "wide"][..],
            &["get", "events", "-A", "--field-selector", "type=Warning"],
            &["-n", "iot", "logs", "deployment/mqtt-kube", "--tail", "40"],
        ] {
            self.show(args);
        }
    }
}

/// A shell and what scripts call, for pods that only have to be there.
fn busybox_image(folder: &Path) -> PathBuf {
    let root = folder.join("busybox/bin");
    std::fs::create_dir_all(&root).unwrap();
    std::fs::copy(find("busybox").unwrap(), root.join("busybox")).unwrap();
    for applet in ["sh", "sleep", "echo"] {
        std::os::unix::fs::symlink("busybox", root.join(applet)).unwrap();
    }
    let archive = folder.join("busybox.tar");
    image(BUSYBOX, "65532", &folder.join("busybox"), &archive, &["/bin/sh"]).unwrap();
    archive
}
