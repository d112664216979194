//! Flat YAML: what is written is what Kubernetes reads.

use mqttkube_manifests::bundle::{Bundle, VerifiedBundle};
use mqttkube_manifests::render::{self, yaml};
use mqttkube_mapping::yaml::{Loader, Schema};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Texts that one reader of YAML or another takes for something else than text.
const TRAPS: &[&str] = &[
    "",
    " ",
    "~",
    "null",
    "Null",
    "true",
    "Yes",
    "on",
    "Off",
    "n",
    "Y",
    "=",
    "<<",
    "-",
    "?",
    "- a",
    "? a",
    ":",
    "a:",
    "a: b",
    "a :b",
    "#",
    "a #b",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a`",
    "'",
    "\"",
    "'a'",
    "[",
    "]",
    "{",
    "}",
    "{a: b}",
    "[a]",
    ",",
    "---",
    "--- a",
    "...",
    "0",
    "-0",
    "+1",
    "007",
    "0o7",
    "0x1F",
    "0b11",
    "1_000",
    "1e3",
    "1E+3",
    "1.",
    ".5",
    "1.5",
    "-.inf",
    ".NaN",
    "inf",
    "190:20:30",
    "1:30",
    "22:22",
    "2001-01-01",
    "2001-12-14t21:59:43.10-05:00",
    " a",
    "a ",
    "\ta",
    "a\t",
    "a\tb",
    "a\rb",
    "\r\n",
    "a\r\nb\r\n",
    "\n",
    "\n\n",
    "a\n",
    "a\nb",
    "a\n\n",
    "a\n\n\nb\n",
    "\na",
    " a\nb",
    "\ta\nb",
    "a\n b\n",
    "a\n\tb\n",
    "a \nb \n",
    "a\n---\nb\n",
    "a\n# b\n",
    "a\u{85}b",
    "a\u{2028}b\n",
    "a\u{2029}",
    "\u{feff}a",
    "a\u{0}b",
    "\u{7}",
    "\u{1b}[0m",
    "\u{7f}",
    "\u{9f}",
    "\u{fffe}",
    "\u{ffff}",
    "ä\nß\n",
    "😀\n",
    "a\u{a0}b",
    "key: |\n  block\n",
    "{{ .Values.x }}",
    "\\n",
    "a\\",
    "0.0.0.0/0",
    "10Mi",
    "1e3m",
    "+",
    "+.",
    "_1",
    "0_",
    "1__2",
    "0x",
    "0b",
    "0o",
    "1e",
    "1:60",
    "00:30",
    "1:2:3.4",
    "2001-1-1 1:1:1 Z",
];

fn back(text: &str) -> Value {
    let trees = Loader::new("it.yaml", "")
        .schema(Schema::Kubectl)
        .parse_all(text)
        .unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let values = trees
        .iter()
        .map(|tree| tree.root().to_json().expect("keys are text"));
    values.collect()
}

fn bundle(objects: &[Value]) -> VerifiedBundle {
    let mut bundle = Bundle::new();
    for object in objects {
        bundle.add_value(object.clone()).expect("it is an object");
    }
    bundle.verified().expect("there is nothing wrong with it")
}

#[test]
fn text_that_looks_like_something_else_stays_text() {
    for trap in TRAPS {
        let trees = [
            json!({ "a": trap }),
            json!([trap]),
            json!({ *trap: 1 }),
            json!([[trap], { "a": { *trap: trap } }]),
        ];
        for tree in trees {
            let text = yaml::document(&tree);
            assert_eq!(back(&text), json!([tree]), "{trap:?} was written as\n{text}");
        }
    }
}

#[test]
fn a_configuration_file_is_a_block_and_a_word_is_plain() {
    let tree = json!({"data": {"mosquitto.conf": "listener 1883\n\n# a comment: yes\nlog_dest stderr\n"}, "name": "mosquitto"});
    let expected = "\
data:
  mosquitto.conf: |
    listener 1883

    # a comment: yes
    log_dest stderr
name: mosquitto
";
    assert_eq!(yaml::document(&tree), expected);
}

#[test]
fn nulls_go_and_what_means_something_stays() {
    let objects = bundle(&[json!({
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [], "egress": null},
        "status": {},
        "metadata": {"annotations": {}, "labels": {}, "name": "closed", "creationTimestamp": null},
        "kind": "NetworkPolicy",
        "apiVersion": "networking.k8s.io/v1",
    })]);
    let expected = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: closed
spec:
  ingress: []
  podSelector: {}
  policyTypes:
  - Ingress
";
    assert_eq!(yaml::render(&objects), expected);
}

#[test]
fn a_secret_is_written_as_the_api_server_keeps_it() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "data": {"a": "eA=="}, "stringData": {"a": "y", "b": "z"}});
    let expected = json!({"a": "eQ==", "b": "eg=="});
    assert_eq!(render::objects(&bundle(&[secret]))[0]["data"], expected);
}

#[test]
fn the_reason_of_an_override_stands_on_top_and_cannot_end_its_line() {
    let mut bundle = Bundle::new();
    let data = json!({"k": "-----BEGIN EC PRIVATE KEY-----"});
    bundle
        .add_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}))
        .expect("it is an object");
    let forced = bundle
        .unverified("of a\u{2028}test \u{7} key")
        .expect("there is a reason");
    let text = yaml::render(&forced);
    let mut lines = text.lines();
    let first = lines.next().expect("there is text");
    assert_eq!(
        first,
        "# written in spite of errors, because: of a test \\u{7} key"
    );
    let second = lines.next().expect("there is more text");
    assert!(second.starts_with("# MK401 ConfigMap/c: "), "{second}");
    assert_eq!(back(&text)[0]["data"], data);
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(TRAPS).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[ -~]{0,6}",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("JSON has no such number", |number| {
            serde_json::Number::from_f64(number).map(Value::Number)
        }),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(text(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_tree_is_read_back_as_it_was(tree in tree()) {
        let text = yaml::document(&tree);
        prop_assert_eq!(back(&text), json!([tree]), "{}", text);
    }

    #[test]
    fn the_order_of_members_does_not_show(data in prop::collection::hash_map(text(), text(), 0..6)) {
        let object = |reversed: bool| {
            let mut members: Vec<_> = data.clone().into_iter().collect();
            members.sort();
            if reversed {
                members.reverse();
            }
            let data: serde_json::Map<_, _> = members.into_iter().map(|(key, value)| (key, value.into())).collect();
            let mut bundle = Bundle::new();
            bundle.add_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}))?;
            bundle.unverified("a test").map(|bundle| yaml::render(&bundle))
        };
        prop_assert_eq!(object(false)?, object(true)?);
    }
}
