//! YAML trees read into types: sections, serde, units and secrets.

use std::collections::BTreeMap;

use mqttkube_mapping::yaml::{self, Cursor, Duration, Secret, Size};
use serde_json::json;

#[derive(Debug, PartialEq)]
pub(crate) struct Link {
    host: String,
    port: u16,
    keepalive: Duration,
    limit: Option<Size>,
    tags: Vec<String>,
}

pub(crate) fn link(cursor: &Cursor<'_>) -> Option<Link> {
    let mut root = cursor.section("the configuration")?;
    let link = root.section("link", "the link section").and_then(|mut section| {
        let host = section.required("host");
        let port = section.or("port", 1883);
        let keepalive = section
            .get("keepalive")
            .and_then(|value| Duration::from_node_or_seconds(&value));
        let limit = section.optional("limit");
        let tags = section
            .one_or_many("tags")
            .iter()
            .filter_map(Cursor::read)
            .collect();
        let _: Option<Secret> = section.optional("password");
        section.finish();
        Some(Link {
            host: host?,
            port,
            keepalive: keepalive.unwrap_or_default(),
            limit,
            tags,
        })
    });
    root.finish();
    link
}

#[test]
fn a_section_is_read_with_defaults() {
    let text = "link: {host: h, keepalive: 60, limit: 64KiB, tags: one, password: 'p'}\n";
    let (link, found) = yaml::parse(text, "f", "")
        .and_then(|tree| tree.read(|cursor| link(&cursor)))
        .expect("the text is right");
    let expected = Link {
        host: "h".to_owned(),
        port: 1883,
        keepalive: Duration::from_secs(60),
        limit: Some(Size::from_bytes(65_536)),
        tags: vec!["one".to_owned()],
    };
    assert_eq!(link, expected);
    assert!(found.is_empty());
}

#[test]
fn every_mistake_of_a_section_is_found_with_its_place_and_path() {
    let text = "link:\n  hots: x\n  port: 70000\n  keepalive: 5 min\n  limit: 3\n  tags: [a, 1, {}]\n  1: x\nlnik: ~\n";
    let errors = yaml::parse(text, "f", "")
        .and_then(|tree| tree.read(|cursor| link(&cursor)))
        .expect_err("the text is wrong");
    let lines: Vec<_> = errors
        .iter()
        .map(|error| format!("{} @{}", error, error.path))
        .collect();
    assert_eq!(
        lines,
        [
            "f:2:3: error: missing key \"host\" in the link section @link",
            "f:2:3: error: unknown key \"hots\" in the link section; did you mean \"host\"? @link.hots",
            "f:3:9: error: 70000 is not between 0 and 65535 @link.port",
            "f:4:14: error: \"5 min\" is no duration: write a whole number with ms, s, m, h or d, as in \"30s\" \
             @link.keepalive",
            "f:6:13: error: expected text, found a number; put it in quotes @link.tags[1]",
            "f:6:16: error: expected text, found a mapping @link.tags[2]",
            "f:7:3: error: unknown key 1 in the link section @link.\"\"",
            "f:8:1: error: unknown key \"lnik\" in the configuration; did you mean \"link\"? @lnik",
        ]
    );
}

#[test]
fn diagnostics_have_a_form_for_programs() {
    let errors = yaml::parse("a: 1\n", "f", "")
        .and_then(|tree| tree.read(|cursor| link(&cursor)))
        .expect_err("the text is wrong");
    assert_eq!(
        serde_json::to_value(&errors).expect("JSON"),
        json!([{"file": "f", "line": 1, "column": 1, "severity": "error", "path": "a",
                "message": "unknown key \"a\" in the configuration"}])
    );
}

#[test]
fn serde_finds_the_innermost_place() {
    let tree = yaml::parse("a:\n  - {}\n  - x: [true]\n", "f", "").expect("the text is right");
    let result = tree.deserialize::<BTreeMap<String, Vec<BTreeMap<String, Vec<i64>>>>>();
    let errors = result.expect_err("true is no number");
    let error = errors.iter().next().expect("one error");
    assert_eq!(
        error.to_string(),
        "f:3:9: error: invalid type: boolean `true`, expected i64"
    );
    assert_eq!(error.path, "a[1].x[0]");
}

#[test]
fn serde_reads_every_kind_of_variant() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Choice {
        Plain,
        One(i64),
        Two(i64, bool),
        Named { x: Option<f64> },
    }
    let tree = yaml::parse(
        "[plain, {one: 1}, {two: [2, true]}, {named: {x: 1}}, {plain: ~}]",
        "f",
        "",
    );
    let choices: Vec<Choice> = tree
        .and_then(|tree| tree.deserialize())
        .expect("the text is right");
    let expected = [
        Choice::Plain,
        Choice::One(1),
        Choice::Two(2, true),
        Choice::Named { x: Some(1.0) },
        Choice::Plain,
    ];
    assert_eq!(choices, expected);
    for wrong in [
        "[1]",
        "[{}]",
        "[{one: 1, two: 2}]",
        "[{plain: 1}]",
        "[none]",
        "[{1: 2}]",
    ] {
        let result = yaml::parse(wrong, "f", "").and_then(|tree| tree.deserialize::<Vec<Choice>>());
        assert!(result.is_err(), "{wrong}");
    }
}

#[test]
fn units_print_as_they_are_read() {
    for text in ["500ms", "30s", "5m", "1h", "7d", "0"] {
        assert_eq!(text.parse::<Duration>().expect("a duration").to_string(), text);
    }
    for text in ["1B", "64KiB", "1MiB", "2GiB", "0"] {
        assert_eq!(text.parse::<Size>().expect("a size").to_string(), text);
    }
    for wrong in [
        "",
        "s",
        "5",
        "1.5s",
        "-1s",
        "5 s",
        "5min",
        "1h30m",
        "99999999999999999d",
        "٣s",
    ] {
        assert!(wrong.parse::<Duration>().is_err(), "{wrong}");
    }
    for wrong in ["", "KiB", "64KB", "-1", "18446744073709551615KiB"] {
        assert!(wrong.parse::<Size>().is_err(), "{wrong}");
    }
}

#[test]
fn a_reference_to_a_secret_is_never_taken_for_the_secret() {
    for wrong in [
        "${env:}",
        "${env:A B}",
        "${evn:X}",
        "${file:}",
        "a${env:X}",
        "${env:X}${env:Y}",
        "x${file:/p",
    ] {
        assert!(wrong.parse::<Secret>().is_err(), "{wrong}");
    }
    let error = "topsecret${env:X}topsecret"
        .parse::<Secret>()
        .expect_err("not whole")
        .to_string();
    assert!(!error.contains("topsecret"), "{error}");
    for literal in ["", "${", "a{b}c", "$x", "${}", "pa$$word", "${not a reference}"] {
        let secret: Secret = literal.parse().expect("a literal");
        assert!(secret.is_literal());
        assert_eq!(format!("{secret:?}"), "Secret(literal)");
    }
}
