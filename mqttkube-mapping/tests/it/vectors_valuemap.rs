//! valuemap.json: whole `values:` sections.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mqttkube_mapping::{Direction, Input, Outcome, ValueMap, ValuesSpec, yaml};
use serde_json::{Value, json};

use crate::vectors::{self, same};

/// The verbs of an action item that allows all of them.
const VERBS: &[&str] = &["launch", "delete", "restart", "suspend", "resume", "trigger"];

#[test]
fn vectors_valuemap() {
    vectors::run("valuemap.json", &[], check);
}

fn check(case: &Value) -> Result<(), String> {
    let got = run(case);
    let wanted = &case["expect"];
    let kind = |value: &Value| ["match", "error", "load_error"].map(|key| value.get(key).is_some());
    let right = kind(&got) == kind(wanted)
        && got.get("match") == wanted.get("match")
        && same(&got["output"], &wanted["output"]);
    if right {
        Ok(())
    } else {
        Err(format!(
            "{} of {} gave {got}, not {wanted}",
            case["values_yaml"], case["input"]
        ))
    }
}

fn run(case: &Value) -> Value {
    let map = match compile(case) {
        Ok(map) => map,
        Err(errors) => return json!({"load_error": errors}),
    };
    let bytes = case["input"]["bytes_base64"]
        .as_str()
        .map(|text| STANDARD.decode(text).expect("base64"));
    let input = match (&bytes, &case["input"]) {
        (Some(bytes), _) => match mqttkube_mapping::text(bytes) {
            Some(text) => Input::text(text),
            None => return json!({"match": false}),
        },
        (None, Value::String(text)) if case["direction"] != "watch" => Input::text(text),
        (None, value) => Input::json(value),
    };
    match map.lookup(input) {
        Outcome::Match(found) => json!({"match": true, "output": found.into_output()}),
        Outcome::Miss(_) => json!({"match": false}),
        Outcome::Error(error) => json!({"match": false, "error": error.to_string()}),
    }
}

fn compile(case: &Value) -> Result<ValueMap, Vec<String>> {
    let spec = match case["values_yaml"].as_str() {
        None => ValuesSpec::new(),
        Some(text) => yaml::parse(text, "values.yaml", "/")
            .and_then(|tree| tree.deserialize())
            .map_err(|errors| vec![errors.to_string()])?,
    };
    let (direction, allowed) = match case["direction"].as_str() {
        Some("watch") => (Direction::Watch, None),
        Some("patch") => (Direction::Patch, None),
        _ => (Direction::Action, Some(VERBS)),
    };
    ValueMap::compile(&spec, direction, allowed)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}
