//! Topics and the router against naive models.

use std::collections::HashMap;

use mqttkube_mapping::{Router, SubscriptionDiff, Topic, TopicError, TopicFilter, TopicPrefix};
use proptest::prelude::*;

use super::topic_model::model;

fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("a"),
        Just("b"),
        Just(""),
        Just("$s"),
        Just("é"),
        Just("日本")
    ]
}

fn topic() -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(level(), 1..6);
    levels
        .prop_map(|levels| levels.join("/"))
        .prop_filter("a topic has a character", |topic| !topic.is_empty())
}

fn filter() -> impl Strategy<Value = TopicFilter> {
    let level = prop_oneof![3 => level(), 1 => Just("+")];
    (prop::collection::vec(level, 0..5), any::<bool>()).prop_filter_map("not empty", |(mut levels, multi)| {
        if multi {
            levels.push("#");
        }
        levels.join("/").parse().ok()
    })
}

#[track_caller]
fn filter_of(text: &str) -> TopicFilter {
    text.parse().expect("a valid filter")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::scaled(400)))]

    #[test]
    fn m3_matching_is_that_of_the_model(filter in filter(), topic in topic()) {
        prop_assert_eq!(filter.matches(&topic), model(filter.as_str(), &topic));
    }

    #[test]
    fn overlapping_is_symmetric_and_follows_from_a_common_topic(
        a in filter(),
        b in filter(),
        topics in prop::collection::vec(topic(), 50),
    ) {
        prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
        if topics.iter().any(|topic| a.matches(topic) && b.matches(topic)) {
            prop_assert!(a.overlaps(&b));
        }
    }

    #[test]
    fn filters_that_overlap_have_a_witness(a in filter(), b in filter()) {
        prop_assert_eq!(a.overlaps(&b), witness(&a, &b).is_some());
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in ".{0,40}", topic in ".{0,40}") {
        if let Ok(filter) = TopicFilter::new(text.as_str()) {
            prop_assert_eq!(filter.matches(&topic), !topic.is_empty() && model(filter.as_str(), &topic));
        }
        let _ = Topic::new(text.as_str());
        if let Ok(prefix) = TopicPrefix::new(text.as_str()) {
            let joined = prefix.join(&topic);
            prop_assert!(prefix.is_empty() || prefix.strip(&joined) == Some(topic.trim_start_matches('/')));
            let _ = prefix.strip(&topic);
        }
    }

    #[test]
    fn the_router_is_a_map_from_filters_to_ids(
        steps in prop::collection::vec((any::<bool>(), filter(), 0..3_u8), 0..60),
        topics in prop::collection::vec(topic(), 12),
    ) {
        let mut router = Router::new();
        let mut map: HashMap<TopicFilter, Vec<u8>> = HashMap::new();
        for (insert, filter, id) in steps {
            let ids = map.entry(filter.clone()).or_default();
            let before = ids.len();
            ids.retain(|known| *known != id || insert);
            if insert && !ids.contains(&id) {
                ids.push(id);
            }
            let expected = match (before, ids.len()) {
                (0, 1) => SubscriptionDiff::Subscribe(filter.clone()),
                (1, 0) => SubscriptionDiff::Unsubscribe(filter.clone()),
                _ => SubscriptionDiff::Unchanged,
            };
            let diff = if insert { router.insert(&filter, id) } else { router.remove(&filter, &id) };
            prop_assert_eq!(diff, expected);
            prop_assert_eq!(router.get(&filter), ids.as_slice());
        }
        prop_assert_eq!(router.len(), map.values().filter(|ids| !ids.is_empty()).count());
        for topic in topics {
            let mut found = Vec::new();
            router.matches(&topic, |id| found.push(*id));
            found.sort_unstable();
            let matching = map.iter().filter(|(filter, _)| model(filter.as_str(), &topic));
            let mut expected: Vec<_> = matching.flat_map(|(_, ids)| ids.clone()).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected, "topic {}", topic);
        }
    }
}

