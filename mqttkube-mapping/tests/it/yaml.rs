//! YAML trees: positions, messages, types of scalars.

use mqttkube_mapping::yaml::{self, Content, Loader, Node, Position, Schema};
use mqttkube_mapping::{CompileError, ErrorKind, PathSeg};
use proptest::prelude::*;
use serde_json::json;

use super::yaml_reading::link;

#[track_caller]
pub(crate) fn check_errors(text: &str, expected: &[&str]) {
    let errors = yaml::parse(text, "f", "")
        .map(|_| ())
        .expect_err("the text is wrong")
        .to_string();
    assert_eq!(errors.lines().collect::<Vec<_>>(), expected);
}

#[track_caller]
fn check_kubectl(text: &str, expected: serde_json::Value) {
    let tree = Loader::new("f", "")
        .schema(Schema::Kubectl)
        .parse(text)
        .expect("the text is right");
    assert_eq!(tree.root().to_json(), Ok(expected), "{text}");
}

#[track_caller]
fn check_config(text: &str, expected: serde_json::Value) {
    let tree = yaml::parse(text, "f", "").expect("the text is right");
    assert_eq!(tree.root().to_json(), Ok(expected), "{text}");
}

fn position(line: u32, column: u32) -> Position {
    Position { line, column }
}

#[test]
fn all_errors_of_a_file_are_told_at_once_in_its_order() {
    check_errors(
        "a: !!str x\nb: 99999999999999999999\na: .inf\nc:\n  <<: 5\n",
        &[
            "f:1:4: error: the tag \"!!str\" is not allowed here; put the text in quotes instead",
            "f:2:4: error: the integer 99999999999999999999 does not fit into 64 bits; put it in quotes if it is text",
            "f:3:1: error: duplicate key \"a\"; it is there at line 1 already",
            "f:3:4: error: .inf is not a finite number; put it in quotes if it is text",
            "f:5:7: error: only mappings can be merged with \"<<\"",
        ],
    );
}

#[test]
fn c17_a_tag_in_the_wrong_case_is_suggested() {
    check_errors(
        "v: !Relpath x\n",
        &["f:1:4: error: the tag \"!Relpath\" is not allowed here; did you mean \"!relpath\"?"],
    );
    check_errors(
        "v: !relpath [a]\n",
        &["f:1:4: error: the tag \"!relpath\" is for one path, as text"],
    );
}

#[test]
fn c14_numbers_are_typed_as_pyyaml_types_them() {
    check_config(
        "[0b11, 0x_1F, -0x1f, +017, 0_7, 1__0, -.5, .5, 1._5, 1e3, 1.e+3, 1.5E-2, 0, -0, 00, 0_, 1.2_3]",
        json!([
            3, 31, -31, 15, 7, 10, "-.5", 0.5, 1.5, "1e3", 1000.0, 0.015, 0, 0, 0, 0, 1.23
        ]),
    );
}

