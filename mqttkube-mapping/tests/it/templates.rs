//! Object templates: a message fills scalars and nothing else.

use std::sync::LazyLock;

use mqttkube_mapping::yaml;
use mqttkube_mapping::{ObjectTemplate, RenderError, StaticContext, TemplateContext, TemplateMode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scaled;

fn compile(text: &str, mode: TemplateMode) -> Result<ObjectTemplate, yaml::Diagnostics> {
    let (binding, action) = (json!({"name": "syncer", "n": 3}), json!({"topic": "t/cmd"}));
    ObjectTemplate::parse(
        text,
        "job.yaml",
        "/etc",
        mode,
        StaticContext {
            binding: &binding,
            action: &action,
        },
    )
}

fn render(template: &ObjectTemplate, matched: &Value) -> Result<Value, RenderError> {
    template.render(&TemplateContext {
        uid: "1a2b3c4d",
        matched,
        topic: "lab/lamp/set",
        now: "2024-01-02T03:04:05Z",
        retained: true,
    })
}

#[track_caller]
fn check(text: &str, mode: TemplateMode, matched: &Value, expected: &Value) {
    let template = compile(text, mode).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(render(&template, matched).as_ref(), Ok(expected), "{text}");
}

#[track_caller]
fn check_error(text: &str, mode: TemplateMode, expected: &[&str]) {
    let errors = compile(text, mode)
        .map(|_| ())
        .expect_err("the template is wrong")
        .to_string();
    assert_eq!(errors.lines().collect::<Vec<_>>(), expected);
}

const STRUCTURED: TemplateMode = TemplateMode::Structured;
const TEXT: TemplateMode = TemplateMode::Text;

#[test]
fn t1_the_context_has_topic_levels_time_and_the_retained_flag() {
    let text = "a: ${topic}\nb: ${topic[0]}-${topic[-1]}\nc: ${now}\nd: ${retained}\ne: ${len(topic[0:2])}\n";
    let expected =
        json!({"a": "lab/lamp/set", "b": "lab-set", "c": "2024-01-02T03:04:05Z", "d": true, "e": 2});
    check(text, STRUCTURED, &json!({}), &expected);
    let text = "a: ${topic}\nb: ${topic[0]}-${topic[2]}\nd: ${retained}\n";
    check(
        text,
        TEXT,
        &json!({}),
        &json!({"a": "lab/lamp/set", "b": "lab-set", "d": true}),
    );
}

#[test]
fn t3_mistakes_are_found_at_load_all_at_once_with_their_column() {
    check_error(
        "kind: Job\na: ${nope}\nb: x-${uid +}\n${uid}: c\nd: '${binding.nme}'\ne: |\n  echo\n  ${uid\nf: ${uid | h}\n",
        STRUCTURED,
        &[
            "job.yaml:2:6: error: there is no name \"nope\"",
            "job.yaml:3:13: error: expected a value, but here is the end",
            "job.yaml:4:1: error: the key \"${uid}\" holds \"${\", but only values can be filled in",
            "job.yaml:5:7: error: binding has no \"nme\"",
            "job.yaml:8:3: error: \"${\" is not closed by \"}\"",
            "job.yaml:9:12: error: there is no name \"h\"; filters are not available; use a method such as .upper()",
        ],
    );
}

#[test]
fn t3_control_lines_name_the_way_out() {
    let way_out = "write \"template: {mode: text}\" to have % if and % for, or use an expression";
    check_error(
        "kind: Job\n% if uid:\na: 1\n% endif\n",
        STRUCTURED,
        &[&format!(
            "job.yaml:2:1: error: the control line \"% if\" is not available in structured mode; {way_out}"
        )],
    );
    check_error(
        "kind: Job\na: |\n  x\n  % for i in match.l:\n  y\n",
        STRUCTURED,
        &[&format!(
            "job.yaml:4:3: error: the control line \"% for\" is not available in structured mode; {way_out}"
        )],
    );
    check_error(
        "kind: Job\n<% x = 1 %>\n",
        TEXT,
        &[
            "job.yaml:2:1: error: blocks such as \"<% %>\" and \"<%def>\" are not available; use an expression instead",
        ],
    );
}

#[test]
fn text_mode_has_conditions_and_loops() {
    let text = "kind: Job\n## a remark\nspec:\n% if match.value == 'RUN':\n  run: ${match.value}\n% else:\n  stop: x-${uid}\n\
                % endif\n  list:\n% for item in match.json['items']:\n  - ${item}\n% endfor\n  # ${uid}\n  pct: |\n    %% x\n";
    let matched = json!({"value": "RUN", "json": {"items": [1, "b: c", null]}});
    let expected = json!({"kind": "Job", "spec": {"run": "RUN", "list": [1, "b: c", null], "pct": "% x\n"}});
    check(text, TEXT, &matched, &expected);
    let matched = json!({"value": "STOP", "json": {"items": []}});
    let expected = json!({"kind": "Job", "spec": {"stop": "x-1a2b3c4d", "list": null, "pct": "% x\n"}});
    check(text, TEXT, &matched, &expected);
}

#[test]
fn text_mode_refuses_at_load_what_it_does_not_have() {
    check_error(
        "a: ${nope}\n",
        TEXT,
        &["job.yaml:1:6: error: no message supplies \"nope\""],
    );
    check_error(
        "a: 1\nb: ${binding.nme}\n",
        TEXT,
        &["job.yaml:2:6: error: no message supplies \"binding.nme\""],
    );
    check_error(
        "a: ${uid | upper}\n",
        TEXT,
        &["job.yaml:1:10: error: '|' is not available in an expression of text mode"],
    );
    check_error(
        "a: ${'x' * 9}\n",
        TEXT,
        &["job.yaml:1:10: error: '*' is not available in an expression of text mode"],
    );
    check_error(
        "% while uid:\n",
        TEXT,
        &["job.yaml:1:1: error: the control line \"% while\" is not available"],
    );
    assert!(compile("a: ${uid ==}\n", TEXT).is_err());
    assert!(compile("% if uid:\na: 1\n", TEXT).is_err());
    assert!(compile("a: \u{e000}\n", TEXT).is_err());
}

#[test]
fn text_mode_fails_on_a_message_without_a_value() {
    let template = compile("a: ${match.json.x}\n", TEXT).expect("it is right");
    assert!(render(&template, &json!({"json": {}})).is_err());
    let template = compile("${match.value}: 1\n", TEXT).expect("it is right");
    assert!(
        render(&template, &json!({"value": "x"})).is_err(),
        "a value is no key"
    );
    let template = compile("${match.value}\n", TEXT).expect("it is right");
    assert!(render(&template, &json!({"value": "x"})).is_err(), "no object");
}

#[test]
fn what_one_message_makes_is_limited() {
    let list = "- ${match.value}\n".repeat(50);
    let big = json!({"value": "x".repeat(100_000)});
    for mode in [STRUCTURED, TEXT] {
        let template = compile(&format!("a:\n{list}"), mode).expect("it is right");
        assert_eq!(render(&template, &big), Err(RenderError::TooLarge));
    }
    let loops = "a:\n% for i in match.l:\n% for j in match.l:\n% for k in match.l:\n- 1\n% endfor\n% endfor\n% endfor\n";
    let template = compile(loops, TEXT).expect("it is right");
    assert!(render(&template, &json!({"l": vec![0; 1000]})).is_err());
}

#[test]
fn an_inline_object_keeps_its_own_types() {
    let statics = StaticContext {
        binding: &json!({}),
        action: &json!({}),
    };
    let tree =
        yaml::parse("{a: 1, b: [on, ~, 1.5], c: '${retained}', d: \"x\"}", "f", "").expect("it is right");
    let template = ObjectTemplate::from_node(tree.root(), statics).expect("it is right");
    let expected = json!({"a": 1, "b": ["on", null, 1.5], "c": "true", "d": "x"});
    assert_eq!(render(&template, &json!({})), Ok(expected));
    let wrong =
        ObjectTemplate::from_json(&json!(["${uid}", {"${x}": "${y}"}]), statics).expect_err("it is wrong");
    assert_eq!(wrong.len(), 2);
}

/// A place of a template for the value of a message, and what the value must become there.
type Place = (&'static str, fn(&str) -> Value);

/// In both modes, compiled once.
static PLACES: LazyLock<Vec<(ObjectTemplate, Place)>> = LazyLock::new(|| {
    let compiled = |mode, place: Place| {
        (
            compile(&format!("{}z: 1\n", place.0), mode).expect("it is right"),
            place,
        )
    };
    places()
        .into_iter()
        .flat_map(|place| [STRUCTURED, TEXT].map(|mode| compiled(mode, place)))
        .collect()
});

fn places() -> Vec<Place> {
    vec![
        ("v: ${match.value}\n", |value| json!({"v": value, "z": 1})),
        ("v: \"${match.value}\"\n", |value| json!({"v": value, "z": 1})),
        ("v: '${match.value}'\n", |value| json!({"v": value, "z": 1})),
        (
            "v: pre-${match.value}\n",
            |value| json!({"v": format!("pre-{value}"), "z": 1}),
        ),
        (
            "v: \"a ${match.value} b\"\n",
            |value| json!({"v": format!("a {value} b"), "z": 1}),
        ),
        (
            "v: |\n  echo ${match.value}\n",
            |value| json!({"v": format!("echo {value}\n"), "z": 1}),
        ),
        (
            "v: >-\n  echo\n  ${match.value}\n",
            |value| json!({"v": format!("echo {value}"), "z": 1}),
        ),
        (
            "v: [a, \"${match.value}\", b]\n",
            |value| json!({"v": ["a", value, "b"], "z": 1}),
        ),
        (
            "v: {k: '${match.value}', l: 2}\n",
            |value| json!({"v": {"k": value, "l": 2}, "z": 1}),
        ),
        (
            "v:\n- x\n- ${match.value}${match.value}\n",
            |value| json!({"v": ["x", format!("{value}{value}")], "z": 1}),
        ),
    ]
}

fn payload() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("\n"),
        Just("  "),
        Just(": "),
        Just("- "),
        Just("#"),
        Just(" #"),
        Just("'"),
        Just("\""),
        Just("${"),
        Just("${uid}"),
        Just("}"),
        Just("{"),
        Just("["),
        Just("]"),
        Just(", "),
        Just("&a "),
        Just("*a"),
        Just("!!str "),
        Just("---\n"),
        Just("...\n"),
        Just("<% x %>"),
        Just("% if x:\n"),
        Just("\\"),
        Just("\u{e000}"),
        Just("\u{e001}22"),
        Just("\u{e002}"),
        Just("\t"),
        Just("\0"),
        Just("\u{2028}"),
        Just("evil"),
        Just("true"),
        Just("é日"),
        Just("|"),
    ];
    prop_oneof![4 => prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat()), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(1000)))]

    #[test]
    fn t4_a_payload_is_always_exactly_one_scalar(value in payload()) {
        for (template, (place, expected)) in PLACES.iter() {
            let rendered = render(template, &json!({"value": value}));
            prop_assert_eq!(rendered, Ok(expected(&value)), "{}", place);
        }
    }

    #[test]
    fn no_template_makes_a_panic(
        tokens in prop::collection::vec(prop_oneof![
            Just("a: "), Just("${uid}"), Just("${match."), Just("value}"), Just("${"), Just("}"), Just("\n"), Just("  "),
            Just("- "), Just("% if uid:\n"), Just("% for x in match:\n"), Just("% endif\n"), Just("% endfor\n"), Just("%%"),
            Just("##"), Just("<%"), Just("'"), Just("\""), Just("topic["), Just("0]}"), Just("|\n"), Just("("), Just("é"),
        ], 0..25),
        matched in "[a-z]{0,3}",
    ) {
        for mode in [STRUCTURED, TEXT] {
            if let Ok(template) = compile(&tokens.concat(), mode) {
                let _ = render(&template, &json!({"value": matched}));
            }
        }
    }

    #[test]
    fn a_typed_place_takes_any_json(value in json_value()) {
        for mode in [STRUCTURED, TEXT] {
            let template = compile("v: ${match.json}\n", mode).expect("it is right");
            prop_assert_eq!(render(&template, &json!({"json": value})), Ok(json!({"v": value})));
        }
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        Just(json!(1.5)),
        any::<String>().prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}
