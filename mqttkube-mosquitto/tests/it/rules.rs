//! One `topic` line, and what a set of them does with a message.

use mqttkube_mosquitto::{Direction, RuleSet, TopicRule, Version, Way};

#[track_caller]
fn parses(line: &str, pattern: &str, direction: Direction, qos: u8, local: &str, remote: &str) {
    let rule: TopicRule = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
    let parts = (
        rule.pattern(),
        rule.direction(),
        rule.qos(),
        rule.local_prefix(),
        rule.remote_prefix(),
    );
    assert_eq!(parts, (pattern, direction, qos, local, remote));
    assert_eq!(
        rule.to_string().parse::<TopicRule>().as_ref(),
        Ok(&rule),
        "the text of {line} is another rule"
    );
    let json = serde_json::to_string(&rule).expect("a rule is JSON");
    assert_eq!(
        serde_json::from_str::<TopicRule>(&json).expect("its own JSON"),
        rule
    );
}

#[track_caller]
fn refuses(line: &str, message: &str) {
    let error = line.parse::<TopicRule>().expect_err(line);
    assert_eq!(error.to_string(), message);
}

#[test]
fn parts_at_the_end_have_defaults() {
    parses("topic a/b", "a/b", Direction::Out, 0, "", "");
    parses("a/b IN", "a/b", Direction::In, 0, "", "");
    parses("a/b Both 2", "a/b", Direction::Both, 2, "", "");
    parses("# out 1 l/", "#", Direction::Out, 1, "l/", "");
    parses("# out 1 \"\" r/", "#", Direction::Out, 1, "", "r/");
    parses("\"\" in 1 l r", "", Direction::In, 1, "l", "r");
}

#[test]
fn comments_end_a_rule_where_mosquitto_ends_it() {
    parses("# out # all", "#", Direction::Out, 0, "", "");
    parses("# out 1 # all", "#", Direction::Out, 1, "", "");
    parses("# out 1 l/ # all", "#", Direction::Out, 1, "l/", "");
    parses("# out 1 l/ r/ # all", "#", Direction::Out, 1, "l/", "r/");
}

#[test]
fn quotes_hold_a_pattern_with_blanks() {
    parses("\"a b/#\" out 1 l/ r/", "a b/#", Direction::Out, 1, "l/", "r/");
    refuses(
        "\"ab\" out",
        "a quoted pattern must contain a blank and end with a quote",
    );
}

#[test]
fn the_message_names_what_is_wrong() {
    refuses(
        "a sideways",
        "\"sideways\" is no direction; it is out, in or both",
    );
    refuses("a out 3", "\"3\" is no QoS; it is 0, 1 or 2");
    refuses(
        "\"\" out 1 l/",
        "a rule with an empty pattern needs a local and a remote prefix",
    );
    refuses("a out 1 l r more", "\"more\" follows after the remote prefix");
    let message = "the local prefix \"+/\" is no beginning of a topic: the topic \"+/\" must not contain the wildcard '+' \
                   (at byte 0)";
    refuses("a out 1 +/ r/", message);
    let message = "the remote prefix \"r\" and the pattern \"#\" make no filter: the filter \"r#\" has '#' at byte 1: a \
                   wildcard must fill its whole level";
    refuses("# out 1 l/ r", message);
}

#[test]
fn a_rule_is_also_a_map() {
    let text = r#"{"topic":"events/#","direction":"both","qos":1,"local-prefix":"gcp/"}"#;
    let rule: TopicRule = serde_json::from_str(text).expect("a rule");
    assert_eq!(rule.to_string(), "events/# both 1 gcp/ \"\"");
    let error = serde_json::from_str::<TopicRule>(r#"{"topic":"a","qos":1,"prefix":"x"}"#)
        .expect_err("an unknown key");
    assert!(error.to_string().starts_with("unknown field `prefix`"), "{error}");
}

fn set(rules: &[&str], version: Version) -> RuleSet {
    RuleSet::new(
        rules.iter().map(|rule| rule.parse().expect("a rule")).collect(),
        version,
    )
}

#[track_caller]
fn goes(rules: &[&str], way: Way, topic: &str, expected: Option<&str>) {
    let forward = set(rules, Version::V2_0).forward(topic, way);
    assert_eq!(
        forward.map(|forward| forward.topic).as_deref(),
        expected,
        "{topic}"
    );
}

#[test]
fn prefixes_are_exchanged_without_a_slash() {
    goes(&["# out 1 gcp/ up/"], Way::Out, "gcp/events", Some("up/events"));
    goes(&["# out 1 gcp/ up/"], Way::In, "up/events", None);
    goes(&["x/# both 1 a b"], Way::In, "bx/y", Some("ax/y"));
    goes(&["\"\" out 1 here there"], Way::Out, "here", Some("there"));
}

#[test]
fn the_parent_keeps_its_name_behind_the_new_prefix() {
    goes(&["# out 1 gcp/ up/"], Way::Out, "gcp", Some("up/gcp"));
}

#[test]
fn the_first_rule_with_a_prefix_names_also_what_a_rule_without_takes() {
    goes(&["a/# out 1", "# out 1 a/ b/"], Way::Out, "a/x", Some("b/x"));
    goes(&["x out 1 a/ c/", "# out 1 a/ b/"], Way::Out, "a/x", Some("c/x"));
}

#[test]
fn names_with_a_dollar_stay_out_of_wildcards() {
    goes(&["# out 1"], Way::Out, "$SYS/broker/uptime", None);
    goes(
        &["$SYS/# out 1"],
        Way::Out,
        "$SYS/broker/uptime",
        Some("$SYS/broker/uptime"),
    );
}

#[test]
fn version_2_1_drops_rules_that_look_alike() {
    let dropped = |rules: &[&str]| set(rules, Version::V2_1).dropped().collect::<Vec<_>>();
    assert_eq!(dropped(&["\"\" out 1 A/ B/", "# out 1 A/ B/"]), [(1, 0)]);
    assert_eq!(dropped(&["x/# out 1", "x/# out 1 L/ R/"]), [(1, 0)]);
    // The later rule's empty pattern is compared as the text that it is.
    assert_eq!(dropped(&["# out 1 A/ B/", "\"\" out 1 A/ B/"]), []);
    assert_eq!(dropped(&["x out 1 L/ R/", "x out 1 L/ S/"]), []);
    assert_eq!(
        set(&["x/# out 1", "x/# out 1 L/ R/"], Version::V2_0)
            .dropped()
            .count(),
        0
    );
}
