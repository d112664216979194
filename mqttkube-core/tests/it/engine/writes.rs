//! How one value gets into one field.

use serde_json::json;

use super::driver::{Driver, acks, call, calls, complaints, ok, outcome, refuse, show, version};

/// One patch item of a Deployment.
fn driver(item: &str) -> Driver {
    Driver::new(&config("Deployment", item))
}

fn config(resource: &str, item: &str) -> String {
    format!(
        "defaults: {{result: done}}\nbindings: [{{namespace: n, resource: {resource}, name: web, patch: {{topic: set/+, {item}}}}}]"
    )
}

/// The first request for a payload.
#[track_caller]
fn check(item: &str, payload: &str, expected: &str) {
    let effects = driver(item).send("set/a", payload);
    assert_eq!(show(&call(&effects).1), expected, "{item} {payload}");
}

/// The payload is refused before any request.
#[track_caller]
fn check_invalid(item: &str, payload: &str) {
    let effects = driver(item).send("set/a", payload);
    assert!(calls(&effects).is_empty(), "{effects:?}");
    assert_eq!(outcome(&effects).0, "invalid", "{item} {payload}");
    assert_eq!(acks(&effects), [1]);
}

#[test]
fn v15_each_type_casts_or_refuses() {
    let merge = |value: &str| format!(r#"PATCH deployments n/web merge {{"spec":{{"x":{value}}}}}"#);
    let cases = [
        ("string", "3", r#""3""#),
        ("int", "3", "3"),
        ("int", "-0", "0"),
        ("float", "3", "3.0"),
        ("float", "1e3", "1000.0"),
        ("bool", "true", "true"),
        ("json", "[1,null]", "[1,null]"),
        ("json", "null", "null"),
    ];
    for (wanted, payload, expected) in cases {
        check(
            &format!("locus: spec.x, type: {wanted}"),
            payload,
            &merge(expected),
        );
    }
    for (wanted, payload) in [
        ("int", "3.5"),
        ("int", "x"),
        ("int", ""),
        ("float", "nan"),
        ("float", "1e400"),
        ("bool", "maybe"),
        ("json", "{"),
        ("json", ""),
        ("json", "1 2"),
    ] {
        check_invalid(&format!("locus: spec.x, type: {wanted}"), payload);
    }
}

#[test]
fn p2_raw_text_takes_the_type_of_what_is_there() {
    for (present, payload, written) in [
        (json!(1), "3", "3"),
        (json!(1.5), "3", "3"),
        (json!(true), "false", "false"),
        (json!("a"), "3", r#""3""#),
        (json!(null), "3", r#""3""#),
        (json!(1), "many", r#""many""#),
        (json!(true), "1", r#""1""#),
    ] {
        let mut driver = driver("locus: spec.x");
        let read = json!({"metadata": {"resourceVersion": "7"}, "spec": {"x": present}});
        let sent = driver.send("set/a", payload);
        let patch = format!(
            r#"PATCH deployments n/web merge {{"spec":{{"x":{written}}},"metadata":{{"resourceVersion":"7"}}}}"#
        );
        let done = driver.walk(
            sent,
            &[("GET deployments n/web", ok(read)), (&patch, version("8"))],
        );
        assert_eq!(outcome(&done).0, "applied");
    }
}

#[test]
fn p2_raw_text_that_is_there_already_is_not_written() {
    let mut driver = driver("locus: spec.x");
    let sent = driver.send("set/a", "3");
    let done = driver.walk(sent, &[("GET deployments n/web", ok(json!({"spec": {"x": 3}})))]);
    assert_eq!(outcome(&done).0, "unchanged");
}

#[test]
fn bounds_refuse_what_lies_outside_however_it_was_typed() {
    let bounded = |kind: &str| format!("locus: spec.replicas, {kind} min: 0, max: 5");
    for kind in ["", "type: int,", "type: json,", "values: {transform: int},"] {
        check(
            &bounded(kind),
            "5",
            r#"PATCH deployments n/web/scale merge {"spec":{"replicas":5}}"#,
        );
        for outside in ["6", "-1", "9223372036854775807"] {
            check_invalid(&bounded(kind), outside);
        }
    }
    check_invalid(&bounded(""), " 6 ");
    check_invalid(&bounded(""), "5.5");
}

#[test]
fn text_that_is_no_number_of_replicas_is_left_to_the_api_server() {
    for payload in ["+6", "many", ""] {
        check("locus: spec.replicas, max: 5", payload, "GET deployments n/web");
    }
}

#[test]
fn p5_null_removes_the_field() {
    check(
        "locus: \"metadata.annotations['a/b']\", values: {map: {'OFF': ~}}",
        "OFF",
        r#"PATCH deployments n/web merge {"metadata":{"annotations":{"a/b":null}}}"#,
    );
}

#[test]
fn p8_the_levels_of_the_topic_are_there_for_the_mapping() {
    check(
        "locus: metadata.labels.room, values: {map: {'re:.*': '{topic[1]}-{value}'}}",
        "on",
        r#"PATCH deployments n/web merge {"metadata":{"labels":{"room":"a-on"}}}"#,
    );
}

const IMAGE: &str = "locus: \"spec.template.spec.containers[?@.name=='c'].image\", type: string";

/// A Deployment with containers `a` and `c`.
fn containers(version: &str, image: &str) -> serde_json::Value {
    json!({"metadata": {"resourceVersion": version}, "spec": {"template": {"spec": {"containers": [
        {"name": "a", "image": "x"}, {"name": "c", "image": image},
    ]}}}})
}

#[test]
fn p4_a_list_element_is_found_by_name_and_tested() {
    let mut driver = driver(IMAGE);
    let sent = driver.send("set/a", "web:2");
    let patch = r#"PATCH deployments n/web json [{"op":"test","path":"/spec/template/spec/containers/1/name","value":"c"},{"op":"replace","path":"/spec/template/spec/containers/1/image","value":"web:2"}]"#;
    let read = ok(containers("1", "web:1"));
    let done = driver.walk(sent, &[("GET deployments n/web", read), (patch, version("2"))]);
    assert_eq!(outcome(&done).0, "applied");
}

#[test]
fn n6_a_test_that_failed_is_read_again_and_repeated_until_it_is_plain_that_the_patch_is_wrong() {
    let mut driver = driver(IMAGE);
    let sent = driver.send("set/a", "web:2");
    let failed = refuse(
        422,
        "the server rejected our request due to an error in our request",
    );
    let (job, _) = call(&driver.walk(sent, &[("GET deployments n/web", ok(containers("1", "web:1")))]));
    let again = driver.answer(job, failed.clone());
    let (job, _) = call(&driver.walk(again, &[("GET deployments n/web", ok(containers("2", "web:1")))]));
    let again = driver.answer(job, failed);
    let done = driver.walk(again, &[("GET deployments n/web", ok(containers("2", "web:1")))]);
    assert_eq!(outcome(&done).0, "invalid", "nothing changed in between");
    assert_eq!(acks(&done), [1]);
}

#[test]
fn n6_an_element_that_is_not_there_is_not_found() {
    let mut driver = driver(IMAGE);
    let sent = driver.send("set/a", "web:2");
    let read = ok(json!({"metadata": {"resourceVersion": "1"}, "spec": {}}));
    let done = driver.walk(sent, &[("GET deployments n/web", read)]);
    assert_eq!(outcome(&done).0, "not_found");
}

#[test]
fn d10_an_object_value_is_guarded_and_a_version_conflict_is_read_again() {
    let mut driver = driver("locus: spec.x, type: json");
    let sent = driver.send("set/a", r#"{"new":1}"#);
    let read = |version: &str, old: &str| {
        ok(json!({"metadata": {"resourceVersion": version}, "spec": {"x": {old: 1}}}))
    };
    let patch = |version: &str, old: &str| {
        format!(
            r#"PATCH deployments n/web merge {{"spec":{{"x":{{"new":1,"{old}":null}}}},"metadata":{{"resourceVersion":"{version}"}}}}"#
        )
    };
    let done = driver.walk(
        sent,
        &[
            ("GET deployments n/web", read("1", "old")),
            (&patch("1", "old"), refuse(409, "the object has been modified")),
            ("GET deployments n/web", read("2", "older")),
            (&patch("2", "older"), version("3")),
        ],
    );
    assert_eq!(outcome(&done).0, "applied");
}

#[test]
fn n6_apply_sends_exactly_the_path_and_a_conflict_of_managers_is_definitive() {
    let mut driver = driver("locus: spec.paused, type: bool, strategy: apply");
    let sent = driver.send("set/a", "true");
    let read = ok(json!({"metadata": {"name": "web", "namespace": "n", "uid": "u", "resourceVersion": "1"}}));
    let patch = r#"PATCH deployments n/web apply {"spec":{"paused":true},"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"n","uid":"u"}}"#;
    let message = r#"Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.paused"#;
    let done = driver.walk(
        sent,
        &[("GET deployments n/web", read), (patch, refuse(409, message))],
    );
    assert_eq!(outcome(&done), ("conflict".to_owned(), message.to_owned()));
    assert_eq!(acks(&done), [1]);
}

#[test]
fn strategies_choose_the_way() {
    check(
        "locus: spec.replicas, strategy: merge, type: int",
        "2",
        r#"PATCH deployments n/web merge {"spec":{"replicas":2}}"#,
    );
    let mut driver = driver("locus: spec.replicas, strategy: json, type: int");
    let sent = driver.send("set/a", "2");
    let read = ok(json!({"metadata": {"resourceVersion": "5"}, "spec": {"replicas": 1}}));
    let patch = r#"PATCH deployments n/web json [{"op":"test","path":"/metadata/resourceVersion","value":"5"},{"op":"replace","path":"/spec/replicas","value":2}]"#;
    driver.walk(sent, &[("GET deployments n/web", read), (patch, version("6"))]);
    // A Pod has no scale subresource.
    let effects = Driver::new(&config("Pod", "locus: spec.replicas, type: int")).send("set/a", "2");
    assert_eq!(
        show(&call(&effects).1),
        r#"PATCH pods n/web merge {"spec":{"replicas":2}}"#
    );
}

#[test]
fn what_cannot_be_written_safely_is_refused_at_load() {
    for (item, expected) in [
        (
            "locus: 'spec.x[0]', values: {map: {'OFF': ~}}",
            "removing a list element by its number",
        ),
        ("locus: 'spec.x[*].y'", "can lead to several places"),
        (
            "locus: 'spec.x[0].y', strategy: merge",
            "cannot change one element of a list",
        ),
        (
            "locus: 'spec.x[0].y', strategy: apply",
            "cannot change one element of a list",
        ),
        ("locus: spec.x, min: 2, max: 1", "no number is at least 2"),
    ] {
        let (refused, text) = complaints(&config("Deployment", item));
        assert!(refused && text.contains(expected), "{item}: {text}");
    }
}
