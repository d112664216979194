//! What the native relay costs beside a bridge of Mosquitto: `cargo bench -p mqttkube-tests --bench bridge`, with names of
//! measurements (`append`, `throughput`, `latency`, `memory`) behind `--` for those alone. `nodelay` is measured only by
//! name: throughput again, with brokers that have `set_tcp_nodelay`.
//!
//! Prints medians of interleaved rounds with the limit beside them. With `MQTTKUBE_BENCH_STRICT=1` a missed limit is
//! exit status 1.

mod append;
#[path = "../figures/figure.rs"]
mod figure;
mod latency;
mod memory;
mod relay;
mod stage;
mod throughput;
mod wire;

use std::process::ExitCode;

use mqttkube_tests::skip::{Need, lacks};

use crate::stage::Small;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(relay::ARGUMENT) {
        relay::run(&arguments.next().unwrap_or_default())?;
        return Ok(ExitCode::SUCCESS);
    }
    // `cargo test --all-targets` starts benches too, without this argument.
    let asked = std::env::args().any(|argument| argument == "--bench");
    if !asked || lacks(&[Need::Mosquitto]) {
        return Ok(ExitCode::SUCCESS);
    }
    let kept = measure()?;
    let strict = std::env::var_os("MQTTKUBE_BENCH_STRICT").is_some_and(|strict| strict == "1");
    Ok(ExitCode::from(u8::from(strict && !kept)))
}

/// Prints all figures and says whether they keep their limits.
fn measure() -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|name| !name.starts_with('-'))
        .collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|other| other == name);
    let mut figures = Vec::new();
    if wanted("append") {
        figures.push(append::measure(&runtime)?);
    }
    if wanted("throughput") {
        figures.extend(throughput::measure(&runtime, Small::Gather)?);
    }
    if named.iter().any(|name| name == "nodelay") {
        figures.extend(throughput::measure(&runtime, Small::AtOnce)?);
    }
    if wanted("latency") {
        figures.push(latency::measure(&runtime)?);
    }
    if wanted("memory") {
        figures.push(memory::measure(&runtime)?);
    }
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        print!("load average: {load}");
    }
    figures.iter().for_each(|figure| println!("{figure}"));
    Ok(figures.iter().all(figure::Figure::is_kept))
}