#[test]
fn kubectl_reads_yaml_1_1_as_go_does() {
    check_kubectl(
        "[on, No, y, ~, 0o17, 017, 08, 1e3, 1_000, 0x1F, -.5, 5., 2020-01-01, 1:30, 'on', !!str 5, !!int 5]",
        json!([
            true,
            false,
            true,
            null,
            15,
            15,
            8.0,
            1000.0,
            1000,
            31,
            -0.5,
            5.0,
            "2020-01-01",
            "1:30",
            "on",
            "5",
            5
        ]),
    );
    check_kubectl(
        "{1: a, true: b, 1.5: c}",
        json!({"1": "a", "true": "b", "1.5": "c"}),
    );
    let loader = Loader::new("f", "").schema(Schema::Kubectl);
    for wrong in ["a: !relpath x", "{~: 1}", "a: 1\na: 2", "a: !!binary aGk="] {
        assert!(loader.parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn merged_keys_come_first_and_own_keys_win() {
    let text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  z: 3\n  <<: [*a, *b]\n  w: 3\n";
    let tree = yaml::parse(text, "f", "").expect("the text is right");
    let merged = tree
        .root()
        .get("c")
        .expect("it is there")
        .to_json()
        .expect("keys are text");
    assert_eq!(
        merged.to_string(),
        json!({"y": 1, "z": 3, "x": 1, "w": 3}).to_string()
    );
}

#[test]
fn positions_count_characters_and_lines_from_one() {
    let text = "é: [a, \"日\"]\nb:\n  - x: 1\n    y: |\n      text\n";
    let tree = yaml::parse(text, "f", "").expect("the text is right");
    let list = tree.root().get("é").expect("it is there");
    assert_eq!(list.position, position(1, 4));
    let Content::Sequence(items) = &list.content else {
        panic!("a list")
    };
    assert_eq!(
        (items[0].position, items[1].position),
        (position(1, 5), position(1, 8))
    );
    let Content::Sequence(items) = &tree.root().get("b").expect("it is there").content else {
        panic!("a list")
    };
    assert_eq!(items[0].position, position(3, 5));
    assert_eq!(items[0].get("y").map(|node| node.position), Some(position(5, 7)));
}

#[test]
fn an_alias_stands_where_it_is_used() {
    let tree = yaml::parse("a: &x {k: 1}\nb: *x\n", "f", "").expect("the text is right");
    let copy = tree.root().get("b").expect("it is there");
    assert_eq!(copy.position, position(2, 4));
    assert_eq!(copy.get("k").map(|node| node.position), Some(position(1, 11)));
}

#[test]
fn several_documents_are_read_only_where_they_are_wanted() {
    check_errors(
        "a: 1\n---\nb: 2\n",
        &["f:2:1: error: a second document begins here, but the file must hold one"],
    );
    let all = Loader::new("f", "")
        .parse_all("a: &x 1\n---\nb: 2\n...\n---\n")
        .expect("three documents");
    assert_eq!(all.len(), 3);
    assert!(all[2].root().is_null());
    assert!(
        Loader::new("f", "").parse_all("a: &x 1\n---\nb: *x\n").is_err(),
        "anchors end with their document"
    );
}

fn yaml_text() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("a"),
        Just("b: "),
        Just("- "),
        Just("\n"),
        Just("  "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(", "),
        Just("&x "),
        Just("*x"),
        Just("<<: "),
        Just("!relpath "),
        Just("!!str "),
        Just("'"),
        Just("\""),
        Just("|\n"),
        Just("---\n"),
        Just("? "),
        Just("~"),
        Just("1e3"),
        Just("0x1"),
        Just("#"),
        Just("\t"),
        Just("é"),
        Just("%TAG ! a\n"),
        Just("\u{feff}"),
        Just(": "),
    ];
    prop_oneof![
        3 => prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat()),
        1 => ".{0,60}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::scaled(500)))]

    #[test]
    fn no_text_makes_the_loader_panic(text in yaml_text()) {
        for schema in [Schema::Config, Schema::Kubectl] {
            if let Ok(trees) = Loader::new("f", "/d").schema(schema).parse_all(&text) {
                for tree in trees {
                    let _ = tree.root().to_json();
                    let _ = tree.read(|cursor| link(&cursor));
                    let _ = tree.deserialize::<serde_json::Value>();
                }
            }
        }
    }

    #[test]
    fn json_is_yaml_and_means_the_same(value in json_value(4)) {
        let text = value.to_string();
        let tree = yaml::parse(&text, "f", "").expect("JSON is YAML");
        prop_assert_eq!(tree.root().to_json(), Ok(value.clone()));
        prop_assert_eq!(tree.deserialize::<serde_json::Value>().expect("any JSON"), value);
    }

    #[test]
    fn a_node_is_where_its_text_is(value in "[a-z]{1,8}", before in "[a-z]{0,5}", blanks in 0..5_usize) {
        let text = format!("# {before}\n{}k{before}:   {value}\n", " ".repeat(blanks));
        let tree = yaml::parse(&text, "f", "").expect("the text is right");
        let node: &Node = tree.root().get(&format!("k{before}")).expect("it is there");
        let line = text.lines().nth(node.position.line as usize - 1).expect("a line");
        prop_assert!(line[node.position.column as usize - 1..].starts_with(&value));
    }
}

fn json_value(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        (-1000..1000_i32).prop_map(|value| json!(f64::from(value) / 8.0 + 0.0625)),
        "[ -~éü日]{0,8}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(depth, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::Array),
            prop::collection::btree_map("[ -~é]{0,6}", inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

#[track_caller]
fn check_place(text: &str, path: &[PathSeg], compiled: &str, column: usize, expected: &str) {
    let tree = yaml::parse(text, "f", "").expect("the text is right");
    let error = CompileError::new(ErrorKind::Expression, compiled, "wrong")
        .at_column(column)
        .below(path);
    let errors = tree.read(|cursor| {
        cursor.compile_errors([&error]);
        Some(())
    });
    assert_eq!(
        errors.map(|_| ()).expect_err("one error").to_string(),
        format!("f:{expected}: error: wrong")
    );
}

#[test]
fn errors_inside_of_expressions_have_their_own_column() {
    let key = |key: &str| PathSeg::Key(key.to_owned());
    check_place(
        "transform: 'lambda v: 1 + q'\n",
        &[key("transform")],
        "lambda v: 1 + q",
        15,
        "1:27",
    );
    check_place("transform: 'é: x'\n", &[key("transform")], "é: x", 4, "1:16");
    check_place("t: \"a\\tb c\"\n", &[key("t")], "a\tb c", 5, "1:4");
    check_place("t: |\n  line\n  other\n", &[key("t")], "line\nother\n", 8, "3:5");
    check_place(
        "m:\n  ? 're:('\n  : x\n",
        &[key("m"), PathSeg::EntryKey(0)],
        "re:(",
        4,
        "2:9",
    );
    check_place(
        "m: {a: [1, x y]}\n",
        &[key("m"), PathSeg::EntryValue(0), PathSeg::Index(1)],
        "x y",
        3,
        "1:14",
    );
    check_place("m: {a: [1, x y]}\n", &[key("m"), key("gone")], "x y", 3, "1:4");
}
