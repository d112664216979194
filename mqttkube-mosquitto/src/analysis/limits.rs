//! The rules of one bridge against what a service takes.

use mqttkube_mapping::TopicFilter;

use super::pattern::{Samples, rule_texts};
use super::{Finding, FindingCode, Severity};
use crate::{RuleSet, TopicRule, Way};

/// What a service takes from its clients. The default is everything.
///
/// ```
/// use mqttkube_mosquitto::analysis::{FindingCode, ServiceLimits, check_limits};
/// use mqttkube_mosquitto::{RuleSet, Version};
///
/// let limits = ServiceLimits { max_qos: 1, ..ServiceLimits::default() };
/// let rules = RuleSet::new(vec!["events/# out 2".parse()?], Version::V2_0);
/// let findings = check_limits(&rules, &limits, false);
/// assert_eq!(findings[0].code, FindingCode::Qos);
/// # Ok::<(), mqttkube_mosquitto::RuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceLimits {
    /// As people call it.
    pub name: String,
    /// The highest QoS.
    pub max_qos: u8,
    /// Retained messages are kept.
    pub retain: bool,
    /// The most slashes in a topic.
    pub max_slashes: Option<usize>,
    /// The most subscriptions on one connection.
    pub max_subscriptions: Option<usize>,
    /// Where clients may publish; `None` is anywhere.
    pub publish: Option<Vec<TopicFilter>>,
    /// Where clients may subscribe; `None` is anywhere.
    pub subscribe: Option<Vec<TopicFilter>>,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self {
            name: "the service".to_owned(),
            max_qos: 2,
            retain: true,
            max_slashes: None,
            max_subscriptions: None,
            publish: None,
            subscribe: None,
        }
    }
}

/// What a service would not take. `retains` tells whether the retain flag of outgoing messages is kept, as it is unless
/// `bridge_outgoing_retain false` is set.
pub fn check_limits(rules: &RuleSet, limits: &ServiceLimits, retains: bool) -> Vec<Finding> {
    let scopes = limits
        .publish
        .iter()
        .chain(&limits.subscribe)
        .flatten()
        .map(|filter| filter.as_str().to_owned());
    let texts: Vec<String> = rule_texts(rules).into_iter().chain(scopes).collect();
    let check = Check {
        limits,
        samples: Samples::new(texts.iter().map(String::as_str)),
    };
    let mut findings = Vec::new();
    for way in [Way::Out, Way::In] {
        for (index, rule) in rules.active(way) {
            let mut found: Vec<Finding> = Vec::new();
            found.extend(check.qos(rule, way));
            found.extend(check.slashes(rule, way));
            found.extend(check.scope(rule, way));
            found.extend(check.retain(rule, way).filter(|_| retains));
            findings.extend(found.into_iter().map(|finding| finding.rules([index]).way(way)));
        }
    }
    findings.extend(check.subscriptions(rules));
    findings
}

struct Check<'a> {
    limits: &'a ServiceLimits,
    samples: Samples,
}

impl Check<'_> {
    fn witness(&self, rule: &TopicRule, way: Way) -> String {
        self.samples.topic(&rule.filter_text(way))
    }

    fn qos(&self, rule: &TopicRule, way: Way) -> Option<Finding> {
        let (name, most) = (&self.limits.name, self.limits.max_qos);
        if rule.qos() <= most {
            return None;
        }
        let message = format!(
            "`topic {rule}` has QoS {}, {name} takes at most {most}",
            rule.qos()
        );
        let finding = Finding::new(
            FindingCode::Qos,
            Severity::Error,
            self.witness(rule, way),
            message,
        );
        Some(finding.help(format!("write {most}")))
    }

    fn retain(&self, rule: &TopicRule, way: Way) -> Option<Finding> {
        if self.limits.retain || way == Way::In {
            return None;
        }
        let message = format!(
            "{} keeps no retained messages, and may end the connection over one",
            self.limits.name
        );
        let finding = Finding::new(
            FindingCode::Retain,
            Severity::Warning,
            self.witness(rule, way),
            message,
        );
        Some(finding.help("write `bridge_outgoing_retain false`"))
    }

    fn slashes(&self, rule: &TopicRule, way: Way) -> Option<Finding> {
        let most = self.limits.max_slashes?;
        let text = rule.filter_text(Way::In);
        let fixed = text.matches('/').count();
        let deep = text.ends_with('#') && way == Way::Out;
        if fixed <= most && !deep {
            return None;
        }
        let severity = if fixed > most {
            Severity::Error
        } else {
            Severity::Note
        };
        let mut witness = self.samples.topic(&rule.filter_text(way));
        let mut slashes = self.samples.topic(&text).matches('/').count();
        while deep && slashes <= most {
            witness.push_str("/x");
            slashes += 1;
        }
        let message = format!(
            "`{text}` can have more than the {most} slashes that {} takes",
            self.limits.name
        );
        Some(Finding::new(FindingCode::Slashes, severity, witness, message).help("use fewer levels"))
    }

    fn scope(&self, rule: &TopicRule, way: Way) -> Option<Finding> {
        let (scope, code, verb) = match way {
            Way::Out => (&self.limits.publish, FindingCode::PublishScope, "publish on"),
            Way::In => (
                &self.limits.subscribe,
                FindingCode::SubscribeScope,
                "subscribe to",
            ),
        };
        let scope = scope.as_ref()?;
        let outside = |topic: &String| {
            !scope
                .iter()
                .any(|filter| filter.matches(&self.remote_name(rule, topic, way)))
        };
        let witness = self
            .samples
            .topics(&rule.filter_text(way))
            .into_iter()
            .find(outside)?;
        let allowed: Vec<&str> = scope.iter().map(TopicFilter::as_str).collect();
        let name = self.remote_name(rule, &witness, way);
        let message = format!(
            "{} does not let this client {verb} `{name}` (`topic {rule}`)",
            self.limits.name
        );
        Some(
            Finding::new(code, Severity::Error, witness, message)
                .help(format!("it may use {}", allowed.join(", "))),
        )
    }

    fn remote_name(&self, rule: &TopicRule, topic: &str, way: Way) -> String {
        match way {
            Way::Out if rule.has_prefix() => rule.rename(topic, way),
            Way::Out | Way::In => topic.to_owned(),
        }
    }

    fn subscriptions(&self, rules: &RuleSet) -> Option<Finding> {
        let most = self.limits.max_subscriptions?;
        let mut filters: Vec<String> = rules
            .active(Way::In)
            .map(|(_, rule)| rule.filter_text(Way::In))
            .collect();
        filters.sort_unstable();
        filters.dedup();
        if filters.len() <= most {
            return None;
        }
        let witness = self.samples.topic(&filters[most]);
        let message = format!(
            "{} filters are subscribed to, {} gives {most}",
            filters.len(),
            self.limits.name
        );
        let finding =
            Finding::new(FindingCode::Subscriptions, Severity::Error, witness, message).way(Way::In);
        Some(finding.help("put rules together under wider filters"))
    }
}
