//! A control plane with one node, and what an administrator does there with kubectl.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use mqttkube_tests::process::{ControlPlane, ControlPlaneOptions, Node};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How long a step may take.
pub(super) const SOON: Duration = Duration::from_secs(60);

/// Runs until it is dropped.
pub(super) struct Kubernetes {
    // Fields drop in this order: the node needs the control plane.
    node: Node,
    pub(super) plane: ControlPlane,
    pub(super) client: kube::Client,
    began: Instant,
}

impl Kubernetes {
    /// Starts with these image archives. What is passed is counted from `began`.
    pub(super) async fn start(images: &[impl AsRef<Path>], began: Instant) -> Self {
        let plane = ControlPlaneOptions::default()
            .controllers()
            .scheduler()
            .start()
            .await
            .unwrap();
        let images: Vec<&Path> = images.iter().map(AsRef::as_ref).collect();
        let node = Node::start(&plane, &images).await.unwrap();
        let client = plane.client().await.unwrap();
        Self {
            node,
            plane,
            client,
            began,
        }
    }

    /// Prints what is shown by now and after how many seconds.
    pub(super) fn passed(&self, what: &str) {
        println!("{:6.1} s  {what}", self.began.elapsed().as_secs_f32());
    }

    /// Where NodePorts are served.
    pub(super) fn node_address(&self) -> &str {
        self.node.fact("address")
    }

    /// Runs kubectl as the administrator and returns what it prints.
    pub(super) async fn kubectl(&self, args: &[&str]) -> String {
        self.kubectl_with(args, "").await
    }

    /// The same with an input.
    pub(super) async fn kubectl_with(&self, args: &[&str], input: &str) -> String {
        let done = self.try_kubectl(args, input).await;
        done.unwrap_or_else(|error| panic!("kubectl {args:?}: {error}"))
    }

    /// What kubectl prints, or what it says when it fails.
    pub(super) async fn try_kubectl(&self, args: &[&str], input: &str) -> Result<String, String> {
        run("kubectl", &self.kube_args(args), input).await
    }

    /// Prints what kubectl tells, for the reader of a test that failed.
    pub(super) fn show(&self, args: &[&str]) {
        let shown = std::process::Command::new("kubectl")
            .arg("--request-timeout=5s")
            .args(self.kube_args(args))
            .output();
        if let Ok(shown) = shown {
            let texts = [shown.stdout, shown.stderr].concat();
            println!("kubectl {args:?}\n{}", String::from_utf8_lossy(&texts));
        }
    }

    fn kube_args(&self, args: &[&str]) -> Vec<String> {
        let config = self.plane.kubeconfig().display().to_string();
        let own = ["--kubeconfig".to_owned(), config];
        own.into_iter()
            .chain(args.iter().map(|arg| (*arg).to_owned()))
            .collect()
    }
}

/// Runs a program: what it prints, or what it says when it fails.
pub(super) async fn run(
    program: impl AsRef<Path>,
    args: &[impl AsRef<str>],
    input: &str,
) -> Result<String, String> {
    let mut child = Command::new(program.as_ref())
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
