//! Which messages are carried, under which name, and whether the other side takes them. Pure.

use mqttkube_mosquitto::{RuleSet, TopicRule, Version, Way};
use mqttkube_mqtt::{QoS, RetainHandling, Subscription};

use super::{Gateway, Lane, Message};
use crate::endpoint::{Limits, Violation};

impl From<Lane> for Way {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Out => Self::Out,
            Lane::In => Self::In,
        }
    }
}

impl Lane {
    /// The other way.
    #[must_use]
    pub const fn back(self) -> Self {
        match self {
            Self::Out => Self::In,
            Self::In => Self::Out,
        }
    }
}

/// A rule, and how the messages that it takes are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayRule {
    /// Which messages, under which name.
    pub rule: TopicRule,
    /// Their retain flag stays, where the other side keeps retained messages.
    pub keeps_retain: bool,
    /// They go one at a time: the next one when the one before is safe.
    pub strict: bool,
}

impl From<TopicRule> for RelayRule {
    fn from(rule: TopicRule) -> Self {
        Self {
            rule,
            keeps_retain: true,
            strict: false,
        }
    }
}

/// What becomes of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// It goes on, under this name.
    #[non_exhaustive]
    Forward {
        /// The topic at the destination.
        topic: String,
        /// 0 or 1.
        qos: u8,
        /// The first rule that takes it, by its place in the list; it decides about the retain flag and the order.
        rule: usize,
    },
    /// It is another copy of a message that goes on already: two rules overlap.
    Copy,
    /// No rule takes it any more.
    Unrouted,
    /// The destination would refuse it, or end the connection over it.
    #[non_exhaustive]
    Refused {
        /// Why.
        reason: String,
        /// The first rule that takes it.
        rule: usize,
    },
}

/// The rules of a bridge with what each side takes.
#[derive(Clone, Debug)]
pub struct Routes {
    rules: RuleSet,
    options: Vec<Options>,
    /// What the cloud takes; the local broker has no limits.
    limits: Limits,
    loop_free: bool,
    gateway: Option<Gateway>,
}

#[derive(Clone, Copy, Debug)]
struct Options {
    keeps_retain: bool,
    strict: bool,
}

impl Routes {
    /// Rules as Mosquitto 2.0 means them, and the limits of the cloud's side.
    #[must_use]
    pub fn new(rules: Vec<TopicRule>, limits: Limits) -> Self {
        Self::with(rules.into_iter().map(RelayRule::from).collect(), limits)
    }

    /// The same with options for each rule.
    #[must_use]
    pub fn with(rules: Vec<RelayRule>, limits: Limits) -> Self {
        let options = rules
            .iter()
            .map(|rule| Options {
                keeps_retain: rule.keeps_retain,
                strict: rule.strict,
            })
            .collect();
        let rules = RuleSet::new(rules.into_iter().map(|rule| rule.rule).collect(), Version::V2_0);
        let loop_free = Lane::ALL.iter().all(|lane| !comes_back(&rules, *lane));
        Self {
            rules,
            options,
            limits,
            loop_free,
            gateway: None,
        }
    }

    /// The cloud's side is a gateway: messages to devices that cannot be attached are refused, and what the cloud reports
    /// is listened to.
    #[must_use]
    pub fn with_gateway(mut self, gateway: &Gateway) -> Self {
        self.gateway = Some(gateway.clone());
        self
    }

    /// Looks at a delivery that is about the gateway itself; true if it is for nobody else.
    pub(super) fn observe(&self, lane: Lane, topic: &str, payload: &[u8]) -> bool {
        let gateway = self.gateway.as_ref().filter(|_| lane == Lane::In);
        let Some(gateway) = gateway.filter(|gateway| gateway.errors_topic() == topic) else {
            return false;
        };
        gateway.note_error(payload);
        !self.takes(lane, topic)
    }

    /// Nothing that these rules carry one way can be taken by them on the way back. Then no message needs a mark by which
    /// to find it out.
    #[must_use]
    pub const fn loop_free(&self) -> bool {
        self.loop_free
    }

    /// The subscriptions at the source of a lane: one for each distinct filter, with the highest QoS asked for it. QoS 2
    /// is carried as 1. Retain flags are asked for as they were published.
    #[must_use]
    pub fn subscriptions(&self, lane: Lane) -> Vec<Subscription> {
        let mut subscriptions: Vec<Subscription> = Vec::new();
        for (filter, qos) in self.filters(lane) {
            let qos = if qos == 0 {
                QoS::AtMostOnce
            } else {
                QoS::AtLeastOnce
            };
            match subscriptions.iter_mut().find(|known| known.filter == filter) {
                Some(known) => known.qos = known.qos.max(qos),
                // A retained message is state: it is carried once, when the session is new.
                None => subscriptions.push(
                    Subscription::new(filter)
                        .qos(qos)
                        .retain_handling(RetainHandling::IfNew)
                        .retain_as_published(),
                ),
            }
        }
        let errors = self.gateway.as_ref().filter(|_| lane == Lane::In);
        if let Some(topic) = errors.map(Gateway::errors_topic)
            && subscriptions.iter().all(|known| known.filter != topic)
        {
            subscriptions.push(Subscription::new(topic).retain_handling(RetainHandling::Never));
        }
        Subscription::separate_ids(&mut subscriptions);
        subscriptions
    }

    fn filters(&self, lane: Lane) -> impl Iterator<Item = (&str, u8)> {
        let way = lane.into();
        self.rules
            .active(way)
            .filter_map(move |(_, rule)| Some((rule.filter(way)?.as_str(), rule.qos())))
    }

