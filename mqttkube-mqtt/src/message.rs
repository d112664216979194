//! What goes to the broker: publishes and subscriptions.

use std::fmt;

use bytes::Bytes;

use crate::error::Error;

/// How hard both sides try to deliver a message (MQTT 5.0, section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QoS {
    /// At most once: sent, never repeated.
    AtMostOnce = 0,
    /// At least once: repeated until it is acknowledged. The level for which this crate promises that nothing is lost.
    AtLeastOnce = 1,
    /// Exactly once, for publishes only. Subscriptions are capped at [`QoS::AtLeastOnce`].
    ExactlyOnce = 2,
}

impl TryFrom<u8> for QoS {
    type Error = u8;

    fn try_from(level: u8) -> Result<Self, u8> {
        match level {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            2 => Ok(Self::ExactlyOnce),
            other => Err(other),
        }
    }
}

/// One message to publish.
///
/// ```
/// use mqttkube_mqtt::{Publish, QoS};
///
/// let state = Publish::new("home/fan/state", "ON").retained();
/// assert_eq!(state.qos, QoS::AtLeastOnce);
/// assert!(state.newest_wins);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Publish {
    /// Topic name: 1 to 65,535 bytes, no wildcards, no NUL.
    pub topic: String,
    /// The content; empty clears a retained message.
    pub payload: Bytes,
    /// Default: [`QoS::AtLeastOnce`].
    pub qos: QoS,
    /// Ask the broker to keep it as the last value of the topic. Default: false.
    pub retain: bool,
    /// While it waits to be sent, a newer publish of the same topic takes its place. [`Publish::retained`] sets it: of
    /// a state only the newest value matters. A publish without it waits for room in the outbox.
    pub newest_wins: bool,
    /// Where an answer is expected; MQTT 5 only, left out on 3.1.1.
    pub response_topic: Option<String>,
    /// What an answer must carry; MQTT 5 only.
    pub correlation_data: Option<Bytes>,
    /// Name and value pairs; MQTT 5 only.
    pub user_properties: Vec<(String, String)>,
    /// Seconds after which the broker may drop it undelivered; MQTT 5 only.
    pub message_expiry: Option<u32>,
    /// MIME type of the payload; MQTT 5 only.
    pub content_type: Option<String>,
    /// The payload is declared to be UTF-8 text; MQTT 5 only.
    pub payload_is_text: bool,
}

impl Publish {
    /// A publish at QoS 1, not retained.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            qos: QoS::AtLeastOnce,
            retain: false,
            newest_wins: false,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
            message_expiry: None,
            content_type: None,
            payload_is_text: false,
        }
    }

    /// Retained, and replaced by a newer value of the same topic while it waits.
    #[must_use]
    pub fn retained(mut self) -> Self {
        self.retain = true;
        self.newest_wins = true;
        self
    }

    /// With another quality of service.
    #[must_use]
    pub fn qos(mut self, qos: QoS) -> Self {
        self.qos = qos;
        self
    }
}

impl fmt::Debug for Publish {
    /// Shows the payload's length, not its content: logs must not hold what people send.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("topic", &self.topic)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .finish_non_exhaustive()
    }
}

/// When a subscription delivers the messages that the broker has retained (MQTT 5.0, section 3.8.3.1).
/// MQTT 3.1.1 always delivers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RetainHandling {
    /// At the first subscribe of this program; after a reconnect only if the broker forgot the subscription.
    #[default]
    AtSubscribe,
    /// Only if the session did not have the subscription yet.
    IfNew,
    /// Never.
    Never,
}

/// One topic filter to listen to. Every filter is a SUBSCRIBE of its own with its own identifier, so that a delivery
/// says on MQTT 5 which filter it belongs to.
///
/// ```
/// use mqttkube_mqtt::{RetainHandling, Subscription};
///
/// let commands = Subscription::new("home/+/set").retain_handling(RetainHandling::Never);
/// assert_eq!(commands.id, Subscription::new("home/+/set").id, "the identifier is a stable hash of the filter");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    /// Topic filter, wildcards allowed.
    pub filter: String,
    /// Highest level of delivery; levels above 1 are lowered to 1. Default: 1.
    pub qos: QoS,
    /// Default: [`RetainHandling::AtSubscribe`].
    pub retain_handling: RetainHandling,
    /// Do not deliver what this session published itself; MQTT 5 only. Default: true.
    pub no_local: bool,
    /// Deliver the retain flag as it was published; else it only marks what was retained before the subscription. MQTT 5
    /// only. Default: false.
    pub retain_as_published: bool,
    /// Subscription identifier, 1 to 268,435,455; MQTT 5 only. Default: a hash of the filter. Two filters of one
    /// session must not share one: see [`Subscription::separate_ids`].
    pub id: u32,
}

