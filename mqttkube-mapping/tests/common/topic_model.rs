//! Which topics a filter takes, in the words of MQTT 5.0 section 4.7: for the tests here and for fuzzing.

/// Whether a valid filter takes a topic that is not empty.
pub(crate) fn model(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (filter, topic): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
    let (fixed, open) = match filter.split_last() {
        Some((&"#", fixed)) => (fixed, true),
        _ => (filter.as_slice(), false),
    };
    let long_enough = if open {
        topic.len() >= fixed.len()
    } else {
        topic.len() == fixed.len()
    };
    long_enough
        && fixed
            .iter()
            .zip(&topic)
            .all(|(wanted, level)| *wanted == "+" || wanted == level)
}
