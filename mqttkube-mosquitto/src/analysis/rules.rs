//! The rules of one bridge against each other.

use super::pattern::{Samples, intersect};
use super::{Finding, FindingCode, Severity};
use crate::{Forward, RuleSet, TopicRule, Way};

/// Everything that can be said about the rules of one bridge alone. `duplicates` tells whether overlapping
/// subscriptions give one copy each: on Mosquitto 2.1, with `allow_duplicate_messages true`, and over MQTT 5.
///
/// ```
/// use mqttkube_mosquitto::analysis::{FindingCode, check_rules};
/// use mqttkube_mosquitto::{RuleSet, Version};
///
/// let rules = ["events out 1 gcp/ up/", "events/# out 1 gcp/ up/"];
/// let rules = rules.iter().map(|rule| rule.parse()).collect::<Result<_, _>>()?;
/// let findings = check_rules(&RuleSet::new(rules, Version::V2_1), true);
/// assert_eq!(findings[0].code, FindingCode::Overlap);
/// assert_eq!(findings[0].witness, "gcp/events");
/// # Ok::<(), mqttkube_mosquitto::RuleError>(())
/// ```
pub fn check_rules(rules: &RuleSet, duplicates: bool) -> Vec<Finding> {
    let check = Check {
        rules,
        samples: Samples::of_rules(rules),
        duplicates,
    };
    let mut findings = Vec::new();
    check.dropped(&mut findings);
    for (index, rule) in rules.rules().iter().enumerate() {
        check.join(index, rule, &mut findings);
    }
    for way in [Way::Out, Way::In] {
        check.no_filter(way, &mut findings);
        check.pairs(way, &mut findings);
        check.names(way, &mut findings);
    }
    check.dead(&mut findings);
    findings
}

struct Check<'a> {
    rules: &'a RuleSet,
    samples: Samples,
    duplicates: bool,
}

