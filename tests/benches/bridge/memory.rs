//! How much memory the relay takes while the cloud is away and messages queue up in its store.

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;

use crate::figure::{Figure, Limit};
use crate::stage::{Lane, Small, Stage, Way};
use crate::wire::{Link, SOON};

const MESSAGES: usize = 10_000;
const PAYLOAD: [u8; 256] = [b'x'; 256];

pub(crate) fn measure(runtime: &Runtime) -> Result<Figure> {
    let mut stage = Stage::start(runtime, "{mode: store, store: {path: outbox}}", Small::AtOnce)?;
    let idle = resident(&stage, "VmRSS:")?;
    stage.cloud.kill();
    Link::connect(stage.local.address(), "sender")?.publish(
        Way::Native.topic(Lane::Out),
        &PAYLOAD,
        MESSAGES,
    )?;
    runtime.block_on(stage.relay.prints(&format!("stored {MESSAGES}"), SOON));
    let full = resident(&stage, "VmRSS:")?;
    let peak = resident(&stage, "VmHWM:")?;
    runtime.block_on(stage.cloud.start())?;
    runtime.block_on(stage.relay.prints("stored 0\n", SOON));
    let after = resident(&stage, "VmRSS:")?;
    let bytes = (MESSAGES * PAYLOAD.len()) as f64 / f64::from(1 << 20);
    Ok(Figure::new(
        "resident memory with 10,000 messages of 256 bytes in the store",
        full,
        "MiB",
        Limit::AtMost(15.0),
        format!(
            "idle before {idle:.1} MiB, peak {peak:.1} MiB, after delivery {after:.1} MiB; the payloads are {bytes:.1} MiB"
        ),
    ))
}

/// MiB, from a line of `/proc/PID/status`.
fn resident(stage: &Stage, line: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", stage.relay.id()))?;
    let line = status.lines().find_map(|found| found.strip_prefix(line));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: f64 = kibibytes.context("no such line in /proc")?.parse()?;
    Ok(kibibytes / 1024.0)
}
