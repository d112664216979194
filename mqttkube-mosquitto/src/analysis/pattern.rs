//! Filters as sets of topics.

use crate::{RuleSet, Way};

/// The filter of the topics that both filters match; there is always one, or none at all.
pub(super) fn intersect(left: &str, right: &str) -> Option<String> {
    let mut both: Vec<&str> = Vec::new();
    let (mut left, mut right) = (left.split('/'), right.split('/'));
    loop {
        let level = match (left.next(), right.next()) {
            (Some("#"), Some(level)) => {
                return finish(&both, std::iter::once(level).chain(right));
            }
            (Some(level), Some("#")) => {
                return finish(&both, std::iter::once(level).chain(left));
            }
            (None | Some("#"), None) | (None, Some("#")) => break,
            (Some(a), Some("+")) => a,
            (Some("+"), Some(b)) => b,
            (Some(a), Some(b)) if a == b => a,
            _ => return None,
        };
        both.push(level);
    }
    finish(&both, std::iter::empty())
}

fn finish<'a>(both: &[&'a str], rest: impl Iterator<Item = &'a str>) -> Option<String> {
    let levels: Vec<&str> = both.iter().copied().chain(rest).collect();
    let text = levels.join("/");
    (!text.is_empty()).then_some(text)
}

/// What topics need to be tried: a level that no filter names, and how many levels can matter.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    fresh: String,
    depth: usize,
}

impl Samples {
    pub(super) fn new<'a>(filters: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut fresh = "x".to_owned();
        while filters
            .clone()
            .any(|filter| filter.split('/').any(|level| level.contains(&fresh)))
        {
            fresh.push('x');
        }
        let depth = filters.map(|filter| filter.split('/').count()).max().unwrap_or(0) + 1;
        Self { fresh, depth }
    }

    pub(super) fn of_rules(rules: &RuleSet) -> Self {
        let texts = rule_texts(rules);
        Self::new(texts.iter().map(String::as_str))
    }

    /// Topics of a filter of which each matches as few other filters as a topic of its length can: whatever keeps away
    /// from some filters is found among them. Without `$`, which keeps wildcards away from the first level.
    pub(super) fn topics(&self, filter: &str) -> Vec<String> {
        let levels = filter
            .split('/')
            .map(|level| if level == "+" { self.fresh.as_str() } else { level });
        let fixed: Vec<&str> = levels.filter(|level| *level != "#").collect();
        if !filter.ends_with('#') {
            return vec![fixed.join("/")];
        }
        let lengths = if fixed.is_empty() {
            1..=self.depth
        } else {
            0..=self.depth
        };
        let more = |count| {
            fixed
                .iter()
                .copied()
                .chain(std::iter::repeat_n(self.fresh.as_str(), count))
        };
        lengths
            .map(|count| more(count).collect::<Vec<_>>().join("/"))
            .filter(|topic| !topic.is_empty())
            .collect()
    }

    /// One topic of a filter, with a level below a `#`.
    pub(super) fn topic(&self, filter: &str) -> String {
        let topics = self.topics(filter);
        topics.get(1).or(topics.first()).cloned().unwrap_or_default()
    }
}

/// Both filters of every rule.
pub(super) fn rule_texts(rules: &RuleSet) -> Vec<String> {
    let both = rules
        .rules()
        .iter()
        .flat_map(|rule| [rule.filter_text(Way::Out), rule.filter_text(Way::In)]);
    both.collect()
}
