//! The list `rules`: maps, or lines of a mosquitto.conf.

use mqttkube_mapping::yaml::{Content, Cursor, FromNode, Section};
use mqttkube_mosquitto::{Direction, TopicRule};

/// One rule and how the native relay treats its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// As it is written.
    pub rule: TopicRule,
    /// What happens to the retain flag.
    pub retain: Retain,
    /// What keeps its order.
    pub order: Order,
}

/// What happens to the retain flag of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retain {
    /// It stays, where the other side keeps retained messages.
    #[default]
    Keep,
    /// It is taken off.
    Drop,
}

/// Which messages arrive in the order in which they were published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Those of one topic.
    #[default]
    Topic,
    /// All that the rule takes, one at a time.
    Strict,
}

/// The rules with their places.
pub(super) struct Rules<'t> {
    /// The list itself.
    pub(super) cursor: Cursor<'t>,
    pub(super) list: Vec<(Cursor<'t>, Rule)>,
}

/// Reads the list. `None` when one of the rules is wrong: what rules do together cannot be said then.
pub(super) fn read<'t>(section: &mut Section<'t>) -> Option<Rules<'t>> {
    let Some(cursor) = section.get("rules") else {
        return section.missing("rules");
    };
    let places = cursor.items()?;
    if places.is_empty() {
        cursor.error("without a rule the bridge carries nothing");
        return None;
    }
    let rules: Vec<Option<(Cursor<'t>, Rule)>> = places
        .into_iter()
        .map(|place| {
            let rule = place.read()?;
            Some((place, rule))
        })
        .collect();
    let list = rules.into_iter().collect::<Option<_>>()?;
    Some(Rules { cursor, list })
}

impl FromNode for Rule {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        if matches!(cursor.node().content, Content::Text(_)) {
            return Some(Self {
                rule: cursor.parse()?,
                retain: Retain::default(),
                order: Order::default(),
            });
        }
        let mut section = cursor.section("a rule")?;
        let topic: Option<String> = section.required("topic");
        let words = [
            ("out", Direction::Out),
            ("in", Direction::In),
            ("both", Direction::Both),
        ];
        let direction = section.choice("direction", &words);
        let qos = section.or("qos", 0_u8);
        let local = section.or("local-prefix", String::new());
        let remote = section.or("remote-prefix", String::new());
        let retain = section.choice("retain", &[("keep", Retain::Keep), ("drop", Retain::Drop)]);
        let order = section.choice("order", &[("topic", Order::Topic), ("strict", Order::Strict)]);
        section.finish();
        let rule = match TopicRule::new(topic?, direction?, qos, local, remote) {
            Ok(rule) => rule,
            Err(error) => {
                cursor.error(error.to_string());
                return None;
            }
        };
        Some(Self {
            rule,
            retain: retain?,
            order: order?,
        })
    }
}

impl Rule {
    /// The rule at the QoS that is carried: 2 is carried as 1, because a QoS 2 exchange cannot be resumed across two
    /// brokers.
    #[must_use]
    pub fn carried(&self) -> TopicRule {
        let rule = &self.rule;
        if rule.qos() < 2 {
            return rule.clone();
        }
        TopicRule::new(
            rule.pattern(),
            rule.direction(),
            1,
            rule.local_prefix(),
            rule.remote_prefix(),
        )
        .expect("only the QoS differs from a rule that was checked")
    }
}
