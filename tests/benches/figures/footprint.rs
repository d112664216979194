//! How large the program is, how much memory it takes while nothing happens, and how soon it listens.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mqttkube_tests::mqtt_probe::{Options, Probe};
use mqttkube_tests::process::Process;
use tokio::time::sleep;

use crate::figure::{Figure, Limit, median};
use crate::stage::{SOON, Stage, name};

const STARTS: usize = 9;
/// How long nothing happens before the memory is looked at.
const IDLE: Duration = Duration::from_secs(2);

pub(crate) async fn measure(stage: &Stage) -> Result<Vec<Figure>> {
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (start, resident) = run_once(stage).await?;
        starts.push(start);
        memory.push(resident);
    }
    let size = std::fs::metadata(&stage.program)?.len() as f64 / 1e6;
    let runs = format!("{STARTS} starts");
    let of = |times: &[f64]| median(times.iter().copied());
    let first = starts.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(vec![
        Figure::new(
            "binary",
            size,
            "MB",
            Limit::AtMost(12.0),
            stage.program.display().to_string(),
        ),
        Figure::new(
            "idle resident memory",
            of(&memory),
            "MiB",
            Limit::AtMost(15.0),
            runs.clone(),
        ),
        Figure::new(
            "start to first SUBSCRIBE",
            of(&starts),
            "ms",
            Limit::AtMost(100.0),
            format!("{runs}, the fastest {first:.1} ms"),
        ),
    ])
}

/// Milliseconds from the start to the first SUBSCRIBE, and MiB of resident memory when it is idle.
async fn run_once(stage: &Stage) -> Result<(f64, f64)> {
    let broker = Stage::broker().await?;
    let subscriber = Probe::connect(broker.address(), Options::default()).await?;
    subscriber.subscribe("+/state", 1).await?;
    let spec = stage.spec(&broker, 1)?;
    let start = Instant::now();
    let process = spec.start()?;
    // Mosquitto writes its log line by line, before it answers.
    while !broker.log().contains("Received SUBSCRIBE from mqtt-kube") {
        anyhow::ensure!(start.elapsed() < SOON, "no SUBSCRIBE:\n{}", process.tail());
        sleep(Duration::from_millis(1)).await;
    }
    let subscribed = start.elapsed().as_secs_f64() * 1e3;
    let state = format!("{}/state", name(0));
    subscriber
        .wait(SOON, |messages| {
            messages.iter().any(|message| message.topic == state)
        })
        .await;
    sleep(IDLE).await;
    Ok((subscribed, resident(&process)?))
}

/// MiB of resident memory.
fn resident(process: &Process) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: f64 = kibibytes.context("no VmRSS in /proc")?.parse()?;
    Ok(kibibytes / 1024.0)
}
