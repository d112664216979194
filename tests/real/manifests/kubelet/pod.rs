//! The pod: who it is, which ports it has, and what its containers start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mqttkube_manifests::bundle::Bundle;
use mqttkube_tests::process::{Process, Spec, find, free_port};
use rustix::process::geteuid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::volumes::{mode, moved};
use super::{Node, START, list, name, number};

/// User and group that OpenShift would choose.
const ASSIGNED: u32 = 1_000_680_000;

pub(super) struct Pod {
    pub(super) node: Node,
    pub(super) namespace: Option<String>,
    pub(super) spec: Value,
    pub(super) root: TempDir,
    /// How often the volumes have changed.
    pub(super) version: u32,
}

impl Pod {
    pub(super) fn lay_out(mut node: Node, bundle: &Bundle, workload: &str) -> Self {
        let mut objects = bundle.objects().iter();
        let object =
            objects.find(|object| object.name() == workload && object.at("/spec/template").is_object());
        let object = object.unwrap_or_else(|| panic!("there is no workload {workload}"));
        let spec = object.at("/spec/template/spec").clone();
        let containers = list(&spec["initContainers"]).chain(list(&spec["containers"]));
        for port in containers.flat_map(|container| list(&container["ports"])) {
            let inside = port_of(port);
            let here = *node.ports.entry(inside).or_insert_with(free_port);
            let ports = [
                (
                    format!("listener {inside}\n"),
                    format!("listener {here} 127.0.0.1\n"),
                ),
                (format!("port: {inside}\n"), format!("port: {here}\n")),
                (format!("bind :{inside}"), format!("bind 127.0.0.1:{here}")),
            ];
            node.replace.extend(ports);
        }
        // The loop of a broker's start script looks often, so that nobody waits.
        let loops = ("while sleep 15".to_owned(), "while sleep 0.3".to_owned());
        node.replace.push(loops);
        let root = TempDir::with_prefix_in("pod-", "/dev/shm").or_else(|_| TempDir::with_prefix("pod-"));
        let pod = Self {
            node,
            namespace: object.namespace().map(ToOwned::to_owned),
            spec,
            root: root.unwrap(),
            version: 0,
        };
        mode(pod.root.path(), 0o755);
        pod.make_volumes(bundle);
        pod
    }

    pub(super) fn port(&self, inside: u16) -> u16 {
        self.node.ports[&inside]
    }

    pub(super) fn log(&self, container: &str) -> PathBuf {
        self.root.path().join(format!("{container}.log"))
    }

    pub(super) fn update(&mut self, bundle: &Bundle) {
        self.version += 1;
        for volume in list(&self.spec["volumes"]) {
            self.project(bundle, volume);
        }
    }

    /// A text with the paths, ports and hosts of this machine.
    pub(super) fn here(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in &self.node.replace {
            text = text.replace(from, to);
        }
        let places = self.mounts().map(|mount| {
            let volume = self.volume(mount["name"].as_str().expect("a name"));
            (mount["mountPath"].as_str().expect("a path"), volume)
        });
        moved(&text, &places.collect::<BTreeMap<_, _>>())
    }

    /// An init container, from start to end.
    pub(super) async fn run(&self, container: &Value) {
        let mut process = self.process(container);
        let status = process.ended(START).await.unwrap();
        assert!(status.success(), "{}: {}", name(container), process.output());
    }

    /// A container as a process.
    pub(super) fn process(&self, container: &Value) -> Process {
        let words = list(&container["command"]).chain(list(&container["args"]));
        let mut words = words.map(|word| self.here(word.as_str().expect("a word")));
        let program = match self.node.programs.get(name(container)) {
            Some(program) => self.own(program),
            None => find_path(&words.next().expect("a command")),
        };
        let spec = self.unprivileged(program, self.log(name(container)));
        let mut spec = spec.args(words).directory(self.root.path());
        for (name, value) in &self.node.env {
            spec = spec.env(name, value);
        }
        for variable in list(&container["env"]) {
            spec = spec.env(variable["name"].as_str().expect("a name"), self.value(variable));
        }
        if let Some(folder) = &self.node.path {
            let path = std::env::var("PATH").unwrap_or_default();
            spec = spec.env("PATH", format!("{}:{path}", folder.display()));
        }
        spec.start().unwrap()
    }

    fn value(&self, variable: &Value) -> String {
        if let Some(value) = variable["value"].as_str() {
            return self.here(value);
        }
        let key = &variable["valueFrom"]["secretKeyRef"];
        let text = |member: &str| key[member].as_str().unwrap_or_default().to_owned();
        self.secret(&text("name"), &text("key"))
    }

    /// What somebody else has put into a Secret.
    pub(super) fn secret(&self, named: &str, key: &str) -> String {
        let mut secrets = self.node.secrets.iter();
        let found = secrets.find(|(secret, file, _)| secret == named && file == key);
        found
            .unwrap_or_else(|| panic!("nobody makes {named} with {key}"))
            .2
            .clone()
    }

    /// A program of the workspace in a place where everybody may start it.
    fn own(&self, program: &Path) -> PathBuf {
        let here = self.root.path().join(program.file_name().expect("a file"));
        if !here.exists() {
            std::fs::copy(program, &here).unwrap();
            mode(&here, 0o755);
        }
        here
    }

    fn unprivileged(&self, program: PathBuf, log: PathBuf) -> Spec {
        let Some(setpriv) = find("setpriv").filter(|_| geteuid().is_root()) else {
            return Spec::new(program, log);
        };
        let (user, group) = self.account();
        let main = number(&self.spec["securityContext"]["runAsGroup"]).unwrap_or(0);
        Spec::new(setpriv, log)
            .arg(format!("--reuid={user}"))
            .arg(format!("--regid={main}"))
            .arg(format!("--groups={group}"))
            .args(["--inh-caps=-all", "--no-new-privs", "--pdeathsig=KILL", "--"])
            .arg(program)
    }

    /// The user, and the group that volumes belong to.
    pub(super) fn account(&self) -> (u32, u32) {
        let context = &self.spec["securityContext"];
        assert_eq!(context["runAsNonRoot"], true);
        let chosen = |member: &str| number(&context[member]).unwrap_or(ASSIGNED);
        (chosen("runAsUser"), chosen("fsGroup"))
    }

    /// Whether a probe is content.
    pub(super) async fn asked(&self, container: &Value, probe: &Value) -> bool {
        if let Some(words) = probe["exec"]["command"].as_array() {
            let words = words.iter().map(|word| self.here(word.as_str().expect("a word")));
            let words: Vec<_> = words.collect();
            let status = std::process::Command::new(&words[0]).args(&words[1..]).status();
            return status.is_ok_and(|status| status.success());
        }
        let action = probe.get("httpGet").or_else(|| probe.get("tcpSocket"));
        let action = action.expect("a probe that is known here");
        let port = list(&container["ports"]).find(|port| port["name"] == action["port"]);
        let here = self.port(port_of(port.expect("a port of this name")));
        match action["path"].as_str() {
            Some(path) => answers(here, path).await.unwrap_or(false),
            None => TcpStream::connect(("127.0.0.1", here)).await.is_ok(),
        }
    }
}

/// Whether a GET is answered with 200.
async fn answers(port: u16, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.split(' ').nth(1) == Some("200"))
}

fn port_of(port: &Value) -> u16 {
    let number = number(&port["containerPort"]).expect("a number");
    u16::try_from(number).expect("a port")
}

fn find_path(program: &str) -> PathBuf {
    let name = program.rsplit('/').next().unwrap_or(program);
    find(name).unwrap_or_else(|| panic!("{program} is not installed"))
}
