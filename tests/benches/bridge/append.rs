//! How fast the store takes messages, each of them on the disk before it is acknowledged.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

use anyhow::Result;
use mqttkube_bridge::relay::{Keeping, Lane, Message, Store, StoreOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::figure::{Figure, Limit, median};

/// Rounds that count; one more before them warms up.
const ROUNDS: usize = 5;
const MESSAGES: usize = 50_000;
const PAYLOAD: [u8; 256] = [b'x'; 256];
/// Messages that wait for the disk at once, about as many as share a sync.
const WINDOW: usize = 512;

pub(crate) fn measure(runtime: &Runtime) -> Result<Figure> {
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS {
        let folder = TempDir::with_prefix_in("append-", env!("CARGO_TARGET_TMPDIR"))?;
        let raw = raw(&folder)?;
        rounds.push((raw, runtime.block_on(store(&folder))?));
    }
    let raw = median(rounds[1..].iter().map(|round| round.0));
    Ok(Figure::new(
        "appends to the store of 256 bytes, group fsync",
        median(rounds[1..].iter().map(|round| round.1)),
        "/s",
        Limit::AtLeast(50_000.0),
        format!("a bare file with an fdatasync for every {WINDOW} takes {raw:.0}/s"),
    ))
}

/// Appends a second to a bare file.
fn raw(folder: &TempDir) -> Result<f64> {
    let mut file = File::create(folder.path().join("raw"))?;
    let group = PAYLOAD.repeat(WINDOW);
    let start = Instant::now();
    for _ in 0..MESSAGES / WINDOW {
        file.write_all(&group)?;
        file.sync_data()?;
    }
    Ok((MESSAGES / WINDOW * WINDOW) as f64 / start.elapsed().as_secs_f64())
}

/// Appends a second to the store.
async fn store(folder: &TempDir) -> Result<f64> {
    let store = Store::open(&StoreOptions::new(folder.path().join("outbox")))?;
    let start = Instant::now();
    let mut waiting: VecDeque<Keeping> = VecDeque::new();
    for number in 0..MESSAGES {
        if waiting.len() == WINDOW {
            waiting.pop_front().expect("it is full").await?;
        }
        let message = Message::new("events/door", PAYLOAD.as_slice());
        waiting.push_back(store.append(Lane::Out, number as u64, message).await?);
    }
    for kept in waiting {
        kept.await?;
    }
    let rate = MESSAGES as f64 / start.elapsed().as_secs_f64();
    store.close().await;
    Ok(rate)
}
