//! The known answers about watches, given by the engine: an object goes in as an event, a publish comes out.
//!
//! They lie with those of the mapping crate; `MQTTKUBE_VECTORS` names another folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use mqttkube_core::config;
use mqttkube_core::engine::Engine;
use mqttkube_core::event::{Effect, Event, Publish};
use mqttkube_core::ids::WatchId;
use mqttkube_core::plan::Plan;
use serde_json::{Value, json};

const WATCH: WatchId = WatchId(0);

/// Cases that are not run: id and reason.
const SKIPPED: [(&str, &str); 1] = [(
    "wat-0183",
    "its transform gives an integer beyond 64 bits, which by the decision on V2 (case exp-0872 of expr.json) is an \
     overflow; so the value is published unmapped",
)];

fn folder() -> PathBuf {
    let ours = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../mqttkube-mapping/tests/vectors");
    std::env::var_os("MQTTKUBE_VECTORS").map_or_else(ours, PathBuf::from)
}

#[test]
fn vectors_watch() {
    let path = folder().join("watch.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases: Vec<Value> = serde_json::from_str(&text).expect("a file of vectors is one JSON array");
    let (skipped, run): (Vec<&Value>, Vec<&Value>) = cases.iter().partition(|case| is_skipped(case));
    let failed: Vec<String> = run.iter().filter_map(|case| check(case).err()).collect();
    let passed = run.len() - failed.len();
    println!(
        "watch.json: {passed} passed, {} skipped, {} failed",
        skipped.len(),
        failed.len()
    );
    assert!(
        failed.is_empty(),
        "{} cases failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

fn is_skipped(case: &Value) -> bool {
    let skip = SKIPPED.iter().find(|(id, _)| case["id"] == *id);
    if let Some((id, reason)) = skip {
        println!("watch.json: skipped {id}: {reason}");
    }
    skip.is_some()
}

fn check(case: &Value) -> Result<(), String> {
    let found = match plan(case) {
        Ok(plan) => last_publish(plan, case),
        Err(_) => json!({"load_error": "refused"}),
    };
    let expected = match &case["expect"] {
        refused if refused.get("load_error").is_some() => json!({"load_error": "refused"}),
        expected => expected.clone(),
    };
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "{} ({}): {found} instead of {expected}",
        case["id"], case["rule"]
    ))
}

/// The configuration with this one binding. JSON is YAML, but for the values, which are YAML already.
fn plan(case: &Value) -> Result<Arc<Plan>, String> {
    let binding = case["binding"].as_object().expect("every case has a binding");
    let mut text = "bindings:\n  - watch:\n".to_owned();
    text.push_str(&format!(
        "      topic: t\n      retain: true\n      locus: {}\n",
        case["locus"]
    ));
    if let Some(values) = case["values_yaml"].as_str() {
        text.push_str("      values:\n");
        for line in values.lines() {
            text.push_str(&format!("        {line}\n"));
        }
    }
    for (key, value) in binding {
        text.push_str(&format!("    {key}: {value}\n"));
    }
    let config = config::parse(&text, "case.yaml", "", |_| ());
    config
        .map(|config| Arc::new(config.plan))
        .map_err(|errors| errors.to_string())
}

fn last_publish(plan: Arc<Plan>, case: &Value) -> Value {
    let now = Instant::now();
    let mut engine = Engine::new(plan);
    let mut tell = |event: Event| engine.handle(event, now);
    tell(Event::Online {
        epoch: 1,
        resumed: false,
    });
    tell(Event::Listing { watch: WATCH });
    let before = case["before"].as_array().into_iter().flatten();
    let mut effects = Vec::new();
    for (step, object) in before.chain([&case["object"]]).enumerate() {
        effects = match (object, step) {
            (Value::Null, 0) => Vec::new(),
            (Value::Null, _) => tell(Event::Deleted {
                watch: WATCH,
                namespace: case["binding"]["namespace"].as_str().map(str::to_owned),
                name: case["binding"]["name"].as_str().unwrap_or_default().to_owned(),
            }),
            (object, _) => tell(Event::Object {
                watch: WATCH,
                object: Box::new(object.clone()),
            }),
        };
        if step == 0 {
            effects.extend(tell(Event::Listed { watch: WATCH }));
        }
    }
    outcome(&effects)
}

fn outcome(effects: &[Effect]) -> Value {
    let publishes: Vec<&Publish> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Publish(publish) => Some(publish),
            _ => None,
        })
        .collect();
    match publishes[..] {
        [] => json!({"nothing": true}),
        [publish] => json!({
            "payload": String::from_utf8_lossy(&publish.payload),
            "retain_clear": publish.retain && publish.payload.is_empty(),
        }),
        _ => json!({"publishes": publishes.len()}),
    }
}
