//! Cost of one lookup by the kind of entry that takes the value, with its limit beside it.
//!
//! `cargo bench -p mqttkube-mapping --bench lookup`. Prints medians of interleaved rounds and fails when a
//! figure is above its limit.

use std::collections::HashMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use mqttkube_mapping::{Direction, Input, MapKey, ValueMap, ValuesSpec};
use regex::Regex;
use serde_json::{Value, json};

const ROUNDS: usize = 41;
const LOOKUPS: u32 = 20_000;

/// A document of the size that a home device sends.
const DOCUMENT: &str = r#"{"state":"RUN","battery":87,"linkquality":120,"update":{"installed":587756593,"state":"idle"},"power":12.5}"#;
const PATTERN: &str = r"(?P<verb>[a-z]+) (?P<count>\d+) of (?P<total>\d+)";
const COMMAND: &str = "scale 3 of 12";

/// One figure: what is measured, what it is measured against, and the limit.
struct Figure<'f> {
    name: &'static str,
    work: Box<dyn FnMut() + 'f>,
    floor_name: &'static str,
    floor: Box<dyn FnMut() + 'f>,
    limit: Limit,
}

enum Limit {
    Nanoseconds(f64),
    TimesFloor(f64),
    None,
}

fn map(spec: &ValuesSpec) -> ValueMap {
    ValueMap::compile(spec, Direction::Patch, None).expect("the section is right")
}

fn entry(key: &str, output: Value) -> ValuesSpec {
    ValuesSpec::new().entry(MapKey::Text(key.to_owned()), output)
}

/// Nanoseconds per call of one round.
fn round(work: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..LOOKUPS {
        work();
    }
    start.elapsed().as_nanos() as f64 / f64::from(LOOKUPS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(figure: &mut Figure<'_>) -> bool {
    let (mut work, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        work.push(round(&mut figure.work));
        floor.push(round(&mut figure.floor));
    }
    let (work, floor) = (median(work), median(floor));
    let (fits, limit) = match figure.limit {
        Limit::Nanoseconds(limit) => (work <= limit, format!("limit {limit:.0} ns")),
        Limit::TimesFloor(limit) => (
            work <= floor * limit,
            format!("limit {limit:.1} x {}", figure.floor_name),
        ),
        Limit::None => (true, "no limit".to_owned()),
    };
    let verdict = if fits { "ok" } else { "TOO SLOW" };
    println!(
        "{:<22} {work:>7.1} ns   {} {floor:.1} ns   {:.2} x   {limit}   {verdict}",
        figure.name,
        figure.floor_name,
        work / floor
    );
    fits
}

fn main() -> ExitCode {
    let literals = (0..64).fold(entry("ON", json!(1)), |spec, index| {
        spec.entry(MapKey::Text(format!("command{index}")), json!(index))
    });
    let literal = map(&literals);
    let table: HashMap<String, usize> = (0..64).map(|index| (format!("command{index}"), index)).collect();

    let fixed = map(&entry(&format!("re:{PATTERN}"), json!(1)));
    let filled = map(&entry(&format!("re:{PATTERN}"), json!("{count}")));
    let regex = Regex::new(&format!(r"\A(?:{PATTERN})")).expect("the pattern is right");

    let path = map(&ValuesSpec::new()
        .jsonpath("$.state")
        .entry(MapKey::Text("RUN".into()), json!("launch")));
    let predicate = map(&entry("lambda v: v > 0", json!("ON")));
    let number = json!(3);

    let mut figures = [
        Figure {
            name: "literal",
            work: Box::new(|| _ = black_box(literal.lookup(Input::text(black_box("command40"))))),
            floor_name: "hash lookup",
            floor: Box::new(|| _ = black_box(table.get(black_box("command40")))),
            limit: Limit::Nanoseconds(60.0),
        },
        Figure {
            name: "regex, fixed output",
            work: Box::new(|| _ = black_box(fixed.lookup(Input::text(black_box(COMMAND))))),
            floor_name: "captures",
            floor: Box::new(|| _ = black_box(regex.captures(black_box(COMMAND)))),
            limit: Limit::TimesFloor(1.5),
        },
        Figure {
            name: "regex, filled output",
            work: Box::new(|| _ = black_box(filled.lookup(Input::text(black_box(COMMAND))))),
            floor_name: "captures and text",
            floor: Box::new(|| {
                let captures = regex.captures(black_box(COMMAND)).expect("it matches");
                _ = black_box(Value::from(&captures["count"]));
            }),
            limit: Limit::None,
        },
        Figure {
            name: "jsonpath",
            work: Box::new(|| _ = black_box(path.lookup(Input::text(black_box(DOCUMENT))))),
            floor_name: "JSON parse",
            floor: Box::new(|| _ = black_box(serde_json::from_str::<Value>(black_box(DOCUMENT)))),
            limit: Limit::TimesFloor(1.5),
        },
        Figure {
            name: "predicate",
            work: Box::new(|| _ = black_box(predicate.lookup(Input::json(black_box(&number))))),
            floor_name: "comparison",
            floor: Box::new(|| _ = black_box(black_box(&number).as_i64().is_some_and(|number| number > 0))),
            limit: Limit::None,
        },
    ];
    // Every figure is reported, also after one that is too slow.
    let slow = figures
        .iter_mut()
        .filter_map(|figure| (!report(figure)).then_some(()))
        .count();
    if slow == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