/// The largest subscription identifier (MQTT 5.0, section 3.8.2.1.2).
const MAX_SUBSCRIPTION_ID: u32 = 268_435_455;

impl Subscription {
    /// A subscription at QoS 1, no-local.
    pub fn new(filter: impl Into<String>) -> Self {
        let filter = filter.into();
        Self {
            id: stable_id(&filter),
            filter,
            qos: QoS::AtLeastOnce,
            retain_handling: RetainHandling::default(),
            no_local: true,
            retain_as_published: false,
        }
    }

    /// With another highest level of delivery.
    #[must_use]
    pub fn qos(mut self, qos: QoS) -> Self {
        self.qos = qos.min(QoS::AtLeastOnce);
        self
    }

    /// With another rule for retained messages.
    #[must_use]
    pub fn retain_handling(mut self, rule: RetainHandling) -> Self {
        self.retain_handling = rule;
        self
    }

    /// Also deliver what this session publishes itself.
    #[must_use]
    pub fn with_local(mut self) -> Self {
        self.no_local = false;
        self
    }

    /// Deliver the retain flag as it was published.
    #[must_use]
    pub fn retain_as_published(mut self) -> Self {
        self.retain_as_published = true;
        self
    }

    /// Moves identifiers that two filters share apart. The result depends on the set of filters only, not on their
    /// order, so that a restarted program finds its identifiers again.
    pub fn separate_ids(subscriptions: &mut [Self]) {
        let mut order: Vec<usize> = (0..subscriptions.len()).collect();
        order.sort_by(|&a, &b| subscriptions[a].filter.cmp(&subscriptions[b].filter));
        let mut taken = std::collections::HashMap::new();
        for index in order {
            let subscription = &mut subscriptions[index];
            let mut id = stable_id(&subscription.filter);
            while taken
                .get(&id)
                .is_some_and(|owner: &String| *owner != subscription.filter)
            {
                id = id % MAX_SUBSCRIPTION_ID + 1;
            }
            taken.insert(id, subscription.filter.clone());
            subscription.id = id;
        }
    }
}

/// FNV-1a of the filter, folded into the range of identifiers. Written out here because it must never change: a broker
/// holds messages under the identifiers of an earlier run.
fn stable_id(filter: &str) -> u32 {
    let hash = filter.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let folded = (hash ^ (hash >> 28)) % u64::from(MAX_SUBSCRIPTION_ID);
    u32::try_from(folded).map_or(1, |id| id + 1)
}

/// Refuses what no broker may be sent as a topic name (MQTT 5.0, section 4.7).
pub(crate) fn check_topic(topic: &str) -> Result<(), Error> {
    let fault = if topic.is_empty() {
        "it is empty"
    } else if topic.len() > usize::from(u16::MAX) {
        "it is longer than 65,535 bytes"
    } else if topic.contains(['+', '#']) {
        "a topic name has no wildcards"
    } else if topic.contains('\0') {
        "it holds a NUL character"
    } else {
        return Ok(());
    };
    Err(Error::Topic {
        topic: topic.to_owned(),
        fault,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_stable_across_releases_and_in_range() {
        assert_eq!(Subscription::new("home/+/set").id, 16_188_476);
        for filter in ["#", "a", "a/b", &"x".repeat(65_535)] {
            let id = Subscription::new(filter).id;
            assert!((1..=MAX_SUBSCRIPTION_ID).contains(&id), "{filter}: {id}");
        }
    }

    #[test]
    fn separated_identifiers_do_not_depend_on_the_order() {
        let mut forwards: Vec<_> = (0..20_000)
            .map(|n| Subscription::new(format!("a/{n}/set")))
            .collect();
        let mut backwards: Vec<_> = forwards.iter().rev().cloned().collect();
        Subscription::separate_ids(&mut forwards);
        Subscription::separate_ids(&mut backwards);
        backwards.reverse();
        assert_eq!(forwards, backwards);
        let distinct: std::collections::HashSet<u32> = forwards.iter().map(|s| s.id).collect();
        assert_eq!(distinct.len(), forwards.len());
    }

    #[test]
    fn a_topic_with_a_wildcard_is_refused() {
        let refused = check_topic("home/+/state").expect_err("wildcards are for filters");
        assert_eq!(
            refused.to_string(),
            r#"cannot publish to "home/+/state": a topic name has no wildcards"#
        );
        assert!(check_topic("$SYS/é/\u{2028}").is_ok());
    }

    #[test]
    fn the_debug_form_hides_the_payload() {
        let shown = format!("{:?}", Publish::new("t", "s3cret"));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
