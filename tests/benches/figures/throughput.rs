//! Commands over many objects against the same patches from a plain loop with the same concurrency.

use std::time::Instant;

use anyhow::Result;
use futures::future::{join_all, try_join_all};

use crate::figure::{Figure, Limit, median};
use crate::stage::{OBJECTS, Running, Stage, name, raw_patch};

/// Rounds that count; one more before them warms up and opens the connections.
const ROUNDS: usize = 9;
/// Changes of each object in a round.
const CHANGES: usize = 10;

pub(crate) async fn measure(stage: &mut Stage, running: &mut Running) -> Result<Figure> {
    let names: Vec<_> = (0..OBJECTS).map(name).collect();
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS {
        let raw = patches(stage, running, &names).await?;
        let ours = commands(stage, running, &names).await?;
        rounds.push((raw, ours));
    }
    let rounds = &rounds[1..];
    let parts = format!(
        "{:.0} commands/s, raw loop {:.0}/s",
        median(rounds.iter().map(|(_, ours)| *ours)),
        median(rounds.iter().map(|(raw, _)| *raw))
    );
    Ok(Figure::new(
        "commands over 64 objects against a raw PATCH loop",
        median(rounds.iter().map(|(raw, ours)| ours / raw)),
        "x",
        Limit::AtLeast(0.9),
        parts,
    ))
}

/// Patches per second of one task per object, each of which waits for its answers.
async fn patches(stage: &mut Stage, running: &mut Running, names: &[String]) -> Result<f64> {
    let wanted: Vec<_> = (0..CHANGES).map(|_| stage.next_replicas()).collect();
    let start = Instant::now();
    let tasks = names.iter().map(|name| {
        let (deployments, name, wanted) = (stage.deployments.clone(), name.clone(), wanted.clone());
        tokio::spawn(async move {
            for replicas in wanted {
                raw_patch(&deployments, &name, replicas).await?;
            }
            anyhow::Ok(())
        })
    });
    for ended in try_join_all(tasks).await? {
        ended?;
    }
    settle(running, names, wanted[CHANGES - 1], start).await
}

/// Commands per second, sent as fast as the broker takes them.
async fn commands(stage: &mut Stage, running: &mut Running, names: &[String]) -> Result<f64> {
    let wanted: Vec<_> = (0..CHANGES).map(|_| stage.next_replicas()).collect();
    let start = Instant::now();
    let sent = wanted
        .iter()
        .flat_map(|replicas| names.iter().map(move |name| (name, *replicas)));
    try_join_all(sent.map(|(name, replicas)| running.broker.command(name, replicas))).await?;
    settle(running, names, wanted[CHANGES - 1], start).await
}

/// Changes per second up to the last commit. Returns when the program has told of it, so that nothing is left for
/// the next round.
async fn settle(running: &mut Running, names: &[String], last: i32, start: Instant) -> Result<f64> {
    let end = running.reader.committed(names, last).await?;
    join_all(names.iter().map(|name| running.broker.told(name, last))).await;
    running.broker.subscriber.clear();
    Ok((names.len() * CHANGES) as f64 / (end - start).as_secs_f64())
}
