//! What one bridge does with a message: which rules take it, and under which name it arrives.

use crate::{TopicRule, Version, Way};

/// The rules of one bridge as a version of Mosquitto applies them.
///
/// A message is taken when the filter of any rule of its way matches. Its name is decided by the first rule *with a
/// prefix* that matches, even when a rule without prefix stands before it; when there is none, the name stays.
///
/// ```
/// use mqttkube_mosquitto::{RuleSet, Version};
///
/// let rules = RuleSet::new(
///     vec!["sensors/# out 1".parse()?, "# out 1 sensors/ up/".parse()?],
///     Version::V2_0,
/// );
/// let forward = rules.outgoing("sensors/door").expect("it is taken");
/// assert_eq!(forward.topic, "up/door");
/// assert_eq!((forward.named_by, forward.matched), (Some(1), vec![0, 1]));
/// assert!(rules.outgoing("other").is_none());
/// # Ok::<(), mqttkube_mosquitto::RuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSet {
    rules: Vec<TopicRule>,
    /// For each rule the earlier one because of which it is left out.
    dropped_for: Vec<Option<usize>>,
}

/// What becomes of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The name on the other side. Empty when nothing is left of it: brokers end the connection over such a message.
    pub topic: String,
    /// The rule that decided the name; `None` when no rule with a prefix matched.
    pub named_by: Option<usize>,
    /// All rules whose filters match, in order; never empty. Rules with the same filter are one subscription.
    pub matched: Vec<usize>,
    /// The highest QoS among them.
    pub qos: u8,
}

impl RuleSet {
    /// The rules of a bridge, in the order of the file.
    pub fn new(rules: Vec<TopicRule>, version: Version) -> Self {
        let mut dropped_for: Vec<Option<usize>> = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            let twin = (0..index).find(|&earlier| {
                dropped_for[earlier].is_none()
                    && version.drops_similar_rules()
                    && is_similar(&rules[earlier], rule)
            });
            dropped_for.push(twin);
        }
        Self { rules, dropped_for }
    }

    /// All rules, also those that are left out.
    pub fn rules(&self) -> &[TopicRule] {
        &self.rules
    }

    /// The rules that Mosquitto leaves out as duplicates, each with the earlier rule that it is mistaken for.
    pub fn dropped(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.dropped_for
            .iter()
            .enumerate()
            .filter_map(|(index, earlier)| Some((index, (*earlier)?)))
    }

    /// The rules that are in force for one way, in order.
    pub fn active(&self, way: Way) -> impl Iterator<Item = (usize, &TopicRule)> {
        let in_force = self.rules.iter().zip(&self.dropped_for).enumerate();
        in_force
            .filter(move |(_, (rule, dropped))| dropped.is_none() && rule.goes(way))
            .map(|(index, (rule, _))| (index, rule))
    }

    /// What becomes of a message that is published at our broker; `None` when no rule takes it.
    pub fn outgoing(&self, topic: &str) -> Option<Forward> {
        self.forward(topic, Way::Out)
    }

    /// What becomes of a message that is published at the remote broker; `None` when no rule takes it.
    pub fn incoming(&self, topic: &str) -> Option<Forward> {
        self.forward(topic, Way::In)
    }

    /// [`RuleSet::outgoing`] or [`RuleSet::incoming`].
    pub fn forward(&self, topic: &str, way: Way) -> Option<Forward> {
        let mut matched = Vec::new();
        let (mut named_by, mut qos) = (None, 0);
        for (index, rule) in self.active(way) {
            if rule.filter(way).is_some_and(|filter| filter.matches(topic)) {
                matched.push(index);
                qos = qos.max(rule.qos());
                if named_by.is_none() && rule.has_prefix() {
                    named_by = Some(index);
                }
            }
        }
        if matched.is_empty() {
            return None;
        }
        let topic = named_by.map_or_else(|| topic.to_owned(), |index| self.rules[index].rename(topic, way));
        Some(Forward {
            topic,
            named_by,
            matched,
            qos,
        })
    }

    /// How many copies of one message are carried when overlapping subscriptions give one each.
    pub fn copies(&self, forward: &Forward, way: Way) -> usize {
        let mut filters: Vec<String> = forward
            .matched
            .iter()
            .map(|&index| self.rules[index].filter_text(way))
            .collect();
        filters.sort_unstable();
        filters.dedup();
        filters.len()
    }
}

/// Mosquitto 2.1's test for duplicates. A part that is absent in either rule is not compared; but the empty pattern of
/// the later rule is still text (`""`) when it is compared.
fn is_similar(earlier: &TopicRule, later: &TopicRule) -> bool {
    let same = |left: &str, right: &str| left.is_empty() || right.is_empty() || left == right;
    let same_pattern = earlier.pattern().is_empty() || earlier.pattern() == later.pattern();
    earlier.direction() == later.direction()
        && earlier.qos() == later.qos()
        && same_pattern
        && same(earlier.local_prefix(), later.local_prefix())
        && same(earlier.remote_prefix(), later.remote_prefix())
}