impl Check<'_> {
    fn dropped(&self, findings: &mut Vec<Finding>) {
        for (index, earlier) in self.rules.dropped() {
            let rule = &self.rules.rules()[index];
            let way = if rule.goes(Way::Out) { Way::Out } else { Way::In };
            let witness = self.samples.topic(&rule.filter_text(way));
            let message =
                format!("Mosquitto 2.1 leaves `topic {rule}` out: it takes it for a copy of an earlier rule");
            findings.push(
                Finding::new(FindingCode::Dropped, Severity::Error, witness, message)
                    .rules([earlier, index])
                    .way(way)
                    .help("make the two rules differ in a part that both have, or in QoS or direction"),
            );
        }
    }

    fn join(&self, index: usize, rule: &TopicRule, findings: &mut Vec<Finding>) {
        for (way, prefix) in [(Way::Out, rule.local_prefix()), (Way::In, rule.remote_prefix())] {
            let pattern = rule.pattern();
            if prefix.is_empty() || pattern.is_empty() || prefix.ends_with('/') || pattern.starts_with('/') {
                continue;
            }
            let joined = rule.filter_text(way);
            let message =
                format!("`{prefix}` and `{pattern}` are put together as `{joined}`, without a slash");
            findings.push(
                Finding::new(
                    FindingCode::Join,
                    Severity::Warning,
                    self.samples.topic(&joined),
                    message,
                )
                .rules([index])
                .help(format!("write `{prefix}/` if a level of its own is meant")),
            );
        }
    }

    fn no_filter(&self, way: Way, findings: &mut Vec<Finding>) {
        for (index, rule) in self
            .rules
            .active(way)
            .filter(|(_, rule)| rule.filter(way).is_none())
        {
            let text = rule.filter_text(way);
            let message =
                format!("`{text}` is no topic filter; Mosquitto starts with it, and it matches nothing");
            findings.push(
                Finding::new(FindingCode::NoFilter, Severity::Error, text, message)
                    .rules([index])
                    .way(way)
                    .help("a wildcard must fill its level, and `#` must be the last one"),
            );
        }
    }

    fn pairs(&self, way: Way, findings: &mut Vec<Finding>) {
        let active: Vec<_> = self
            .rules
            .active(way)
            .filter(|(_, rule)| rule.filter(way).is_some())
            .collect();
        for (place, &(i, first)) in active.iter().enumerate() {
            for &(j, second) in &active[place + 1..] {
                let (left, right) = (first.filter_text(way), second.filter_text(way));
                let Some(both) = intersect_checked(&left, &right) else {
                    continue;
                };
                if left != right {
                    findings.push(self.overlap(way, [(i, first), (j, second)], &both));
                }
                findings.extend(self.shadowed(way, i, j, &both));
                findings.extend(self.shadowed(way, j, i, &both));
            }
        }
    }

    fn overlap(&self, way: Way, [(i, first), (j, second)]: [(usize, &TopicRule); 2], both: &str) -> Finding {
        let (severity, effect) = if self.duplicates {
            (Severity::Error, "every such message is carried twice")
        } else {
            (
                Severity::Note,
                "one copy is carried here, two on Mosquitto 2.1 or over MQTT 5",
            )
        };
        let witness = self.samples.topics(both).into_iter().next().unwrap_or_default();
        let message = format!("`topic {first}` and `topic {second}` take the same messages; {effect}");
        Finding::new(FindingCode::Overlap, severity, witness, message)
            .rules([i, j])
            .way(way)
            .help("keep the wider of the two rules, or make the filters exclude each other")
    }

    /// Whether `namer` takes the name of a message away from `rule`.
    fn shadowed(&self, way: Way, namer: usize, rule: usize, both: &str) -> Option<Finding> {
        let loses = |topic: &String| {
            let forward = self.rules.forward(topic, way)?;
            let wanted = self.name_alone(rule, topic, way);
            (forward.named_by == Some(namer) && wanted != forward.topic).then_some((forward, wanted))
        };
        let (witness, (forward, wanted)) = self
            .samples
            .topics(both)
            .into_iter()
            .find_map(|topic| Some((topic.clone(), loses(&topic)?)))?;
        let (winner, loser) = (&self.rules.rules()[namer], &self.rules.rules()[rule]);
        let message = format!(
            "`topic {winner}` decides the name of messages that `topic {loser}` takes: `{}` instead of `{wanted}`",
            forward.topic,
        );
        let help = if loser.has_prefix() {
            "put the narrower rule first"
        } else {
            "rules without prefixes never decide a name; give both rules prefixes or keep their topics apart"
        };
        // A narrower rule before a wider one is how exceptions are written.
        let (narrow, wide) = (winner.filter_text(way), loser.filter_text(way));
        let exception = loser.has_prefix() && intersect_checked(&narrow, &wide).as_ref() == Some(&narrow);
        let severity = if exception {
            Severity::Note
        } else {
            Severity::Warning
        };
        Some(
            Finding::new(FindingCode::Shadowed, severity, witness, message)
                .rules([namer, rule])
                .way(way)
                .help(help),
        )
    }

    fn name_alone(&self, rule: usize, topic: &str, way: Way) -> String {
        let rule = &self.rules.rules()[rule];
        if rule.has_prefix() {
            rule.rename(topic, way)
        } else {
            topic.to_owned()
        }
    }

    fn names(&self, way: Way, findings: &mut Vec<Finding>) {
        for (index, rule) in self.rules.active(way).filter(|(_, rule)| rule.has_prefix()) {
            let (from, to) = rule.prefixes(way);
            if to.is_empty()
                && self
                    .is_named(from, index, way)
                    .is_some_and(|forward| forward.topic.is_empty())
            {
                findings.push(empty_name(index, rule, way, from));
            }
            let parent = from
                .strip_suffix('/')
                .filter(|_| rule.pattern() == "#" && !to.is_empty());
            if let Some((parent, forward)) = parent.and_then(|p| Some((p, self.is_named(p, index, way)?))) {
                findings.push(parent_name(index, rule, way, parent, &forward.topic));
            }
        }
    }

    fn is_named(&self, topic: &str, rule: usize, way: Way) -> Option<Forward> {
        self.rules
            .forward(topic, way)
            .filter(|forward| forward.named_by == Some(rule))
    }

    /// All rules found here can be removed together: each is judged by those that stay.
    fn dead(&self, findings: &mut Vec<Finding>) {
        let dropped: Vec<usize> = self.rules.dropped().map(|(index, _)| index).collect();
        let mut stay: Vec<usize> = (0..self.rules.rules().len())
            .filter(|index| !dropped.contains(index))
            .collect();
        for (index, rule) in self
            .rules
            .rules()
            .iter()
            .enumerate()
            .rev()
            .filter(|(index, _)| !dropped.contains(index))
        {
            let ways: Vec<Way> = [Way::Out, Way::In]
                .into_iter()
                .filter(|way| rule.goes(*way))
                .collect();
            let rest: Vec<usize> = stay.iter().copied().filter(|other| *other != index).collect();
            let filters = ways.iter().all(|way| rule.filter(*way).is_some());
            if filters
                && ways
                    .iter()
                    .all(|way| self.changes_nothing(index, &stay, &rest, *way))
            {
                findings.push(self.dead_rule(index, rule, ways[0]));
                stay = rest;
            }
        }
    }

    fn changes_nothing(&self, index: usize, with: &[usize], without: &[usize], way: Way) -> bool {
        let text = self.rules.rules()[index].filter_text(way);
        let others = without
            .iter()
            .map(|other| &self.rules.rules()[*other])
            .filter(|other| other.goes(way));
        let both = others.filter_map(|other| intersect_checked(&text, &other.filter_text(way)));
        let mut filters = std::iter::once(text.clone()).chain(both);
        filters.all(|filter| {
            let topics = self.samples.topics(&filter);
            topics
                .iter()
                .all(|topic| self.outcome(with, topic, way) == self.outcome(without, topic, way))
        })
    }

    /// Name and QoS when only some rules are in force.
    fn outcome(&self, rules: &[usize], topic: &str, way: Way) -> Option<(String, u8)> {
        let rules = rules
            .iter()
            .map(|index| &self.rules.rules()[*index])
            .filter(|rule| rule.goes(way));
        let matched: Vec<&TopicRule> = rules
            .filter(|rule| rule.filter(way).is_some_and(|filter| filter.matches(topic)))
            .collect();
        let qos = matched.iter().map(|rule| rule.qos()).max()?;
        let namer = matched.iter().find(|rule| rule.has_prefix());
        Some((
            namer.map_or_else(|| topic.to_owned(), |rule| rule.rename(topic, way)),
            qos,
        ))
    }

    fn dead_rule(&self, index: usize, rule: &TopicRule, way: Way) -> Finding {
        let witness = self.samples.topic(&rule.filter_text(way));
        let cause = self.rules.forward(&witness, way);
        let others = cause
            .into_iter()
            .flat_map(|forward| forward.matched)
            .filter(|other| *other != index);
        let rules: Vec<usize> = others.chain([index]).collect();
        let message = format!(
            "without `topic {rule}` nothing would change: other rules take and name all its messages"
        );
        Finding::new(FindingCode::Dead, Severity::Warning, witness, message)
            .rules(rules)
            .way(way)
            .help("remove the rule, or put it before the rules that cover it")
    }
}

fn empty_name(index: usize, rule: &TopicRule, way: Way, witness: &str) -> Finding {
    let message = format!(
        "nothing is left of `{witness}` when `topic {rule}` takes its prefix off; the receiver ends the connection over an \
         empty topic, and with QoS above 0 again after each reconnection"
    );
    Finding::new(FindingCode::EmptyName, Severity::Warning, witness, message)
        .rules([index])
        .way(way)
        .help("give the other side a prefix too, or keep clients from publishing on that topic")
}

fn parent_name(index: usize, rule: &TopicRule, way: Way, witness: &str, name: &str) -> Finding {
    let message = format!("`topic {rule}` takes `{witness}` itself as well, which arrives as `{name}`");
    Finding::new(FindingCode::Parent, Severity::Note, witness, message)
        .rules([index])
        .way(way)
        .help("`#` matches the level above it; nothing needs to change if nobody publishes there")
}

/// The intersection, when there is a topic in it.
fn intersect_checked(left: &str, right: &str) -> Option<String> {
    let dollar = |filter: &str| filter.starts_with('$');
    let open = |filter: &str| filter.starts_with(['+', '#']);
    if (dollar(left) && open(right)) || (open(left) && dollar(right)) {
        None
    } else {
        intersect(left, right)
    }
}
