//! What becomes of one topic.

use std::fmt;

use mqttkube_mosquitto::{RuleSet, Version, Way};
use serde::Serialize;

use super::{Bridge, Retain};

/// What becomes of a message on one topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The topic as asked for.
    pub topic: String,
    /// Which way it would go.
    pub way: Way,
    /// What happens.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What happens to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// No rule takes it.
    NotTaken,
    /// It goes to the other side.
    Carried {
        /// Its name there.
        name: String,
        /// The most QoS that it is carried with.
        qos: u8,
        /// Whether its retain flag goes with it.
        retain: bool,
        /// The rules that take it, the first one in the file first.
        rules: Vec<String>,
        /// The place of the rule that decides the name, from 0; absent when the name stays because none has a prefix.
        #[serde(skip_serializing_if = "Option::is_none")]
        named_by: Option<usize>,
    },
    /// A rule takes it, and the other side would refuse it.
    Refused {
        /// Its name there.
        name: String,
        /// Why.
        reason: String,
    },
}

impl<P> Bridge<P> {
    /// What becomes of a message on `topic` that is published at the local broker ([`Way::Out`]) or at the cloud.
    #[must_use]
    pub fn explain(&self, topic: &str, way: Way) -> Explanation {
        Explanation {
            topic: topic.to_owned(),
            way,
            outcome: self.outcome(topic, way),
        }
    }

    fn outcome(&self, topic: &str, way: Way) -> Outcome {
        let rules = RuleSet::new(self.topic_rules(), Version::V2_0);
        let Some(forward) = rules.forward(topic, way) else {
            return Outcome::NotTaken;
        };
        let limits = &self.cloud.endpoint.limits;
        let name = forward.topic;
        let verdict = match way {
            _ if name.is_empty() => Err("nothing is left of the topic".to_owned()),
            Way::Out => limits
                .check_publish(&name, forward.qos, false)
                .map_err(|violation| violation.to_string()),
            Way::In => Ok(()),
        };
        if let Err(reason) = verdict {
            return Outcome::Refused { name, reason };
        }
        let first = forward.matched.first().and_then(|index| self.rules.get(*index));
        let kept = first.is_none_or(|rule| rule.retain == Retain::Keep);
        Outcome::Carried {
            name,
            qos: forward.qos,
            retain: kept && (way == Way::In || limits.retain),
            rules: forward
                .matched
                .iter()
                .map(|index| format!("topic {}", self.rules[*index].rule))
                .collect(),
            named_by: forward
                .named_by
                .and_then(|index| forward.matched.iter().position(|matched| *matched == index)),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = match self.way {
            Way::Out => ("the local broker", "the cloud"),
            Way::In => ("the cloud", "the local broker"),
        };
        writeln!(f, "{} at {from}", self.topic)?;
        match &self.outcome {
            Outcome::NotTaken => write!(f, "  stays there: no rule takes it"),
            Outcome::Refused { name, reason } => {
                writeln!(f, "  would be {name} at {to}")?;
                write!(f, "  is refused there: {reason}")
            }
            Outcome::Carried {
                name,
                qos,
                retain,
                rules,
                named_by,
            } => {
                writeln!(f, "  goes to {to} as {name}")?;
                for (index, rule) in rules.iter().enumerate() {
                    let role = if *named_by == Some(index) {
                        ", which names it"
                    } else {
                        ""
                    };
                    writeln!(f, "  by {rule}{role}")?;
                }
                let flag = if *retain { "kept" } else { "taken off" };
                write!(f, "  with QoS up to {qos}, the retain flag {flag}")
            }
        }
    }
}
