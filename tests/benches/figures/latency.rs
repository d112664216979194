//! From a command to the commit of its patch, and from a change to its publication, one at a time.

use std::time::Instant;

use anyhow::Result;
use mqttkube_tests::mqtt_probe::Message;
use tokio::try_join;

use crate::figure::{Figure, Limit, median, micros};
use crate::stage::{Peers, Running, Stage, name, raw_patch};

/// Rounds that count; one more before them warms up.
const ROUNDS: usize = 11;
/// Measurements of each kind in a round.
const SAMPLES: usize = 40;

/// Medians of one round, in microseconds.
#[derive(Default)]
struct Round {
    hop: f64,
    /// From the request to the moment when a plain watch shows its effect.
    patch: f64,
    /// From the PUBLISH to the same moment.
    command: f64,
    /// From that moment to the arrival of the state at a subscriber.
    told: f64,
}

pub(crate) async fn measure(stage: &mut Stage, running: &mut Running) -> Result<[Figure; 2]> {
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS {
        rounds.push(round(stage, running).await?);
    }
    let rounds = &rounds[1..];
    let of = |part: fn(&Round) -> f64| median(rounds.iter().map(part));
    let hop = of(|round| round.hop);
    let command = Figure::new(
        "command latency above a raw PATCH and one broker hop",
        of(|round| round.command - round.patch - round.hop),
        "us",
        Limit::AtMost(300.0),
        format!(
            "command {:.0} us, PATCH {:.0} us, hop {hop:.0} us",
            of(|round| round.command),
            of(|round| round.patch)
        ),
    );
    let told = Figure::new(
        "watch to publish above a raw watch reader and one broker hop",
        of(|round| round.told - round.hop),
        "us",
        Limit::AtMost(200.0),
        format!("subscriber {:.0} us after the reader", of(|round| round.told)),
    );
    Ok([command, told])
}

async fn round(stage: &mut Stage, running: &mut Running) -> Result<Round> {
    let (mut hops, mut patches, mut commands, mut told) = (vec![], vec![], vec![], vec![]);
    for _ in 0..SAMPLES {
        hops.push(hop(&running.broker, stage.next_replicas()).await?);
        let (committed, published) = change(stage, running, Way::Patch).await?;
        patches.push(committed);
        told.push(published);
        let (committed, published) = change(stage, running, Way::Command).await?;
        commands.push(committed);
        told.push(published);
    }
    Ok(Round {
        hop: median(hops),
        patch: median(patches),
        command: median(commands),
        told: median(told),
    })
}

/// From a PUBLISH to its arrival at a subscriber.
async fn hop(broker: &Peers, number: i32) -> Result<f64> {
    broker.subscriber.clear();
    let payload = number.to_string();
    let message = Message::new("hop", payload.clone());
    let start = Instant::now();
    let arrival = async { Ok(broker.arrived("hop", &payload).await) };
    let (_, end) = try_join!(broker.publisher.publish(&message), arrival)?;
    Ok(micros(end - start))
}

/// Who changes the object.
#[derive(Clone, Copy)]
enum Way {
    Patch,
    Command,
}

/// Changes an object. Returns the time until the change is seen by a plain watch, and how much later than that the
/// subscriber is told; that can be negative.
async fn change(stage: &mut Stage, running: &mut Running, way: Way) -> Result<(f64, f64)> {
    let replicas = stage.next_replicas();
    let objects = [name(0)];
    let [object] = &objects;
    let Running { broker, reader, .. } = running;
    broker.subscriber.clear();
    let start = Instant::now();
    let order = async {
        match way {
            Way::Patch => raw_patch(&stage.deployments, object, replicas).await,
            Way::Command => broker.command(object, replicas).await,
        }
    };
    let told = async { Ok(broker.told(object, replicas).await) };
    let ((), committed, told) = try_join!(order, reader.committed(&objects, replicas), told)?;
    let until_committed = micros(committed - start);
    Ok((until_committed, micros(told - start) - until_committed))
}
