//! What a way adds to the two hops that a message makes anyway, one message at a time.

use std::time::Instant;

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::figure::{Figure, Limit, median, micros};
use crate::stage::{Lane, Small, Stage, Way};
use crate::wire::Link;

/// Rounds that count; one more before them warms up.
const ROUNDS: usize = 11;
/// Measurements of each kind in a round.
const SAMPLES: usize = 200;

/// Medians of one round, in microseconds.
#[derive(Clone, Copy)]
struct Round {
    /// Over the local broker and over the cloud, one after the other.
    hops: f64,
    stock: f64,
    native: f64,
}

pub(crate) fn measure(runtime: &Runtime) -> Result<Figure> {
    let stage = Stage::start(runtime, "{mode: relay}", Small::AtOnce)?;
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS {
        rounds.push(round(&stage)?);
    }
    let of = |part: fn(&Round) -> f64| median(rounds[1..].iter().map(part));
    let parts = format!(
        "from local to cloud {:.0} us, two hops alone {:.0} us; a bridge of Mosquitto adds {:.0} us",
        of(|round| round.native),
        of(|round| round.hops),
        of(|round| round.stock - round.hops)
    );
    let added = of(|round| round.native - round.hops);
    Ok(Figure::new(
        "latency that the relay adds to two hops",
        added,
        "us",
        Limit::AtMost(200.0),
        parts,
    ))
}

fn round(stage: &Stage) -> Result<Round> {
    let (local, cloud) = (stage.local.address(), stage.cloud.address());
    let mut here = (Link::connect(local, "sender")?, Link::connect(local, "receiver")?);
    let mut there = (Link::connect(cloud, "sender")?, Link::connect(cloud, "receiver")?);
    here.1.subscribe("hop", 0)?;
    for topic in ["hop", Way::Stock.topic(Lane::Out), Way::Native.topic(Lane::Out)] {
        there.1.subscribe(topic, 0)?;
    }
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..SAMPLES {
        let hops = arrival("hop", &mut here.0, &mut here.1)? + arrival("hop", &mut there.0, &mut there.1)?;
        times[0].push(hops);
        times[1].push(arrival(Way::Stock.topic(Lane::Out), &mut here.0, &mut there.1)?);
        times[2].push(arrival(Way::Native.topic(Lane::Out), &mut here.0, &mut there.1)?);
    }
    let [hops, stock, native] = times.map(median);
    Ok(Round { hops, stock, native })
}

/// Microseconds from a PUBLISH to its arrival.
fn arrival(topic: &str, sender: &mut Link, receiver: &mut Link) -> Result<f64> {
    let start = Instant::now();
    sender.send_one(topic, b"x")?;
    let end = receiver.receive(1)?;
    sender.acknowledged()?;
    Ok(micros(end - start))
}
