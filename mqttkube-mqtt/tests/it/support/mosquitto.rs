//! A real Mosquitto as a child process, on a free port, with its database in a temporary folder.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::PATIENCE;

const PROGRAM: &str = "/usr/sbin/mosquitto";

pub(crate) struct Mosquitto {
    pub(crate) port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Mosquitto {
    /// None, with the name of the test on standard error, where Mosquitto is not installed; under CI that is a failure.
    pub(crate) async fn start(test: &str, extra: &str) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "{test} needs {PROGRAM}"
            );
            eprintln!("skipped: {test}: {PROGRAM} is not installed");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port")
            .local_addr()
            .expect("bound")
            .port();
        let config = format!(
            "listener {port} 127.0.0.1\n{extra}\nallow_anonymous true\npersistence true\npersistence_location {}/\n\
             max_queued_messages 0\nuser root\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).expect("a file");
        let mut broker = Self {
            port,
            folder,
            child: None,
        };
        broker.restart().await;
        Some(broker)
    }

    /// Starts it again, from its database.
    pub(crate) async fn restart(&mut self) {
        let mut child = Command::new(PROGRAM)
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it can be started");
        let up = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                let ended = child.try_wait().expect("it can be asked");
                assert!(ended.is_none(), "Mosquitto ended before it listened: {ended:?}");
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, up).await.expect("it listens");
        self.child = Some(child);
    }

    /// SIGTERM: it saves its database.
    pub(crate) async fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let id = child.id().expect("it runs").to_string();
        let killed = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .await
            .expect("kill is installed");
        assert!(killed.success());
        timeout(PATIENCE, child.wait())
            .await
            .expect("it ends")
            .expect("it can be waited for");
    }

    /// SIGKILL: it saves nothing.
    pub(crate) async fn kill(&mut self) {
        self.child
            .take()
            .expect("it runs")
            .kill()
            .await
            .expect("it can be killed");
    }
}