    /// What becomes of a delivery. `ids` are its subscription identifiers, `subscriptions` what
    /// [`Routes::subscriptions`] gave for the lane.
    #[must_use]
    pub fn decide(&self, lane: Lane, topic: &str, ids: &[u32], subscriptions: &[Subscription]) -> Decision {
        let way = lane.into();
        let Some(forward) = self.rules.forward(topic, way) else {
            return Decision::Unrouted;
        };
        // With identifiers the broker delivers one copy for each filter; the first rule's is the one that counts.
        let rule = forward.matched.first().copied().unwrap_or_default();
        let first = self.rules.rules()[rule].filter(way);
        let own = first.and_then(|filter| subscriptions.iter().find(|known| known.filter == filter.as_str()));
        if !ids.is_empty() && own.is_some_and(|own| !ids.contains(&own.id)) {
            return Decision::Copy;
        }
        let most = if lane == Lane::Out { self.limits.max_qos } else { 1 };
        let qos = forward.qos.min(1).min(most);
        match self.check(lane, &forward.topic, qos) {
            Ok(()) => Decision::Forward {
                topic: forward.topic,
                qos,
                rule,
            },
            Err(reason) => Decision::Refused { reason, rule },
        }
    }

    fn check(&self, lane: Lane, topic: &str, qos: u8) -> Result<(), String> {
        if topic.is_empty() || topic.len() > usize::from(u16::MAX) {
            return Err("nothing is left of the topic, or it is too long".to_owned());
        }
        match lane {
            Lane::In => Ok(()),
            // The retain flag is taken off where it is not known, so it is no reason to refuse.
            Lane::Out => {
                let unattached = self.gateway.as_ref().and_then(|gateway| gateway.refuses(topic));
                unattached.map_or(Ok(()), Err)?;
                self.limits
                    .check_publish(topic, qos, false)
                    .map_err(|violation| violation.to_string())
            }
        }
    }

    /// Whether a message fits through a lane; only the cloud has a limit.
    ///
    /// # Errors
    /// [`Violation::Packet`].
    pub fn check_size(&self, lane: Lane, message: &Message) -> Result<(), Violation> {
        match lane {
            Lane::Out => self.limits.check_packet(message.weight()),
            Lane::In => Ok(()),
        }
    }

    /// The messages of a rule keep their retain flag: the rule wants it, and the destination of the lane has retained
    /// messages.
    #[must_use]
    pub fn retains(&self, lane: Lane, rule: usize) -> bool {
        let known = lane == Lane::In || self.limits.retain;
        known && self.options.get(rule).is_none_or(|options| options.keeps_retain)
    }

    /// The messages of a rule go one at a time.
    #[must_use]
    pub fn is_strict(&self, rule: usize) -> bool {
        self.options.get(rule).is_some_and(|options| options.strict)
    }

    /// The rule that a message at its destination came by, as far as its name there tells: the first that gives such
    /// names.
    #[must_use]
    pub fn rule_of(&self, lane: Lane, topic: &str) -> Option<usize> {
        let there = lane.back().into();
        let gives = |rule: &TopicRule| rule.filter(there).is_some_and(|filter| filter.matches(topic));
        self.rules
            .active(lane.into())
            .find_map(|(index, rule)| gives(rule).then_some(index))
    }

    /// The rules in their order, as in a `mosquitto.conf`; none where a rule does not act on the lane.
    pub(super) fn names(&self, lane: Lane) -> Vec<Option<String>> {
        let mut names = vec![None; self.rules.rules().len()];
        for (index, rule) in self.rules.active(lane.into()) {
            names[index] = Some(rule.to_string());
        }
        names
    }

    /// A rule takes this topic.
    pub(super) fn takes(&self, lane: Lane, topic: &str) -> bool {
        self.rules.forward(topic, lane.into()).is_some()
    }

    /// User properties get through a lane: the cloud's service may know none.
    pub(super) const fn carries_properties(&self, lane: Lane) -> bool {
        match lane {
            Lane::Out => self.limits.user_properties,
            Lane::In => true,
        }
    }

    /// The name that a topic for answers has on the other side: answers come back along the other lane.
    #[must_use]
    pub fn answer_topic(&self, lane: Lane, response_topic: &str) -> Option<String> {
        let (way, back) = (lane.into(), lane.back().into());
        // The rule of the way back that would bring an answer to this topic: found by renaming and checking it.
        self.rules.active(back).find_map(|(_, rule)| {
            let there = rule.rename(response_topic, way);
            let returned = self.rules.forward(&there, back)?;
            (returned.topic == response_topic).then_some(there)
        })
    }
}

/// Something that goes along `lane` might be taken by a rule of the way back. The name at the destination always lies
/// within the destination's filter of the rule that gives it.
fn comes_back(rules: &RuleSet, lane: Lane) -> bool {
    let (way, back): (Way, Way) = (lane.into(), lane.back().into());
    rules
        .active(way)
        .filter(|(_, rule)| rule.filter(way).is_some())
        .any(|(_, rule)| {
            let taken = |other: &TopicRule| match (rule.filter(back), other.filter(back)) {
                (Some(given), Some(taken)) => given.overlaps(taken),
                // What is given cannot be told; what takes nothing is harmless.
                (None, taken) => taken.is_some(),
                (Some(_), None) => false,
            };
            rules.active(back).any(|(_, other)| taken(other))
        })
}