/// A topic that both filters match, looked for among the levels that the filters name themselves.
fn witness(a: &TopicFilter, b: &TopicFilter) -> Option<String> {
    let depth = a.as_str().split('/').count().max(b.as_str().split('/').count());
    let mut levels: Vec<&str> = a.as_str().split('/').chain(b.as_str().split('/')).collect();
    levels.retain(|level| !matches!(*level, "+" | "#"));
    levels.push("x");
    levels.sort_unstable();
    levels.dedup();
    let mut grown: Vec<String> = levels.iter().map(|level| (*level).to_owned()).collect();
    for _ in 0..=depth {
        if let Some(topic) = grown.iter().find(|topic| a.matches(topic) && b.matches(topic)) {
            return Some(topic.clone());
        }
        // Only beginnings that both filters could still take, so that the search stays small.
        grown.retain(|topic| possible(a, topic) && possible(b, topic));
        grown = grown
            .iter()
            .flat_map(|topic| levels.iter().map(move |level| format!("{topic}/{level}")))
            .collect();
    }
    None
}

fn possible(filter: &TopicFilter, beginning: &str) -> bool {
    let levels: Vec<_> = beginning.split('/').collect();
    let mut wanted = filter.as_str().split('/');
    levels.iter().all(|level| match wanted.next() {
        Some("#") => {
            wanted = "#".split('/');
            true
        }
        Some(wanted) => wanted == "+" || wanted == *level,
        None => false,
    })
}

#[test]
fn a_filter_of_32768_levels_is_routed_and_dropped_without_recursion() {
    let filter = filter_of(&"+/".repeat(32_767));
    let topic = "a/".repeat(32_767);
    let small_stack = std::thread::Builder::new().stack_size(64 * 1024);
    let work = move || {
        let mut router = Router::new();
        assert_eq!(
            router.insert(&filter, 1),
            SubscriptionDiff::Subscribe(filter.clone())
        );
        let mut found = 0;
        router.matches(&topic, |id| found += id);
        assert_eq!(found, 1);
        assert_eq!(
            router.remove(&filter, &1),
            SubscriptionDiff::Unsubscribe(filter.clone())
        );
        assert!(router.is_empty());
    };
    small_stack
        .spawn(work)
        .expect("a thread starts")
        .join()
        .expect("no overflow");
}

#[test]
fn ids_of_one_filter_are_told_in_the_order_of_their_insertion() {
    let (mut router, filter) = (Router::new(), filter_of("a/#"));
    for id in [3, 1, 2, 1] {
        let _ = router.insert(&filter, id);
    }
    let mut found = Vec::new();
    router.matches("a", |id| found.push(*id));
    assert_eq!(found, [3, 1, 2]);
}

#[test]
fn m4_a_prefix_ends_at_a_level() {
    let strip = |prefix: &str, topic: &'static str| TopicPrefix::new(prefix).expect("a prefix").strip(topic);
    assert_eq!(strip("pre", "pre/x"), Some("x"));
    assert_eq!(strip("pre", "prefix2/x"), None);
    assert_eq!(strip("pre", "pre"), Some(""));
    assert_eq!(strip("pre/", "pre"), Some(""));
    assert_eq!(strip("pre/", "pre//x"), Some("/x"));
    assert_eq!(strip("/", "/x"), Some("x"));
    assert_eq!(strip("/", "x"), None);
    assert_eq!(strip("", "/x"), Some("/x"));
    assert_eq!(strip("é", "\u{e9}x"), None);
}

#[test]
fn errors_name_the_text_and_the_place() {
    let text = |result: Result<TopicFilter, TopicError>| result.expect_err("refused").to_string();
    let partial = text(TopicFilter::new("日/a#"));
    assert_eq!(
        partial,
        "the filter \"日/a#\" has '#' at byte 5: a wildcard must fill its whole level"
    );
    let after = text(TopicFilter::new("a/#/b"));
    assert_eq!(
        after,
        "the filter \"a/#/b\" goes on after \"#\" at byte 2: \"#\" must be the last level"
    );
    let wildcard = Topic::new("a/+").expect_err("refused");
    assert_eq!(
        wildcard.to_string(),
        "the topic \"a/+\" must not contain the wildcard '+' (at byte 2)"
    );
    assert_eq!(
        TopicFilter::new("a\0"),
        Err(TopicError::Nul {
            text: "a\0".to_owned(),
            offset: 1
        })
    );
    assert_eq!(
        TopicFilter::new("a".repeat(65_536)),
        Err(TopicError::TooLong { bytes: 65_536 })
    );
}
