//! Properties of expressions, formats and maps: nothing that a person or a publisher writes can end the
//! program, and first matches follow the order of the file.

use std::time::{Duration, Instant};

use mqttkube_mapping::{
    Direction, Encoding, Expr, Format, Input, InputValue, MapKey, Names, Outcome, ValueMap, ValuesSpec,
    parse_json, publish_bytes,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The most that one evaluation may make, with room for quotes and escapes.
const MAX_OUTPUT: usize = 1 << 20;

/// Any JSON value of moderate size.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec(("[a-c]{1,2}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Sources that are often right: pieces of the language in any order.
fn source() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "v",
        "v",
        "v",
        "1",
        "2.5",
        "'ab'",
        "None",
        "True",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ":",
        ",",
        "+",
        "-",
        "*",
        "**",
        "//",
        "%",
        "/",
        "<",
        "==",
        " in ",
        " is ",
        " not ",
        " and ",
        " or ",
        " if ",
        " else ",
        " for ",
        "x",
        ".",
        ".split",
        ".join",
        ".format",
        ".get",
        ".replace",
        "len(",
        "int(",
        "str(",
        "sorted(",
        "sum(",
        "round(",
        "f'{v",
        "}'",
        "!r",
        ":>9",
        "'%s'",
        "json.loads(",
        "json.dumps(",
        "&",
        "<<",
        "~",
        "lambda ",
        "0x",
        "9223372036854775807",
        "\\",
        "é",
    ]);
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| format!("lambda v: {}", pieces.concat()))
}

/// A template out of pieces of its language.
fn template() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{", "}", "{{", "}}", "value", "input", "[a]", "[0]", "!r", "!s", "!a", ":", ">", "<", "^", "=", "0",
        "9", "1024", ".", "3", "f", "e", "g", "d", "x", "#", ",", "_", "%", "+", " ", "z", "c", "é",
        "{value}", "{value:",
    ]);
    proptest::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

fn check_expression(source: &str, input: &Value) {
    if let Ok(expr) = Expr::compile(source, Names::Argument)
        && let Ok(output) = expr.call(InputValue::Json(input))
    {
        let length = publish_bytes(&output, Encoding::Json).len();
        let given = publish_bytes(input, Encoding::Json).len();
        assert!(
            length <= MAX_OUTPUT + 20_000 * (given + 16),
            "{source} made {length} bytes"
        );
    }
}

/// Entries of a map: literal, regex and predicate keys that can take small texts.
fn keys() -> impl Strategy<Value = Vec<String>> {
    let key = prop_oneof![
        "[ab]{1,2}",
        "[ab]{1,2}".prop_map(|text| format!("re:{text}")),
        "[ab]{1,2}".prop_map(|text| format!("lambda v: v == '{text}'")),
        Just("lambda v: v > 1".to_owned()),
        Just("re:".to_owned()),
    ];
    proptest::collection::vec(key, 0..8)
}

