//! What `mqtt-kube` costs with a real broker and a real API server: `cargo bench -p mqttkube-tests --bench figures`.
//!
//! Prints medians of interleaved rounds with the limit beside them. With `MQTTKUBE_BENCH_STRICT=1` a missed limit is
//! exit status 1. `MQTTKUBE_BIN` and `MQTTKUBE_PROGRAMS` name other programs, as for the tests.

mod figure;
mod footprint;
mod latency;
mod stage;
mod throughput;

use std::process::ExitCode;

use mqttkube_tests::skip::{Need, lacks};

use crate::stage::Stage;

fn main() -> anyhow::Result<ExitCode> {
    // `cargo test --all-targets` starts benches too, without this argument.
    let asked = std::env::args().any(|argument| argument == "--bench");
    if !asked || lacks(&[Need::Mosquitto, Need::ApiServer]) {
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let kept = runtime.block_on(measure())?;
    let strict = std::env::var_os("MQTTKUBE_BENCH_STRICT").is_some_and(|strict| strict == "1");
    Ok(ExitCode::from(u8::from(strict && !kept)))
}

/// Prints all figures and says whether they keep their limits.
async fn measure() -> anyhow::Result<bool> {
    let mut stage = Stage::build().await?;
    let mut figures = footprint::measure(&stage).await?;
    let mut running = stage.run().await?;
    figures.extend(latency::measure(&mut stage, &mut running).await?);
    figures.push(throughput::measure(&mut stage, &mut running).await?);
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        print!("load average: {load}");
    }
    figures.iter().for_each(|figure| println!("{figure}"));
    Ok(figures.iter().all(figure::Figure::is_kept))
}
