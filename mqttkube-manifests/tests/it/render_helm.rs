//! Charts: where a value shows is found, not written by hand. What helm makes of them is a test against helm.

#![allow(
    clippy::needless_pass_by_value,
    reason = "values are written where they are passed"
)]

use std::convert::Infallible;

use mqttkube_manifests::bundle::{Bundle, VerifiedBundle};
use mqttkube_manifests::render::File;
use mqttkube_manifests::render::helm::{Chart, Parameter};
use serde_json::{Value, json};

fn bundle(data: Value) -> VerifiedBundle {
    let mut bundle = Bundle::new();
    bundle
        .add_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}))
        .expect("it is an object");
    bundle.unverified("a test").expect("there is a reason")
}

/// The parameter with its places found in what `data` makes of it.
fn find(default: Value, probes: [Value; 2], data: impl Fn(&Value) -> Value) -> Result<Parameter, String> {
    let mut parameter = Parameter::new("a.b", "What it is.", default.clone());
    let result = parameter.find(&bundle(data(&default)), &probes, |value| {
        Ok::<_, Infallible>(bundle(data(value)))
    });
    result.map(|()| parameter).map_err(|error| error.to_string())
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the tests give texts")
}

fn file(files: &[File], path: &str) -> String {
    let found = files.iter().find(|file| file.path == path);
    found.unwrap_or_else(|| panic!("no {path}")).text.clone()
}

/// The last line of the only template.
#[track_caller]
fn check(default: Value, probes: [Value; 2], data: impl Fn(&Value) -> Value, expected: &str) {
    let parameter = find(default.clone(), probes, &data).expect("it shows");
    let files = Chart::new("c", "1.0.0", vec![parameter])
        .render(&bundle(data(&default)))
        .expect("it fits");
    let template = file(&files, "templates/configmap-c.yaml");
    let (_, shown) = template.split_once("\ndata:\n").expect("there is data");
    assert_eq!(shown, expected);
}

#[test]
fn a_value_alone_is_looked_up_as_it_is() {
    let data = |value: &Value| json!({ "k": value });
    check(
        json!(1883),
        [json!(31111), json!(32222)],
        data,
        "  k: {{ .Values.a.b | toJson }}\n",
    );
    check(
        json!("x"),
        [json!("probe-one"), json!("probe-two")],
        data,
        "  k: {{ .Values.a.b | toJson }}\n",
    );
}

#[test]
fn a_value_in_a_line_is_put_together() {
    let data = |value: &Value| json!({ "k": format!("{{{{ \"{value}\" }}}}") });
    let expected = "  k: {{ print \"{\\u007b \\\"\" (int64 .Values.a.b) \"\\\" }}\" | toJson }}\n";
    check(json!(1), [json!(31111), json!(32222)], data, expected);
}

#[test]
fn a_value_in_a_file_stands_in_its_line_and_braces_stay_text() {
    let data = |value: &Value| json!({"k": format!("a {{{{x}}}}\nlevel {{{0} {0}\n", text(value))});
    let expected =
        "  k: |\n    a {{ \"{{\" }}x}}\n    level {{ \"{\" }}{{ .Values.a.b }} {{ .Values.a.b }}\n";
    check(
        json!("notice"),
        [json!("probe-one"), json!("probe-two")],
        data,
        expected,
    );
}

#[test]
fn what_is_no_look_up_is_refused() {
    let probes = || [json!("probe-one"), json!("probe-two")];
    let refused =
        |data: &dyn Fn(&Value) -> Value| find(json!("x"), probes(), data).expect_err("it is refused");
    assert_eq!(
        refused(&|_| json!({"k": "v"})),
        "a.b cannot be a value of the chart: \"probe-one\" changes nothing"
    );
    assert_eq!(
        refused(&|value| json!({"k": text(value).len().to_string()})),
        "a.b cannot be a value of the chart: ConfigMap/c depends on it at /data/k in another way than by holding it"
    );
    assert_eq!(
        refused(&|value| json!({ text(value): "v" })),
        "a.b cannot be a value of the chart: ConfigMap/c depends on it at /data in another way than by holding it"
    );
    assert_eq!(
        refused(&|value| if text(value) == "probe-two" {
            json!({"k": "x", "l": value})
        } else {
            json!({"k": value, "l": "x"})
        }),
        "a.b cannot be a value of the chart: what it changes depends on the value"
    );
}

#[test]
fn values_come_with_words_and_a_schema() {
    let data = |value: &Value| json!({ "k": value });
    let mut parameter = find(json!("on"), [json!("probe-one"), json!("probe-two")], data).expect("it shows");
    parameter.schema = json!({"maxLength": 5});
    let render = |parameters| Chart::new("c", "1.0.0", parameters).render(&bundle(data(&json!("on"))));
    let files = render(vec![parameter.clone()]).expect("it fits");
    let values = file(&files, "values.yaml");
    assert!(
        values.ends_with("\na:\n  # What it is.\n  b: \"on\"\n"),
        "{values}"
    );
    let schema: Value = serde_json::from_str(&file(&files, "values.schema.json")).expect("it is JSON");
    let leaf = &schema["properties"]["a"]["properties"]["b"];
    assert_eq!(
        (&leaf["type"], &leaf["allOf"]),
        (&json!("string"), &json!([{"maxLength": 5}]))
    );
    assert_eq!(schema["additionalProperties"], false);

    let refused = |change: &dyn Fn(&mut Parameter), expected: &str| {
        let mut other = parameter.clone();
        change(&mut other);
        let error = render(vec![parameter.clone(), other]).expect_err("it is refused");
        assert_eq!(error.to_string(), expected);
    };
    refused(&|_| (), "\"a.b\" is there twice");
    refused(
        &|other| other.path = "a.b.c".into(),
        "a.b.c cannot be a value of the chart: its path begins with that of another value",
    );
    refused(
        &|other| other.path = "a".into(),
        "a cannot be a value of the chart: another value's path begins with it",
    );
    refused(
        &|other| other.path = "a-b".into(),
        "a-b cannot be a value of the chart: a path is words of letters and digits between dots, and not below `global`",
    );
    refused(
        &|other| {
            other.path = "c".into();
            other.default = json!("off");
        },
        "a.b cannot be a value of the chart: ConfigMap/c does not hold it, or not alone, at /data/k",
    );
}
