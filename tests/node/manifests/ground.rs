//! A cluster with a node, volumes and images, and what an administrator does there.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::Api;
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::process::{ControlPlane, ControlPlaneOptions, Node};
use mqttkube_tests::program::bin;
use mqttkube_tests::wait;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::images;

/// How long a step may take.
pub(super) const SOON: Duration = Duration::from_secs(60);

/// What all pods of rendered objects bear.
pub(super) const OURS: &str = "app.kubernetes.io/managed-by=mqttkube";
/// Volumes that lie ready: one for each claim of the tests.
const VOLUMES: usize = 10;

/// Where everything runs. When a test fails, it says how the pods were.
pub(super) struct Ground {
    // Fields drop in this order: the node needs the control plane, and both the folder.
    node: Node,
    plane: ControlPlane,
    client: kube::Client,
    /// Whom the images trust.
    pub(super) authority: Authority,
    program: PathBuf,
    folder: TempDir,
    began: Instant,
}

impl Ground {
    pub(super) async fn start() -> Self {
        let program = bin("mqttkube-manifests");
        let _built = bin("jwt-refresher");
        let began = Instant::now();
        let folder = TempDir::with_prefix("manifests-").unwrap();
        let authority = Authority::new("everybody trusts me").unwrap();
        let archives = images::all(folder.path(), &authority.certificate());
        let archives: Vec<&Path> = archives.iter().map(PathBuf::as_path).collect();
        let plane = ControlPlaneOptions::default()
            .controllers()
            .scheduler()
            .start()
            .await
            .unwrap();
        let node = Node::start(&plane, &archives).await.unwrap();
        let client = plane.client().await.unwrap();
        let ground = Self {
            node,
            plane,
            client,
            authority,
            program,
            folder,
            began,
        };
        ground.volumes().await;
        ground.passed("a control plane and a node with five images");
        ground
    }

    /// Prints what is shown by now and after how many seconds.
    pub(super) fn passed(&self, what: &str) {
        println!("{:6.1} s  {what}", self.began.elapsed().as_secs_f32());
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
        let line = self.run(&self.program, &["passwd", user], password).await;
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
        let args = ["render", &file.display().to_string()];
        self.run(&self.program, &args, "").await
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
        let args = self.kube_args(&["create", "--raw", &path, "-f", "-"]);
        self.try_run(Path::new("kubectl"), &args, &eviction).await
    }

    /// Where NodePorts are served.
    pub(super) fn node_address(&self) -> &str {
        self.node.fact("address")
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

    /// Runs kubectl as the administrator and returns what it prints.
    pub(super) async fn kubectl(&self, args: &[&str]) -> String {
        self.kubectl_with(args, "").await
    }

    async fn kubectl_with(&self, args: &[&str], input: &str) -> String {
        self.run(Path::new("kubectl"), &self.kube_args(args), input).await
    }

    fn kube_args(&self, args: &[&str]) -> Vec<String> {
        let config = self.plane.kubeconfig().display().to_string();
        let own = ["--kubeconfig".to_owned(), config];
        own.into_iter()
            .chain(args.iter().map(|arg| (*arg).to_owned()))
            .collect()
    }

    async fn run(&self, program: &Path, args: &[impl AsRef<str>], input: &str) -> String {
        let done = self.try_run(program, args, input).await;
        done.unwrap_or_else(|error| {
            let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
            panic!("{} {args:?}: {error}", program.display())
        })
    }

    /// What a program prints, or what it says when it fails.
    pub(super) async fn try_run(
        &self,
        program: &Path,
        args: &[impl AsRef<str>],
        input: &str,
    ) -> Result<String, String> {
        let mut child = Command::new(program)
            .args(args.iter().map(AsRef::as_ref))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that wants no input may have ended already.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let done = tokio::time::timeout(SOON + SOON, child.wait_with_output()).await;
        let done = done.map_err(|_| "it hangs".to_owned())?.unwrap();
        if done.status.success() {
            return Ok(String::from_utf8(done.stdout).unwrap());
        }
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
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
        let show = |args: &[&str]| {
            let args = self.kube_args(args);
            let shown = std::process::Command::new("kubectl")
                .arg("--request-timeout=5s")
                .args(&args)
                .output();
            if let Ok(shown) = shown {
                let texts = [shown.stdout, shown.stderr].concat();
                println!("kubectl {args:?}\n{}", String::from_utf8_lossy(&texts));
            }
        };
        show(&["get", "pods,pvc,pdb", "-A", "-o", "wide"]);
        show(&["get", "events", "-A", "--field-selector", "type=Warning"]);
        for namespace in ["home", "project", "star", "iot", "messaging"] {
            let logs = ["logs", "-n", namespace, "-l", OURS, "--prefix", "--tail", "40"];
            show(&[&logs[..], &["--all-containers", "--ignore-errors"]].concat());
        }
    }
}
