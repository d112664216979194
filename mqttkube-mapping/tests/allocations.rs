//! Lookups that must not allocate, counted by an allocator of this binary's own.

use mqttkube_mapping::{Direction, Input, MapKey, Outcome, ValueMap, ValuesSpec};
use serde_json::{Value, json};

/// Allocations of the second lookup, which must match.
fn allocations(map: &ValueMap, input: Input<'_>) -> u64 {
    // A regular expression makes its working memory when it is first used.
    let mut matched = matches!(map.lookup(input), Outcome::Match(_));
    assert!(matched, "{input:?} has no match");
    let info = allocation_counter::measure(|| {
        matched = matches!(map.lookup(input), Outcome::Match(_));
    });
    assert!(matched, "the second lookup differs");
    info.count_total
}

fn map(keys: &[MapKey]) -> ValueMap {
    let spec = keys.iter().fold(ValuesSpec::new(), |spec, key| {
        spec.entry(key.clone(), json!({"replicas": 1}))
    });
    ValueMap::compile(&spec, Direction::Patch, None).expect("the keys are right")
}

#[track_caller]
fn check_free(keys: &[MapKey], input: &Value) {
    let map = map(keys);
    assert_eq!(allocations(&map, Input::json(input)), 0, "{keys:?} of {input}");
    if let Value::String(text) = input {
        assert_eq!(
            allocations(&map, Input::text(text).with_topic("a/b")),
            0,
            "{keys:?} of {text:?}"
        );
    }
}

fn text(text: &str) -> MapKey {
    MapKey::Text(text.to_owned())
}

#[test]
fn the_counter_counts() {
    let info = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(info.count_total, 1);
}

#[test]
fn literal_entries_allocate_nothing() {
    check_free(&[text("OFF"), text("ON")], &json!("ON"));
    check_free(&[MapKey::Int(1)], &json!(1.0));
    check_free(&[MapKey::Float(1.5)], &json!(1.5));
    check_free(&[MapKey::Bool(true)], &json!(true));
    check_free(&[MapKey::Null], &json!(null));
    check_free(
        &[text("re:x"), text("lambda v: v == 'y'"), text("ON")],
        &json!("ON"),
    );
}

#[test]
fn predicate_entries_allocate_nothing() {
    check_free(&[text("lambda v: v > 0")], &json!(3));
    check_free(&[text("lambda v: 0 < v <= 10 and v is not None")], &json!(3.5));
    check_free(&[text("lambda v: v in ('ON', 'on', 1)")], &json!("on"));
    check_free(&[text("lambda v: v.strip().startswith('O')")], &json!(" ON "));
    check_free(
        &[text("lambda v: len(v) == 2 and int(v[0]) == 4")],
        &json!(["4", 2]),
    );
    check_free(
        &[text("lambda v: v['spec']['replicas'] % 2 == 1")],
        &json!({"spec": {"replicas": 3}}),
    );
    check_free(
        &[text("lambda v: v.get('ready', 0) >= 1 if v else True")],
        &json!({"ready": 1}),
    );
}

#[test]
fn structured_values_pass_through_without_a_copy() {
    let value = json!({"a": [1, 2, 3]});
    assert_eq!(allocations(&ValueMap::identity(), Input::json(&value)), 0);
    let path =
        ValueMap::compile(&ValuesSpec::new().jsonpath("$.a[1]"), Direction::Watch, None).expect("a path");
    assert_eq!(allocations(&path, Input::json(&value)), 0);
}
