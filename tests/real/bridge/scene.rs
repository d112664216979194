//! Folders, accounts, keys and programs of these tests.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::{Process, Spec, find};
use mqttkube_tests::{program, wait};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The account `nobody` of every Linux.
const NOBODY: u32 = 65_534;

/// A folder for everything of one test, in memory where there is a place for that. It belongs to the account that
/// [`unprivileged`] programs run under.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder =
            TempDir::with_prefix_in("bridge-", "/dev/shm").or_else(|_| TempDir::with_prefix("bridge-"));
        let folder = Self(folder.unwrap());
        folder.give_away(Path::new(""));
        folder
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file that unprivileged programs may read and replace.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.give_away(Path::new(name));
        self.path(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A private key as the tutorial has it made: `openssl ecparam -genkey`, with the section `EC PARAMETERS`.
    pub(crate) fn key(&self, name: &str) -> String {
        let command = ["ecparam", "-genkey", "-name", "prime256v1", "-out", name];
        self.openssl(&command);
        self.give_away(Path::new(name));
        self.read(name)
    }

    pub(crate) fn openssl(&self, arguments: &[&str]) {
        let mut command = std::process::Command::new("openssl");
        let output = command
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {complaint}");
    }

    /// A program of this workspace for an unprivileged account, which may not get at the workspace itself.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let copy = self.path(name);
        if !copy.exists() {
            std::fs::copy(program::bin(name), &copy).unwrap();
        }
        copy
    }

    fn give_away(&self, name: &Path) {
        if geteuid().is_root() {
            chown(self.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
}

/// A program without any privilege: an ordinary account, no capability, and no way to get one.
pub(crate) fn unprivileged(program: &Path, log: PathBuf) -> Spec {
    if !geteuid().is_root() {
        return Spec::new(program, log);
    }
    let account = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
    ];
    // The change of the account takes back that a process dies with its parent, so that is asked for once more.
    Spec::new("setpriv", log)
        .args(account)
        .args(["setpriv", "--pdeathsig", "KILL", "--"])
        .arg(program)
}

/// A Mosquitto that somebody starts again whenever it ends, as a cluster does.
#[derive(Debug)]
pub(crate) struct Supervised {
    pub(crate) port: u16,
    /// The ids of all its processes so far.
    pids: watch::Receiver<Vec<u32>>,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts it with `mosquitto.conf` of the folder, and waits until it listens.
    pub(crate) async fn start(folder: &Folder, port: u16) -> Self {
        let program = find("mosquitto").expect("the test needs it");
        let spec = unprivileged(&program, folder.path("mosquitto.log"))
            .arg("-v")
            .arg("-c")
            .arg(folder.path("mosquitto.conf"));
        let (started, pids) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            loop {
                let mut process = spec.start().unwrap();
                started.send_modify(|pids| pids.push(process.id()));
                // It may run for as long as it likes.
                while process.ended(SOON).await.is_err() {}
            }
        });
        let broker = Self { port, pids, task };
        broker.listens().await;
        broker
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Waits until it accepts connections.
    pub(crate) async fn listens(&self) {
        let listens = || TcpStream::connect(self.address()).is_ok();
        wait::until(SOON, "a Mosquitto that listens", listens).await;
    }

    /// How often it was started.
    pub(crate) fn starts(&self) -> usize {
        self.pids.borrow().len()
    }

    /// Sends a signal that it ends of, and waits until it was started again.
    pub(crate) async fn end(&self, signal: Signal) {
        let starts = self.starts();
        let pid = self
            .pids
            .borrow()
            .last()
            .copied()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.expect("a process has an id"), signal).unwrap();
        wait::until(SOON, "a new Mosquitto", || self.starts() > starts).await;
        self.listens().await;
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether a program on 127.0.0.1 says that it is ready.
pub(crate) async fn ready(port: u16) -> bool {
    matches!(program::get(port, "/readyz").await, Some((200, _)))
}

/// Waits until a program says that it is ready.
pub(crate) async fn until_ready(process: &Process, port: u16) {
    wait::until_ok(SOON, "a program that is ready", async || {
        if ready(port).await {
            Ok(())
        } else {
            Err(process.tail())
        }
    })
    .await;
}

/// Somebody who publishes over every break of the connection; what is acknowledged counts as sent.
#[derive(Debug)]
pub(crate) struct Publisher {
    address: SocketAddr,
    probe: Option<Probe>,
}

impl Publisher {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, probe: None }
    }

    /// Publishes at QoS 1 until the broker has acknowledged it.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &str) {
        let message = Message::new(topic, payload.to_owned());
        let published = wait::until_ok(SOON, "an acknowledgement", async || {
            let probe = match self.probe.take() {
                Some(probe) => probe,
                None => Probe::connect(self.address, Options::default()).await?,
            };
            probe.publish(&message).await?;
            self.probe = Some(probe);
            anyhow::Ok(())
        });
        published.await;
    }
}
