//! A real node that runs pods: containerd, kubelet, kube-proxy and CoreDNS, through `start-node`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::child::{Process, Spec, find};
use super::control_plane::ControlPlane;
use super::programs;

/// The programs of a distribution that a node needs.
const TOOLS: [&str; 8] = [
    "containerd",
    "runc",
    "nft",
    "ip",
    "curl",
    "unshare",
    "setpriv",
    "python3",
];

/// A node in the network namespace of the tests, one in each; it ends when this is dropped.
#[derive(Debug)]
pub struct Node {
    process: Process,
    facts: BTreeMap<String, String>,
    _folder: TempDir,
}

impl Node {
    /// Why no node can run here; `None` when one can.
    pub fn missing() -> Option<String> {
        if let Some(tool) = TOOLS.into_iter().find(|tool| find(tool).is_none()) {
            return Some(format!("{tool} is not installed"));
        }
        let built = ["kubelet", "kube-proxy", "coredns", "pause.tar"];
        if let Some(program) = built
            .into_iter()
            .find(|name| !programs::folder().join(name).is_file())
        {
            return Some(format!("{program} is missing; tests/run builds it"));
        }
        if !rustix::process::geteuid().is_root() {
            return Some("a node needs root".to_owned());
        }
        // A node changes addresses, routes and filters; it does not get those of the machine.
        let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
        let shared = network("self") == network("1");
        shared.then(|| "not in a network of its own; tests/run makes one".to_owned())
    }

    /// Joins a node to a control plane with controllers and scheduler, with these image archives, and
    /// waits until it is ready.
    ///
    /// # Errors
    /// When it is not ready within two minutes.
    pub async fn start(plane: &ControlPlane, images: &[&Path]) -> Result<Self> {
        let folder = TempDir::with_prefix("node-")?;
        let log = folder.path().join("start-node.log");
        let spec = Spec::new(programs::scripts().join("start-node"), log)
            .arg("-b")
            .arg(programs::folder())
            .arg(plane.folder())
            .args(images);
        let mut process = spec.start()?;
        let end = Instant::now() + Duration::from_secs(120);
        while !process.output().contains("ready_seconds=") {
            ensure!(process.is_running(), "the node ended:\n{}", process.tail());
            ensure!(
                Instant::now() < end,
                "the node does not get ready:\n{}",
                process.tail()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let output = process.output();
        let facts = output.lines().filter_map(|line| line.split_once('='));
        let facts = facts
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Self {
            process,
            facts,
            _folder: folder,
        })
    }

    /// What the node said of itself when it was ready: dir, node, address, containerd, pid, `ready_seconds`.
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }

    /// Puts another image archive on the node.
    ///
    /// # Errors
    /// When containerd refuses it.
    pub fn import(&self, image: &Path) -> Result<()> {
        let done = Command::new("ctr")
            .args(["-a", self.fact("containerd"), "-n", "k8s.io", "images", "import"])
            .arg(image)
            .output()
            .context("ctr does not start")?;
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It takes its mounts, networks and groups with it when it is asked to end, not when it is killed.
        self.process.terminate();
        let end = Instant::now() + Duration::from_secs(20);
        while self.process.is_running() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
