//! A cluster with a node, volumes and images, and what an administrator does there.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Instant;

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::Api;
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::program::bin;
use mqttkube_tests::wait;
use tempfile::TempDir;

use super::images;
use crate::kubernetes::{Kubernetes, SOON, run};

/// What all pods of rendered objects bear.
pub(super) const OURS: &str = "app.kubernetes.io/managed-by=mqttkube";
/// Volumes that lie ready: one for each claim of the tests.
const VOLUMES: usize = 10;

/// Where everything runs. When a test fails, it says how the pods were.
pub(super) struct Ground {
    // Fields drop in this order: what runs needs the folder.
    kubernetes: Kubernetes,
    /// Whom the images trust.
    pub(super) authority: Authority,
    program: PathBuf,
    folder: TempDir,
}

impl Deref for Ground {
    type Target = Kubernetes;

    fn deref(&self) -> &Kubernetes {
        &self.kubernetes
    }
}

impl Ground {
    pub(super) async fn start() -> Self {
        let program = bin("mqttkube-manifests");
        let _built = bin("jwt-refresher");
        let began = Instant::now();
        let folder = TempDir::with_prefix("manifests-").unwrap();
        let authority = Authority::new("everybody trusts me").unwrap();
        let archives = images::all(folder.path(), &authority.certificate());
        let kubernetes = Kubernetes::start(&archives, began).await;
        let ground = Self {
            kubernetes,
            authority,
            program,
            folder,
        };
        ground.volumes().await;
        ground.passed("a control plane and a node with five images");
        ground
    }

    /// Makes the volumes, before there is a claim: the other order can cost 15 s. Only root may write to them until the
    /// group of a pod owns them.
    async fn volumes(&self) {
        let mut text = String::new();
        for number in 0..VOLUMES {
            let path = self.folder.path().join(format!("volume-{number}"));
            std::fs::create_dir(&path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            let volume = VOLUME.replace("NUMBER", &number.to_string());
            let _ = writeln!(text, "{}", volume.replace("PATH", &path.display().to_string()));
        }
        self.apply(&text).await;
        let available = "--for=jsonpath={.status.phase}=Available";
        self.kubectl(&["wait", "pv", "--all", available, "--timeout", "60s"])
            .await;
    }

    /// A namespace that admits restricted pods only.
    pub(super) async fn namespace(&self, name: &str) {
        let labels = "{pod-security.kubernetes.io/enforce: restricted}";
        let metadata = format!("{{name: {name}, labels: {labels}}}");
        self.apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {metadata}\n"
        ))
        .await;
    }

    pub(super) async fn secret(&self, namespace: &str, name: &str, data: &[(&str, &str)]) {
        let mut text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\nstringData:\n"
        );
        for (key, value) in data {
            let _ = writeln!(text, "  {key}: {value:?}");
        }
        self.apply(&text).await;
    }

    /// The hash of a password, as people make it.
    pub(super) async fn hash(&self, user: &str, password: &str) -> String {
        let line = self.manifests(&["passwd", user], password).await;
        let (_, hash) = line.trim().split_once(':').unwrap();
        hash.to_owned()
    }

    /// Renders a SPEC and applies what comes of it; nothing is changed in between. `name` is that of its file.
    pub(super) async fn apply_spec(&self, name: &str, spec: &str) {
        let rendered = self.render(name, spec).await;
        self.apply(&rendered).await;
    }

    pub(super) async fn render(&self, name: &str, spec: &str) -> String {
        let file = self.path(&format!("{name}.yaml"));
        std::fs::write(&file, spec).unwrap();
        self.manifests(&["render", &file.display().to_string()], "").await
    }

    /// Runs mqttkube-manifests and returns what it prints.
    async fn manifests(&self, args: &[&str], input: &str) -> String {
        let done = run(&self.program, args, input).await;
        done.unwrap_or_else(|error| panic!("mqttkube-manifests {args:?}: {error}"))
    }

    /// Applies manifests.
    pub(super) async fn apply(&self, text: &str) {
        self.kubectl_with(&["apply", "--server-side", "-f", "-"], text)
            .await;
    }

    /// Waits until all pods are those of the template, and ready by their probes.
    pub(super) async fn rolled_out(&self, namespace: &str, workload: &str) {
        let args = ["-n", namespace, "rollout", "status", workload, "--timeout", "60s"];
        self.kubectl(&args).await;
    }

    pub(super) async fn pod(&self, namespace: &str, name: &str) -> Pod {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        pods.get(name).await.unwrap()
    }

    /// Where a pod is reached directly.
    pub(super) async fn address_of(&self, namespace: &str, pod: &str, port: u16) -> SocketAddr {
        let status = self.pod(namespace, pod).await.status.unwrap();
        format!("{}:{port}", status.pod_ip.unwrap()).parse().unwrap()
    }

    /// Asks for an eviction, as a drain does.
    pub(super) async fn evict(&self, namespace: &str, pod: &str) -> Result<String, String> {
        let eviction = format!(
            "{{\"apiVersion\": \"policy/v1\", \"kind\": \"Eviction\", \"metadata\": {{\"name\": \"{pod}\", \"namespace\": \
             \"{namespace}\"}}}}"
        );
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
        let args = ["create", "--raw", &path, "-f", "-"];
        self.try_kubectl(&args, &eviction).await
    }

    pub(super) fn node_port(&self, port: u16) -> SocketAddr {
        format!("{}:{port}", self.node_address()).parse().unwrap()
    }

    /// Where a Service is served.
    pub(super) async fn service(&self, namespace: &str, name: &str, port: u16) -> SocketAddr {
        let services: Api<Service> = Api::namespaced(self.client.clone(), namespace);
        let service = services.get(name).await.unwrap();
        let address = service.spec.and_then(|spec| spec.cluster_ip).unwrap();
        format!("{address}:{port}").parse().unwrap()
    }

    /// A file that goes with the test.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The same pod with no container that was started again: who it is, and how often they were.
pub(super) fn identity(pod: &Pod) -> (Option<String>, i32) {
    let containers = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_deref());
    let restarts = containers.iter().copied().flatten();
    (
        pod.metadata.uid.clone(),
        restarts.map(|container| container.restart_count).sum(),
    )
}

/// Waits for a step that answers with an error until it is possible.
pub(super) async fn eventually<T>(what: &str, step: impl AsyncFnMut() -> anyhow::Result<T>) -> T {
    wait::until_ok(SOON, what, step).await
}

const VOLUME: &str = "\
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: volume-NUMBER}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  local: {path: PATH}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [localhost]}]
";

impl Drop for Ground {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.show(&["get", "pods,pvc,pdb", "-A", "-o", "wide"]);
        self.show(&["get", "events", "-A", "--field-selector", "type=Warning"]);
        for namespace in ["home", "project", "star", "iot", "messaging"] {
            let logs = ["logs", "-n", namespace, "-l", OURS, "--prefix", "--tail", "40"];
            self.show(&[&logs[..], &["--all-containers", "--ignore-errors"]].concat());
        }
    }
}
