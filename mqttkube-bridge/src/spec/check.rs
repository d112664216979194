//! What the rules do together, and what the service says to them.

use mqttkube_mapping::TopicFilter;
use mqttkube_mosquitto::analysis::{Broker, Finding, FindingCode, Link, Network, Remote, ServiceLimits};
use mqttkube_mosquitto::{RuleSet, Severity, Version, Way};

use super::cloud::Cloud;
use super::relay::RelaySpec;
use super::rules::{Retain, Rule, Rules};
use crate::endpoint::{Endpoint, Profile, Scope};

/// Reports every finding at the rule that should be changed.
pub(super) fn check(rules: &Rules<'_>, cloud: &Cloud, relay: &RelaySpec) {
    for mut finding in findings(rules.list.iter().map(|(_, rule)| rule), cloud) {
        if finding.code == FindingCode::PublishScope {
            attaches(&mut finding, rules, cloud.endpoint.profile);
        }
        report(rules, &finding);
    }
    for (cursor, rule) in &rules.list {
        if rule.rule.qos() == 2 {
            cursor.warning("QoS 2 is carried as QoS 1: a message may arrive twice after a cut");
        }
        if cursor.node().get("retain").is_some()
            && rule.retain == Retain::Keep
            && rule.rule.goes(Way::Out)
            && !cloud.endpoint.limits.retain
        {
            let name = cloud.endpoint.profile.name();
            cursor.warning(format!(
                "retain: keep has no effect: {name} keeps no retained messages"
            ));
        }
    }
    dead_letter(rules, relay);
}

/// What the analysis of the bridge as one link says.
fn findings<'r>(rules: impl Iterator<Item = &'r Rule>, cloud: &Cloud) -> Vec<Finding> {
    let rules = RuleSet::new(rules.map(Rule::carried).collect(), Version::V2_0);
    let link = Link {
        no_local: cloud.mqtt.version == mqttkube_mqtt::Version::V5,
        announces: false,
        // The flag is taken off where the service does not know it.
        retains: cloud.endpoint.limits.retain,
        // One copy is carried, whichever way the broker delivers.
        duplicates: false,
        ..Link::new(
            "cloud",
            Remote::Service(Box::new(service(&cloud.endpoint))),
            rules,
        )
    };
    let brokers = vec![Broker::new("local", vec![link])];
    Network { brokers }.check()
}

/// Says more of a topic that only a gateway may use.
fn attaches(finding: &mut Finding, rules: &Rules<'_>, profile: Profile) {
    let rule = finding.rules.last().and_then(|index| rules.list.get(*index));
    let Some((_, rule)) = rule else { return };
    let forward = RuleSet::new(vec![rule.carried()], Version::V2_0).forward(&finding.witness, Way::Out);
    let name = forward.map(|forward| forward.topic).unwrap_or_default();
    let Some((device, verb)) = name
        .strip_prefix("/devices/")
        .and_then(|rest| rest.split_once('/'))
    else {
        return;
    };
    let google = matches!(profile, Profile::ClearBlade | Profile::GoogleIotCore);
    if google && matches!(verb, "attach" | "detach") {
        let name = profile.name();
        finding.message = format!(
            "{name} ends the connection of a client that sends {verb} for {device:?}, which is no device of the section \
             gateway"
        );
        finding.help =
            "name it in the section gateway, whose devices the relay attaches by itself".to_owned();
    }
}

fn report(rules: &Rules<'_>, finding: &Finding) {
    let rule = finding.rules.last().and_then(|index| rules.list.get(*index));
    let cursor = rule.map_or(&rules.cursor, |(cursor, _)| cursor);
    let message = format!(
        "{} [{}] (topic {:?})",
        finding.message, finding.code, finding.witness
    );
    match finding.severity {
        Severity::Error => cursor.error_with_help(message, finding.help.clone()),
        Severity::Warning => cursor.warning(format!("{message}; {}", finding.help)),
        Severity::Note => cursor.info(format!("{message}; {}", finding.help)),
    }
}

/// A dead letter that a rule takes would be refused again, for ever.
fn dead_letter(rules: &Rules<'_>, relay: &RelaySpec) {
    let Some(topic) = &relay.dead_letter else { return };
    for (cursor, rule) in &rules.list {
        let takes = |filter: &TopicFilter| filter.matches(topic.as_str());
        if rule.rule.goes(Way::Out) && rule.rule.filter(Way::Out).is_some_and(takes) {
            cursor.error_with_help(
                format!("this rule would carry the dead letters on {topic} to the cloud that refused them"),
                "choose a topic for dead letters that no rule takes",
            );
        }
    }
}

/// The limits of the service in the terms of the analysis.
fn service(endpoint: &Endpoint) -> ServiceLimits {
    let limits = &endpoint.limits;
    let filters = |scope: &Scope| match scope {
        Scope::Any => None,
        Scope::Only(texts) => Some(
            texts
                .iter()
                .filter_map(|text| TopicFilter::new(text.clone()).ok())
                .collect(),
        ),
    };
    ServiceLimits {
        name: endpoint.profile.name().to_owned(),
        max_qos: limits.max_qos,
        retain: limits.retain,
        max_slashes: limits.max_slashes.map(usize::from),
        max_subscriptions: limits.max_subscriptions,
        publish: filters(&limits.publish),
        subscribe: filters(&limits.subscribe),
    }
}
