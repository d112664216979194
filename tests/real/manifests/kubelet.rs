//! A pod without a node: its volumes as a kubelet lays them out, its containers as processes on them.
//!
//! Every volume is a folder below a temporary one, and every port of a container is a free one of 127.0.0.1. Texts of the
//! bundle and commands are changed accordingly, and in nothing else but what a test asks for. Where the test is root,
//! processes run as user and group of the pod, without any capability.

mod pod;
mod volumes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mqttkube_manifests::bundle::Bundle;
use mqttkube_tests::process::Process;
use mqttkube_tests::wait;
use serde_json::Value;

use pod::Pod;

/// How long a container may take to start.
const START: Duration = Duration::from_secs(60);

/// What is not in the bundle, and what is otherwise on this machine.
#[derive(Clone, Default)]
pub(super) struct Node {
    secrets: Vec<(String, String, String)>,
    replace: Vec<(String, String)>,
    ports: BTreeMap<u16, u16>,
    programs: BTreeMap<String, PathBuf>,
    path: Option<PathBuf>,
    env: Vec<(String, String)>,
}

impl Node {
    /// A key of a Secret that somebody else makes.
    pub(super) fn secret(mut self, name: &str, key: &str, value: &str) -> Self {
        self.secrets
            .push((name.to_owned(), key.to_owned(), value.to_owned()));
        self
    }

    /// Text of the bundle that becomes another.
    pub(super) fn replace(mut self, text: &str, by: &str) -> Self {
        self.replace.push((text.to_owned(), by.to_owned()));
        self
    }

    /// Gives a port of the pod a port of this machine; others get free ones.
    pub(super) fn port(mut self, inside: u16, here: u16) -> Self {
        self.ports.insert(inside, here);
        self
    }

    /// What the image of a container starts.
    pub(super) fn program(mut self, container: &str, program: PathBuf) -> Self {
        self.programs.insert(container.to_owned(), program);
        self
    }

    /// A variable that the node gives to all containers.
    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A folder with programs that go before those of this machine.
    pub(super) fn path(mut self, folder: &Path) -> Self {
        self.path = Some(folder.to_owned());
        self
    }

    /// Starts a pod of a workload: its containers one after the other as a kubelet does.
    pub(super) async fn start(&self, bundle: &Bundle, workload: &str) -> Running {
        let pod = Pod::lay_out(self.clone(), bundle, workload);
        let mut running = Running {
            processes: BTreeMap::new(),
            pod,
        };
        for container in list(&running.pod.spec["initContainers"].clone()) {
            if container["restartPolicy"] == "Always" {
                running.begin(container).await;
            } else {
                running.pod.run(container).await;
            }
        }
        for container in list(&running.pod.spec["containers"].clone()) {
            running.begin(container).await;
        }
        running
    }

    /// Starts a pod whose only container must fail. Gives what that has printed.
    pub(super) async fn fails(&self, bundle: &Bundle, workload: &str) -> String {
        let pod = Pod::lay_out(self.clone(), bundle, workload);
        for container in list(&pod.spec["initContainers"]) {
            pod.run(container).await;
        }
        let mut process = pod.process(&pod.spec["containers"][0]);
        let status = process.ended(START).await.unwrap();
        assert!(!status.success(), "{workload} starts: {}", process.output());
        process.output()
    }
}

/// A pod with its processes.
pub(super) struct Running {
    // Fields drop in this order: the folder outlives the programs.
    processes: BTreeMap<String, Process>,
    pod: Pod,
}

impl Running {
    /// The port of this machine behind a port of the pod.
    pub(super) fn port(&self, inside: u16) -> u16 {
        self.pod.port(inside)
    }

    /// What a container has printed.
    pub(super) fn log(&self, container: &str) -> String {
        std::fs::read_to_string(self.pod.log(container)).unwrap_or_default()
    }

    /// The folder of a volume.
    pub(super) fn volume(&self, name: &str) -> PathBuf {
        self.pod.volume(name)
    }

    /// SIGKILL to a container, which is not started again.
    pub(super) fn kill(&mut self, container: &str) {
        self.processes.remove(container).expect("it runs").kill();
    }

    /// Starts a container again that was killed.
    pub(super) async fn again(&mut self, container: &str) {
        let spec = list(&self.pod.spec["containers"])
            .find(|spec| name(spec) == container)
            .cloned();
        self.begin(&spec.expect("it is in the pod")).await;
    }

    /// The objects have changed: each volume follows in one step, as the kubelet does it.
    pub(super) fn update(&mut self, bundle: &Bundle) {
        self.pod.update(bundle);
    }

    /// Starts a container and waits for its startup probe, or for its readiness.
    async fn begin(&mut self, container: &Value) {
        let mut process = self.pod.process(container);
        let probes = ["startupProbe", "readinessProbe"];
        if let Some(probe) = probes.into_iter().find_map(|probe| container.get(probe)) {
            let what = format!("start of {}", container["name"]);
            wait::until_ok(START, &what, async || {
                assert!(process.is_running(), "it ended: {}", process.tail());
                let well = self.pod.asked(container, probe).await;
                well.then_some(()).ok_or_else(|| process.tail())
            })
            .await;
        }
        self.processes.insert(name(container).to_owned(), process);
    }
}

fn name(container: &Value) -> &str {
    container["name"].as_str().expect("a name")
}

fn number(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
