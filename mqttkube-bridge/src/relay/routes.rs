//! Which messages are carried, under which name, and whether the other side takes them. Pure.

use mqttkube_mosquitto::{RuleSet, TopicRule, Version, Way};
use mqttkube_mqtt::{QoS, RetainHandling, Subscription};

use super::{Lane, Message};
use crate::endpoint::{Limits, Violation};

impl From<Lane> for Way {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Out => Self::Out,
            Lane::In => Self::In,
        }
    }
}

/// What becomes of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// It goes on, under this name.
    Forward {
        /// The topic at the destination.
        topic: String,
        /// 0 or 1.
        qos: u8,
    },
    /// It is another copy of a message that goes on already: two rules overlap.
    Copy,
    /// No rule takes it any more.
    Unrouted,
    /// The destination would refuse it, or end the connection over it.
    Refused(String),
}

/// The rules of a bridge with what each side takes.
#[derive(Clone, Debug)]
pub struct Routes {
    rules: RuleSet,
    /// What the cloud takes; the local broker has no limits.
    limits: Limits,
}

impl Routes {
    /// Rules as Mosquitto 2.0 means them, and the limits of the cloud's side.
    #[must_use]
    pub fn new(rules: Vec<TopicRule>, limits: Limits) -> Self {
        Self {
            rules: RuleSet::new(rules, Version::V2_0),
            limits,
        }
    }

    /// The subscriptions at the source of a lane: one for each distinct filter, with the highest QoS asked for it. QoS 2
    /// is carried as 1.
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
                        .retain_handling(RetainHandling::IfNew),
                ),
            }
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
        let first = forward
            .matched
            .first()
            .and_then(|index| self.rules.rules()[*index].filter(way));
        let own = first.and_then(|filter| subscriptions.iter().find(|known| known.filter == filter.as_str()));
        if !ids.is_empty() && own.is_some_and(|own| !ids.contains(&own.id)) {
            return Decision::Copy;
        }
        let qos = forward.qos.min(1);
        match self.check(lane, &forward.topic, qos) {
            Ok(()) => Decision::Forward {
                topic: forward.topic,
                qos,
            },
            Err(reason) => Decision::Refused(reason),
        }
    }

    fn check(&self, lane: Lane, topic: &str, qos: u8) -> Result<(), String> {
        if topic.is_empty() || topic.len() > usize::from(u16::MAX) {
            return Err("nothing is left of the topic, or it is too long".to_owned());
        }
        match lane {
            Lane::In => Ok(()),
            // The retain flag is taken off where it is not known, so it is no reason to refuse.
            Lane::Out => self
                .limits
                .check_publish(topic, qos, false)
                .map_err(|violation| violation.to_string()),
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

    /// The destination of a lane keeps retained messages.
    #[must_use]
    pub const fn retains(&self, lane: Lane) -> bool {
        match lane {
            Lane::Out => self.limits.retain,
            Lane::In => true,
        }
    }

    /// The name that a topic for answers has on the other side: answers come back along the other lane.
    #[must_use]
    pub fn answer_topic(&self, lane: Lane, response_topic: &str) -> Option<String> {
        let way: Way = lane.into();
        let back = if way == Way::Out { Way::In } else { Way::Out };
        // The rule of the way back that would bring an answer to this topic: found by renaming and checking it.
        self.rules.active(back).find_map(|(_, rule)| {
            let there = rule.rename(response_topic, way);
            let returned = self.rules.forward(&there, back)?;
            (returned.topic == response_topic).then_some(there)
        })
    }
}
