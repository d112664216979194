//! The program under test, and what it says of itself.

use std::time::{Duration, Instant};

use mqttkube_tests::process::{Process, Spec};
use mqttkube_tests::{program, wait};
use serde_json::Value;

use super::scene::Side;
use crate::bridge::scene::SOON;

/// Lines of the log that are shown when a test fails.
const TAIL: usize = 60;

/// `cloud-bridge run` as a child process.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) spec: Spec,
    pub(super) http: u16,
    pub(super) process: Option<Process>,
}

impl Program {
    pub(super) fn start(spec: Spec, http: u16) -> Self {
        let mut program = Self {
            spec,
            http,
            process: None,
        };
        program.start_again();
        program
    }

    /// Starts it if it does not run.
    pub(super) fn start_again(&mut self) {
        if self.process.is_none() {
            self.process = Some(self.spec.start().unwrap());
        }
    }

    pub(super) fn running(&self) -> &Process {
        self.process.as_ref().expect("the program was started")
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
        let status = process.ended(SOON).await.unwrap();
        assert!(status.success(), "{status}:\n{}", process.tail());
        began.elapsed()
    }

    /// The end of its log.
    pub(super) fn tail(&self) -> String {
        let log = std::fs::read_to_string(&self.spec.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Waits until the status is as wanted, and returns it.
    pub(super) async fn until(&self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let status = wait::until_ok(2 * SOON, what, async || {
            match program::get(self.http, "/api/status").await {
                Some((_, status)) if wanted(&status) => Ok(status),
                Some((_, status)) => Err(status),
                None => Err(Value::Null),
            }
        });
        status.await
    }

    pub(super) async fn status(&self) -> Value {
        self.until("status", |_| true).await
    }

    /// Waits until it is ready.
    pub(super) async fn ready(&self) {
        self.until("ready program", |status| status["ready"] == true)
            .await;
    }

    /// The connections to one side since its start.
    pub(super) async fn connections(&self, side: Side) -> u64 {
        connections(&self.status().await, side)
    }

    /// Waits until there is a further connection to one side, and all is ready.
    pub(super) async fn reconnected(&self, side: Side, before: u64) {
        self.until("new connection", |status| {
            status["ready"] == true && connections(status, side) > before
        })
        .await;
    }

    /// Waits until it knows that one side is away.
    pub(super) async fn notices(&self, side: Side) {
        self.until("loss of a side", |status| status[side.name()]["online"] == false)
            .await;
    }

    /// A metric without labels, or with labels as they stand on the page.
    pub(super) async fn metric(&self, name: &str) -> Option<f64> {
        let page = crate::bridge::pod::text(self.http, "/metrics").await?;
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(&format!("cloud_bridge_{name} ")))?;
        line.trim().parse().ok()
    }

    /// Bytes of memory: now, and at most since the start.
    pub(super) fn memory(&self) -> [u64; 2] {
        let pid = self.running().id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        ["VmRSS:", "VmHWM:"].map(|name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|line| line.split_whitespace().next());
            kibibytes
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap_or(0)
                * 1024
        })
    }
}

fn connections(status: &Value, side: Side) -> u64 {
    status[side.name()]["connections"].as_u64().unwrap_or(0)
}
