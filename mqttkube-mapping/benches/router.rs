//! Cost of finding the listeners of a topic, with 10 and with 10,000 filters.
//!
//! `cargo bench -p mqttkube-mapping --bench router`. Prints medians of interleaved rounds; the first figure
//! has a limit and decides the exit status.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use mqttkube_mapping::{Router, TopicFilter};

const ROUNDS: usize = 41;
const TOPICS_PER_ROUND: usize = 20_000;
const LIMIT: f64 = 1.2;

fn filter(index: usize) -> TopicFilter {
    let text = match index % 10 {
        9 => format!("home/floor{index}/+/set"),
        _ => format!("home/device{index}/power/set"),
    };
    text.parse().expect("a valid filter")
}

fn topic(index: usize) -> String {
    filter(index).as_str().replace('+', "lamp")
}

fn router(filters: usize) -> Router<usize> {
    let mut router = Router::new();
    for index in 0..filters {
        let _ = router.insert(&filter(index), index);
    }
    router
}

/// Nanoseconds per topic of one round.
fn round(router: &Router<usize>, topics: &[String]) -> f64 {
    let start = Instant::now();
    let mut sum = 0;
    for topic in topics.iter().cycle().take(TOPICS_PER_ROUND) {
        router.matches(black_box(topic), |id| sum += id);
    }
    black_box(sum);
    start.elapsed().as_nanos() as f64 / TOPICS_PER_ROUND as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> ExitCode {
    let (few, many) = (router(10), router(10_000));
    let same: Vec<_> = (0..10).map(topic).collect();
    let spread: Vec<_> = (0..10_000).map(|index| topic(index * 7919 % 10_000)).collect();
    let (mut of_few, mut of_many, mut of_spread) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_few.push(round(&few, &same));
        of_many.push(round(&many, &same));
        of_spread.push(round(&many, &spread));
    }
    let (few, many, spread) = (median(of_few), median(of_many), median(of_spread));
    println!("route a topic, 10 filters               {few:8.1} ns");
    println!(
        "the same topics, 10,000 filters         {many:8.1} ns   {:.2} x (limit {LIMIT} x)",
        many / few
    );
    println!(
        "10,000 topics in turn, 10,000 filters   {spread:8.1} ns   {:.2} x (caches included)",
        spread / few
    );
    if many <= LIMIT * few {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
