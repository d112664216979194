//! Every lint has one file that fires it and one, as near as can be, that does not.

use std::collections::BTreeSet;

use mqttkube_mosquitto::Version::{V2_0, V2_1};
use mqttkube_mosquitto::analysis::FindingCode;
use mqttkube_mosquitto::{
    Code, Config, Lint, Severity, Version, lint, lint_acl_file, lint_dynsec, lint_named_files,
    lint_password_file,
};

use crate::lint_cases::{
    ACL, BRIDGES, BROKER, Case, LISTENERS, NAMED, RULES, SALT_64, TEXT, WEBSOCKETS, dynsec_cases,
    password_cases,
};
use crate::network_cases::network_cases;

/// A bridge to which nothing can be said, without its last lines.
const BRIDGE: &str = "\
listener 1883 127.0.0.1
allow_anonymous true
persistence true
persistence_location /data/
autosave_interval 1
autosave_on_changes true
max_queued_messages 1000000
connection cloud
address broker.example.org:1883
remote_clientid cloud-1
local_clientid local-1
";

#[track_caller]
fn check((code, version, bad, line, good): &Case, look: impl Fn(&str, Version) -> Vec<Lint>) {
    let lines = |text: &str| -> Vec<usize> {
        let found = look(text, *version);
        found
            .iter()
            .filter(|lint| lint.code.as_str() == *code)
            .map(|lint| lint.line)
            .collect()
    };
    assert_eq!(
        lines(bad),
        [*line],
        "{code} in:\n{bad}\nfound: {:#?}",
        look(bad, *version)
    );
    assert_eq!(lines(good), [0; 0], "{code} in:\n{good}");
}

fn with_bridge(text: &str) -> String {
    text.replace("BRIDGE\n", BRIDGE)
}

#[test]
fn every_lint_of_a_configuration_fires_where_it_should_and_nowhere_else() {
    for group in [TEXT, BROKER, LISTENERS, WEBSOCKETS, BRIDGES, RULES] {
        for &(code, version, bad, line, good) in group {
            let (bad, good) = (with_bridge(bad), with_bridge(good));
            check(&(code, version, &*bad.leak(), line, &*good.leak()), lint);
        }
    }
}

#[test]
fn every_lint_of_a_password_file_fires_where_it_should_and_nowhere_else() {
    password_cases()
        .iter()
        .for_each(|case| check(case, lint_password_file));
    assert!(
        lint_password_file(SALT_64, V2_1).is_empty(),
        "2.1 takes a salt of 64 bytes"
    );
}

#[test]
fn every_file_that_is_named_and_missing_is_told() {
    NAMED
        .iter()
        .for_each(|case| check(case, |text, _| lint_named_files(text, |path| path == "/there")));
}

#[test]
fn every_lint_of_an_acl_file_fires_where_it_should_and_nowhere_else() {
    ACL.iter()
        .for_each(|case| check(case, |text, _| lint_acl_file(text)));
}

#[test]
fn every_lint_of_a_dynamic_security_file_fires_where_it_should_and_nowhere_else() {
    dynsec_cases().iter().for_each(|case| check(case, lint_dynsec));
}

/// Every case is checked above or in `network_cases`, so a code with one has been seen to fire and not to fire.
#[test]
fn every_code_has_a_case_and_no_two_are_the_same() {
    let files = [TEXT, BROKER, LISTENERS, WEBSOCKETS, BRIDGES, RULES, NAMED, ACL].concat();
    let files = files.into_iter().chain(password_cases()).chain(dynsec_cases());
    let networks = network_cases().into_iter().map(|case| case.code.as_str());
    let cases: BTreeSet<&str> = files.map(|case| case.0).chain(networks).collect();
    let rules = FindingCode::ALL.iter().map(|code| code.as_str());
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).chain(rules).collect();
    assert_eq!(codes.iter().copied().collect::<BTreeSet<_>>(), cases);
    assert_eq!(codes.len(), cases.len(), "two codes have one text");
    assert!(Code::ALL.iter().all(|code| code.about().ends_with('.')));
}

#[test]
fn a_clean_bridge_has_no_findings_at_all() {
    let text = format!("{BRIDGE}topic events/# out 1 gcp/ up/\ntopic commands/# in 1 gcp/ down/\n");
    assert_eq!(lint(&text, V2_0), []);
}

/// Spec 2.5: `both` comes back when the other end does not look at the bit of `try_private`.
#[test]
fn an_echo_is_a_note_where_the_other_end_may_be_a_mosquitto_and_a_warning_where_it_is_none() {
    let severity = |address: &str, last: &str| {
        let text = format!("connection c\naddress {address}\ntopic a/# both 1\n{last}");
        let found = lint(&text, V2_0);
        let echo = found.iter().find(|lint| lint.code.as_str() == "bridge-echo");
        let advice = found.iter().find(|lint| lint.code == Code::BridgeTryPrivate);
        let apart = advice.is_some_and(|lint| lint.help.contains("apart"));
        (echo.map(|lint| lint.severity), apart)
    };
    let aws = "a-ats.iot.eu-west-1.amazonaws.com:8883";
    assert_eq!(severity("h", ""), (Some(Severity::Note), false));
    assert_eq!(
        severity("h", "try_private false\n"),
        (Some(Severity::Warning), false)
    );
    assert_eq!(
        severity(aws, "try_private true\n"),
        (Some(Severity::Warning), false)
    );
    assert_eq!(severity(aws, ""), (Some(Severity::Warning), true));
    assert_eq!(severity("h", "bridge_cafile /ca\n"), (Some(Severity::Note), true));
    assert_eq!(severity(aws, "bridge_protocol_version mqttv50\n"), (None, false));
}

#[test]
fn no_password_is_shown() {
    let text = "connection c\nremote_password canary one\nremote_password canary two\nbridge_psk canary\nlocal_password canary\n";
    let found = format!("{:?} {:?}", lint(text, V2_0), Config::read(text));
    assert!(!found.contains("canary"), "{found}");
}
