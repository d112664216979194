//! Payloads of people who mean no good.

use std::time::{Duration, Instant};

use mqttkube_core::event::Event;

use super::driver::{Driver, acks, call, calls, outcome, refuse, show};

const TEXT: &str = "defaults: {result: done}\nmqtt: {max-payload: 64KiB}\nbindings: [{namespace: n, resource: ConfigMap, name: c, patch: [{topic: text, locus: data.v, type: string}, {topic: json, locus: data.v, type: json}, {topic: path, locus: data.v, values: {jsonpath: $.a.b}}, {topic: form, locus: data.v, values: {map: {'re:(?s).*': '{value}'}}}, {topic: back, locus: data.v, values: {map: {'re:(a+)+$': 1}}}]}]";

/// The value that is written for a payload, or the outcome.
fn written(topic: &str, payload: &[u8]) -> Result<String, String> {
    let mut driver = Driver::new(TEXT);
    let effects = driver.send(topic, payload);
    let Some((job, request)) = calls(&effects).pop() else {
        assert_eq!(acks(&effects), [1], "whatever it is, it is acknowledged");
        return Err(outcome(&effects).0);
    };
    let end = driver.answer(job, refuse(422, "no"));
    assert_eq!(acks(&end), [1]);
    let line = show(&request);
    let value = line.strip_prefix(r#"PATCH configmaps n/c merge {"data":{"v":"#);
    let value = value.and_then(|rest| rest.strip_suffix("}}"));
    Ok(value.unwrap_or(&line).to_owned())
}

#[track_caller]
fn check(topic: &str, payload: &str, expected: Result<&str, &str>) {
    let found = written(topic, payload.as_bytes());
    assert_eq!(
        found.as_deref().map_err(String::as_str),
        expected,
        "{topic} {payload:.60}"
    );
}

#[test]
fn h1_nothing_is_a_value_like_any_other() {
    check("text", "", Ok(r#""""#));
    check("json", "", Err("invalid"));
}

#[test]
fn h1_each_single_byte_is_text_or_invalid() {
    for byte in 0..=u8::MAX {
        let found = written("text", &[byte]);
        if byte.is_ascii() {
            let text = char::from(byte).to_string();
            assert_eq!(found, Ok(serde_json::Value::from(text).to_string()));
        } else {
            assert_eq!(found, Err("invalid".to_owned()), "{byte:#x}");
        }
        // Nothing of this kind reaches the API server by way of JSON but one digit.
        assert_eq!(
            written("json", &[byte]).is_ok(),
            byte.is_ascii_digit(),
            "{byte:#x}"
        );
    }
}

#[test]
fn h2_what_is_not_utf8_is_refused_and_what_is_strange_is_kept() {
    for foul in [
        &b"\xff"[..],
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"ab\xf0\x9f",
        b"\xf4\x90\x80\x80",
    ] {
        for topic in ["text", "json", "path", "form", "back"] {
            assert_eq!(written(topic, foul), Err("invalid".to_owned()), "{foul:?}");
        }
    }
    for strange in ["\u{feff}x", "a\0b", "\u{2028}", "\u{202e}x", "\u{10ffff}"] {
        check("text", strange, Ok(&serde_json::Value::from(strange).to_string()));
    }
}

#[test]
fn h3_json_is_bounded_in_depth_and_exact_in_numbers() {
    for depth in [129, 20_000] {
        check("json", &"[".repeat(depth), Err("invalid"));
        let closed = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        check("json", &closed, Err("invalid"));
        let found = written("path", closed.as_bytes());
        assert!(found.is_err(), "{found:?}");
    }
    check("json", "1e400", Err("invalid"));
    check("json", "NaN", Err("invalid"));
    check("json", "1 1", Err("invalid"));
    check("json", "18446744073709551615", Ok("18446744073709551615"));
    let beyond = written("json", b"18446744073709551616");
    assert!(
        beyond == Err("invalid".to_owned()) || beyond == Ok("18446744073709552000.0".to_owned()),
        "{beyond:?}"
    );
}

#[test]
fn h4_a_payload_is_never_a_format() {
    for payload in [
        "{value:>99999999}",
        "{input.__class__}",
        "{",
        "}",
        "{}",
        "{0}",
        "%s",
        "${uid}",
    ] {
        check("form", payload, Ok(&serde_json::Value::from(payload).to_string()));
    }
}

#[test]
fn h5_matching_is_linear() {
    let start = Instant::now();
    let payload = format!("{}!", "a".repeat(65_000));
    check("back", &payload, Err("no_match"));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn h6_above_max_payload_nothing_happens_but_an_acknowledgement() {
    check("text", &"x".repeat(64 * 1024 + 1), Err("invalid"));
    assert!(written("text", &vec![b'x'; 64 * 1024]).is_ok());
    assert!(written("text", &vec![b'x'; 16 << 20]).is_err());
}

#[test]
fn h7_topics_that_no_broker_sends_do_no_harm() {
    let mut driver = Driver::new(
        "bindings: [{namespace: n, resource: ConfigMap, name: c, patch: {topic: '#', locus: data.v, values: {map: {'re:.*': '{topic}'}}}}]",
    );
    let long = "a/".repeat(32_767);
    for topic in ["", "/", "//", "é/x", "a/+/b", "#", "a\0b", &long] {
        let effects = driver.send(topic, "x");
        for (job, _) in calls(&effects) {
            driver.answer(job, refuse(422, "no"));
        }
    }
    assert!(
        calls(&driver.send("$SYS/x", "x")).is_empty(),
        "# takes no topic of the broker"
    );
    assert!(driver.engine.is_idle());
}

#[test]
fn f11_messages_without_acknowledgement_are_bounded() {
    let mut driver = Driver::new(TEXT);
    let first = driver.send("text", "0");
    for _ in 0..20_000 {
        let mut message = driver.message("text", "x");
        message.packet_id = None;
        driver.tell(Event::Message(message));
    }
    let commands = driver.engine.status().commands;
    assert_eq!((commands.running, commands.dropped), (10_000, 10_001));
    call(&first);
}