/// What a key takes, said as simply as can be.
fn takes(key: &str, text: &str) -> bool {
    if let Some(pattern) = key.strip_prefix("re:") {
        return text.starts_with(pattern);
    }
    if let Some(wanted) = key.strip_prefix("lambda v: v == ") {
        return text == wanted.trim_matches('\'');
    }
    !key.starts_with("lambda ") && key == text
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error(source in ".{0,60}", input in document()) {
        check_expression(&source, &input);
        check_expression(&format!("lambda v: {source}"), &input);
    }

    #[test]
    fn pieces_of_the_language_evaluate_or_fail(source in source(), input in document()) {
        check_expression(&source, &input);
    }

    #[test]
    fn any_text_is_a_template_or_an_error(template in prop_oneof![".{0,40}", template()], value in document()) {
        if let Ok(format) = Format::parse(&template) {
            let names = json!({"value": value, "input": "a"});
            if let Ok(text) = format.render(names.as_object().expect("an object")) {
                prop_assert!(text.len() <= MAX_OUTPUT);
            }
        }
    }

    #[test]
    fn braces_of_a_payload_are_text(payload in ".{0,30}[{}].{0,30}") {
        let spec = ValuesSpec::new().entry(MapKey::Text("lambda v: True".into()), json!("<{value}>"));
        let map = ValueMap::compile(&spec, Direction::Patch, None).expect("the section is right");
        let Outcome::Match(found) = map.lookup(Input::text(&payload)) else {
            return Err(TestCaseError::fail("no match"));
        };
        prop_assert_eq!(found.output(), &json!(format!("<{payload}>")));
    }

    #[test]
    fn v6_the_first_entry_in_file_order_wins_across_kinds(keys in keys(), text in "[ab]{0,3}") {
        let spec = keys.iter().enumerate().fold(ValuesSpec::new(), |spec, (index, key)| {
            spec.entry(MapKey::Text(key.clone()), json!(index))
        });
        let map = ValueMap::compile(&spec, Direction::Patch, None).expect("the keys are right");
        let wanted = if keys.is_empty() {
            Some(json!(text))
        } else {
            keys.iter().position(|key| takes(key, &text)).map(|index| json!(index))
        };
        let got = match map.lookup(Input::text(&text)) {
            Outcome::Match(found) => Some(found.into_output()),
            Outcome::Miss(_) | Outcome::Error(_) => None,
        };
        prop_assert_eq!(&got, &wanted);
        prop_assert_eq!(map.explain(Input::text(&text)).outcome.ok().and_then(Result::ok), got);
    }

    #[test]
    fn w5_published_json_reads_back(value in document()) {
        let bytes = publish_bytes(&value, Encoding::Json);
        prop_assert!(bytes.is_ascii());
        let text = String::from_utf8(bytes).expect("ASCII");
        prop_assert_eq!(parse_json(&text).expect("JSON"), value);
    }

    #[test]
    fn any_section_compiles_or_tells_what_is_wrong(node in document(), input in document()) {
        if let Ok(map) = ValueMap::compile(&serde_json::from_value(node).expect("any JSON"), Direction::Watch, None) {
            let _ = map.explain(Input::json(&input));
        }
    }
}

#[test]
fn hostile_work_ends_quickly() {
    let long = "a".repeat(256 * 1024);
    let sources = [
        "lambda v: [v] * 5000 == [v + ''] * 5000",
        "lambda v: sorted([v] * 3000)",
        "lambda v: v.replace('a', v)",
        "lambda v: v.count('aa') + v.find('b') + len(v.split('a'))",
        "lambda v: [x + y for x in v for y in v]",
        "lambda v: '%1024d' % 1 * 1000",
        "lambda v: 9 ** 9 ** 9 ** 9",
        "lambda v: [[[[0] * 9000] * 9000] * 9000] * 9000",
        "lambda v: v.upper().lower().title().strip('a')",
    ];
    let begun = Instant::now();
    for source in sources {
        let expr = Expr::compile(source, Names::Argument).expect(source);
        let _ = expr.call(InputValue::Text(&long));
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn v8_a_nested_repetition_is_linear() {
    let spec = ValuesSpec::new().entry(MapKey::Text("re:(a+)+$".into()), json!(1));
    let map = ValueMap::compile(&spec, Direction::Patch, None).expect("the pattern is right");
    let text = "a".repeat(1_000_000) + "!";
    let begun = Instant::now();
    assert!(matches!(map.lookup(Input::text(&text)), Outcome::Miss(_)));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn nested_sources_need_little_stack() {
    let work = || {
        for source in [
            "(".repeat(2000),
            "[".repeat(60) + "1" + &"]".repeat(60),
            "not ".repeat(900) + "v",
            "-".repeat(3000),
        ] {
            let _ = Expr::compile(&format!("lambda v: {source}"), Names::Argument);
        }
        let sums =
            Expr::compile(&format!("lambda v: v{}", "+v".repeat(150)), Names::Argument).expect("150 sums");
        assert_eq!(sums.call(InputValue::Json(&json!(1))), Ok(json!(151)));
        assert!(Expr::compile(&format!("lambda v: v{}", "+v".repeat(1500)), Names::Argument).is_err());
    };
    let thread = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(work)
        .expect("a thread");
    thread.join().expect("no overflow");
}
