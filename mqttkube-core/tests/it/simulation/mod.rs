//! The engine between a model of a broker and a model of an API server, under seeded schedules of everything that
//! goes wrong. Each promise is checked against the stream of effects.
//!
//! A failing seed prints one line that replays it. `MQTTKUBE_TEST_SCALE` multiplies the number of schedules,
//! `MQTTKUBE_SIM_FROM` leaves out those before a seed.

mod api;
mod broker;
mod check;
mod plan;
mod quiesce;
mod rng;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use self::world::World;

const SCHEDULES: u64 = 100_000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn the_promises_hold_under_every_schedule() {
    if let Some(seed) = number("MQTTKUBE_SIM_SEED") {
        let result = World::new(plan::plan(), seed, true).run();
        return result.unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
    let total = SCHEDULES * number("MQTTKUBE_TEST_SCALE").unwrap_or(1).max(1);
    let first = number("MQTTKUBE_SIM_FROM").unwrap_or(0);
    let (start, plan) = (Instant::now(), plan::plan());
    let (next, failed) = (AtomicU64::new(first), AtomicU64::new(u64::MAX));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= total || failed.load(Ordering::Relaxed) < seed {
                        return;
                    }
                    let run = || World::new(plan.clone(), seed, false).run();
                    let result = catch_unwind(AssertUnwindSafe(run));
                    if !matches!(result, Ok(Ok(()))) {
                        failed.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let seed = failed.into_inner();
    if seed == u64::MAX {
        let count = total.saturating_sub(first).max(1);
        let each = start.elapsed() / u32::try_from(count).unwrap_or(u32::MAX);
        println!("{count} schedules, {each:?} each on all cores together");
        return;
    }
    let broken = catch_unwind(AssertUnwindSafe(|| World::new(plan, seed, false).run()));
    let broken = match broken {
        Ok(Err(broken)) => broken,
        _ => "a panic".to_owned(),
    };
    panic!(
        "seed {seed}: {broken}\nreplay: MQTTKUBE_SIM_SEED={seed} cargo test -p mqttkube-core --test it simulation -- --nocapture"
    );
}
