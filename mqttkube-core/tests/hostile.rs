//! Configurations that are broken on purpose: refused with a place, in bounded time and memory, and never by a panic.

use std::fmt::Write;
use std::time::{Duration, Instant};

use mqttkube_core::config::{self, Config};
use mqttkube_core::explain::{Happening, explain};
use mqttkube_mapping::yaml::{Diagnostic, Diagnostics, Section};
use proptest::prelude::*;

fn parse(text: &str) -> Result<Config, Diagnostics> {
    config::parse(text, "c.yaml", "", |section| {
        let _ = (section.get("http"), section.get("logging"));
    })
}

/// The text is refused soon, and the first message contains `expected`.
#[track_caller]
fn refused(text: &str, expected: &str) {
    let start = Instant::now();
    let errors = parse(text).expect_err("it is refused").to_string();
    assert!(
        errors.contains(expected),
        "{}",
        errors.lines().next().unwrap_or_default()
    );
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "took {:?}",
        start.elapsed()
    );
}

fn binding(body: &str) -> String {
    format!("bindings:\n  - namespace: media\n    resource: Deployment\n    name: jellyfin\n{body}")
}

#[test]
fn ten_lines_of_aliases_do_not_become_a_billion_values() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{uses}]").expect("a string takes everything");
    }
    refused(&text, "c.yaml:");
}

#[test]
fn nesting_is_bounded() {
    refused(
        &format!("bindings: {}{}", "[".repeat(1000), "]".repeat(1000)),
        "c.yaml:1:",
    );
    refused(&"a: {".repeat(100_000), "c.yaml:");
}

#[test]
fn a_million_documents_are_one_too_many() {
    refused(&"bindings: []\n---\n".repeat(1_000_000 / 17), "second document");
}

#[test]
fn too_many_bytes_are_refused_before_they_are_read() {
    refused(&"#".repeat((16 << 20) + 1), "bytes");
}

#[test]
fn of_ten_thousand_bindings_the_one_that_is_wrong_is_named() {
    let mut text = "bindings:\n".to_owned();
    for index in 0..10_000 {
        let kind = if index == 7777 { "Deploymint" } else { "Deployment" };
        writeln!(
            text,
            "  - {{namespace: n{}, resource: {kind}, name: d{index}, watch: {{locus: spec.replicas, topic: t/{index}}}}}",
            index % 10
        )
        .expect("a string takes everything");
    }
    refused(&text, "c.yaml:7779:");
}

#[test]
fn a_regular_expression_that_would_be_huge_is_refused() {
    refused(
        &binding("    patch: {topic: a, locus: spec.replicas, values: {map: {'re:(x{1000}){1000}': 1}}}\n"),
        "c.yaml:5:",
    );
}

#[test]
fn a_deeply_nested_query_is_refused() {
    let query = format!("$[?{}@.a{}]", "(".repeat(1000), ")".repeat(1000));
    refused(
        &binding(&format!("    watch: {{locus: '{query}', topic: a}}\n")),
        "c.yaml:5:",
    );
}

#[test]
fn a_deeply_nested_expression_is_refused() {
    let key = format!("lambda v: {}v{}", "(".repeat(10_000), ")".repeat(10_000));
    refused(
        &binding(&format!(
            "    watch: {{locus: a, topic: a, values: {{map: {{'{key}': 1}}}}}}\n"
        )),
        "c.yaml:5:",
    );
}

#[test]
fn tags_that_run_code_elsewhere_are_refused() {
    for tag in [
        "!!python/object/apply:os.system [id]",
        "!!binary aGk=",
        "!include x",
        "!!python/name:os.system",
    ] {
        refused(&format!("bindings: {tag}\n"), "tag");
    }
}

/// Good files to start from. Relative paths in them begin at the folder of the tests.
const SEEDS: [&str; 3] = [
    include_str!("configs/home.yaml"),
    include_str!("configs/python.yaml"),
    include_str!("configs/tested.yaml"),
];

/// Times `MQTTKUBE_TEST_SCALE`.
fn cases() -> u32 {
    let scale = std::env::var("MQTTKUBE_TEST_SCALE").ok();
    512 * scale.and_then(|text| text.parse().ok()).unwrap_or(1).max(1)
}

/// A few messages for everybody who listens, and the answer to none of them.
fn drive(config: &Config, payload: &[u8]) {
    for filter in config.plan.filters() {
        let message = Happening::Message {
            topic: filter.filter().as_str().replace(['+', '#'], "x"),
            payload: payload.to_vec(),
            retained: false,
            object: None,
        };
        explain(&config.spec, &config.session, &message).expect("it compiled before");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_change_of_a_good_file_makes_the_loader_or_a_message_panic(
        seed in 0..SEEDS.len(),
        edits in proptest::collection::vec((0_usize..2000, 0..8_usize, "[\\PC\n\t]{0,6}"), 1..6),
        payload in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut characters: Vec<char> = SEEDS[seed].chars().collect();
        for (at, remove, insert) in edits {
            let at = at.min(characters.len());
            let end = (at + remove).min(characters.len());
            characters.splice(at..end, insert.chars());
        }
        let text: String = characters.into_iter().collect();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/configs");
        let program = |section: &mut Section<'_>| {
            let _ = (section.get("http"), section.get("logging"));
        };
        match config::parse(&text, "c.yaml", folder, program) {
            Ok(config) => drive(&config, &payload),
            Err(errors) => {
                prop_assert!(errors.has_errors());
                let lines = u32::try_from(text.lines().count()).expect("it is short") + 1;
                let here = |error: &&Diagnostic| &*error.file == "c.yaml";
                prop_assert!(errors.iter().filter(here).all(|error| error.position.line <= lines));
            }
        }
    }
}
