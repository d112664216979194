//! Topics: the known answers.

use mqttkube_mapping::{Router, TopicFilter, TopicPrefix};
use serde_json::Value;

use crate::vectors;

#[test]
fn vectors_topics() {
    vectors::run("topics.json", &[], |case| match case["kind"].as_str() {
        Some("match") => matching(case),
        Some("valid") => validity(case),
        Some("join") => joining(case),
        kind => Err(format!("unknown kind {kind:?}")),
    });
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().expect("a field with text")
}

fn matching(case: &Value) -> Result<(), String> {
    let filter: TopicFilter = text(case, "filter").parse().map_err(|error| format!("{error}"))?;
    let topic = text(case, "topic");
    let mut router = Router::new();
    let _ = router.insert(&filter, ());
    let mut routed = false;
    router.matches(topic, |()| routed = true);
    let got = filter.matches(topic);
    if case["matches"] == got && routed == got {
        return Ok(());
    }
    Err(format!("{filter} on {topic:?}: matched {got}, routed {routed}"))
}

fn validity(case: &Value) -> Result<(), String> {
    let filter = match &case["filter_repeat"] {
        Value::Null => text(case, "filter").to_owned(),
        repeat => {
            let times = repeat["times"]
                .as_u64()
                .and_then(|times| usize::try_from(times).ok());
            text(repeat, "unit").repeat(times.expect("a number of times"))
        }
    };
    let result = TopicFilter::new(filter);
    if case["valid"] == result.is_ok() {
        Ok(())
    } else {
        Err(format!("{result:?}"))
    }
}

fn joining(case: &Value) -> Result<(), String> {
    let prefix: TopicPrefix = text(case, "prefix").parse().map_err(|error| format!("{error}"))?;
    let joined = prefix.join(text(case, "topic"));
    if case["joined"] == *joined {
        Ok(())
    } else {
        Err(format!("joined {joined:?}"))
    }
}
