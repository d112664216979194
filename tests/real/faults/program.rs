//! The program under test, and what it says of itself.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mqttkube_tests::process::Process;
use mqttkube_tests::{program, wait};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(30);

/// Lines of the log that are shown when a row fails.
const TAIL: usize = 60;

/// `mqtt-kube` with a configuration, as a child process.
pub(super) struct Program {
    config: PathBuf,
    log: PathBuf,
    http: SocketAddr,
    process: Option<Process>,
}

impl Program {
    /// Starts it with this configuration; its files go to `folder`.
    pub(super) fn start(folder: &Path, yaml: &str, http_port: u16) -> Self {
        let config = folder.join("mqtt-kube.yaml");
        std::fs::write(&config, yaml).unwrap();
        let mut program = Self {
            config,
            log: folder.join("mqtt-kube.log"),
            http: (Ipv4Addr::LOCALHOST, http_port).into(),
            process: None,
        };
        program.start_again();
        program
    }

    /// Starts it if it does not run.
    pub(super) fn start_again(&mut self) {
        if self.process.is_none() {
            let spec = program::spec("mqtt-kube", &self.log).arg(&self.config);
            self.process = Some(spec.start().unwrap());
        }
    }

    /// The process.
    pub(super) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the program was started")
    }

    /// The end of its log, without the traffic.
    pub(super) fn tail(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let traffic =
            |line: &str| line.contains("::outgoing: publish") || line.contains("::incoming: message");
        let lines: Vec<_> = log.lines().filter(|line| !traffic(line)).collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM, and the time until its end, which must be a good one.
    pub(super) async fn terminate(&mut self) -> Duration {
        let mut process = self.process.take().expect("the program was started");
        let began = Instant::now();
        process.terminate();
        let status = process.ended(Duration::from_secs(10)).await.unwrap();
        assert!(status.success(), "{status}:\n{}", process.tail());
        began.elapsed()
    }

    /// `/api/status`.
    pub(super) async fn status(&self) -> io::Result<Value> {
        let mut stream = TcpStream::connect(self.http).await?;
        let request = b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok(serde_json::from_str(body)?)
    }

    /// Waits until the status is as wanted, and returns when that was seen.
    pub(super) async fn until(&self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Instant {
        wait::until_ok(SOON, what, async || match self.status().await {
            Ok(status) if wanted(&status) => Ok(Instant::now()),
            Ok(status) => Err(format!(
                "{} {} {}",
                status["reasons"], status["mqtt"], status["commands"]
            )),
            Err(error) => Err(error.to_string()),
        })
        .await
    }

    /// Waits until it is ready.
    pub(super) async fn ready(&self) -> Instant {
        self.until("ready program", |status| status["ready"] == true)
            .await
    }

    /// The connections to the broker so far.
    pub(super) async fn connections(&self) -> u64 {
        let status = self.status().await.unwrap();
        status["mqtt"]["connections"].as_u64().unwrap()
    }

    /// Waits until there is a further connection to the broker.
    pub(super) async fn reconnected(&self, before: u64) -> Instant {
        self.until("new connection to the broker", |status| {
            let mqtt = &status["mqtt"];
            mqtt["state"] == "online" && mqtt["connections"].as_u64() > Some(before)
        })
        .await
    }

    /// Waits until the API server is known to be away: commands fail, or every watch does.
    pub(super) async fn api_lost(&self) -> Instant {
        self.until("loss of the API server", |status| {
            status["api_reachable"] == false
        })
        .await
    }

    /// Waits for the first answer of the API server after [`api_lost`](Self::api_lost).
    pub(super) async fn api_answers(&self) -> Instant {
        self.until("answer of the API server", |status| {
            status["api_reachable"] == true
        })
        .await
    }
}
