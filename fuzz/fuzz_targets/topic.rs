//! Any filter on any topic: the matcher, the router and the words of MQTT 5.0 section 4.7 agree.
//!
//! The input is the filter, a line end, and the topic.
#![no_main]

#[path = "../../mqttkube-mapping/tests/common/topic_model.rs"]
mod topic_model;

use libfuzzer_sys::fuzz_target;
use mqttkube_mapping::{Router, TopicFilter, TopicPrefix};
use topic_model::model;

fuzz_target!(|text: &str| {
    let Some((filter, topic)) = text.split_once('\n') else {
        return;
    };
    if let Ok(prefix) = TopicPrefix::new(filter) {
        let joined = prefix.join(topic);
        assert!(prefix.is_empty() || prefix.strip(&joined) == Some(topic.trim_start_matches('/')));
    }
    let Ok(filter) = TopicFilter::new(filter) else {
        return;
    };
    let expected = !topic.is_empty() && model(filter.as_str(), topic);
    assert_eq!(filter.matches(topic), expected);
    let mut router = Router::new();
    let _ = router.insert(&filter, ());
    let mut routed = false;
    router.matches(topic, |()| routed = true);
    assert_eq!(routed, expected);
    if let Ok(other) = TopicFilter::new(topic) {
        assert_eq!(filter.overlaps(&other), other.overlaps(&filter));
        assert!(!expected || other.has_wildcards() || filter.overlaps(&other));
    }
    let _ = router.remove(&filter, &());
    assert!(router.is_empty());
});
