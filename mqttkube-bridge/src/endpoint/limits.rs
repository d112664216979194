//! What a service takes, and the check of one publish against it.

use std::ops::RangeInclusive;
use std::time::Duration;

use thiserror::Error;

/// Which topics a service accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Any.
    Any,
    /// Those that match one of these filters.
    Only(Vec<String>),
}

/// The limits of a service. The default is the protocol's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The highest QoS; publishing above it ends the connection at several services.
    pub max_qos: u8,
    /// Retained messages are kept; where they are not, the flag is taken off.
    pub retain: bool,
    /// The largest packet in bytes.
    pub max_packet: Option<u64>,
    /// The most slashes in a topic.
    pub max_slashes: Option<u8>,
    /// The longest client id in bytes.
    pub max_client_id: Option<usize>,
    /// The most subscriptions on one connection.
    pub max_subscriptions: Option<usize>,
    /// The most unacknowledged publishes in each direction.
    pub receive_maximum: Option<u16>,
    /// The longest session expiry.
    pub max_session_expiry: Option<Duration>,
    /// The keepalives that are accepted.
    pub keepalive: RangeInclusive<Duration>,
    /// User properties are carried (MQTT 5).
    pub user_properties: bool,
    /// Where a client may publish.
    pub publish: Scope,
    /// Where a client may subscribe.
    pub subscribe: Scope,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_qos: 2,
            retain: true,
            max_packet: None,
            max_slashes: None,
            max_client_id: None,
            max_subscriptions: None,
            receive_maximum: None,
            max_session_expiry: None,
            keepalive: Duration::from_secs(5)..=Duration::from_secs(65_535),
            user_properties: true,
            publish: Scope::Any,
            subscribe: Scope::Any,
        }
    }
}

/// What a service would not take.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// QoS above the service's.
    #[error("QoS {asked} is more than the service takes ({most})")]
    Qos {
        /// What was asked for.
        asked: u8,
        /// The highest accepted.
        most: u8,
    },
    /// The retain flag where nothing is retained.
    #[error("the service keeps no retained messages")]
    Retain,
    /// Too many slashes.
    #[error("`{topic}` has {slashes} slashes, the service takes {most}")]
    Slashes {
        /// The topic or filter.
        topic: String,
        /// How many it has.
        slashes: usize,
        /// How many are accepted.
        most: u8,
    },
    /// A topic of somebody else.
    #[error("`{topic}` is not among the topics of this client: {allowed}")]
    Topic {
        /// The topic or filter.
        topic: String,
        /// What is accepted, as people read it.
        allowed: String,
    },
    /// A packet above the limit.
    #[error("a packet of {bytes} bytes is more than the service takes ({most})")]
    Packet {
        /// Its size.
        bytes: u64,
        /// The limit.
        most: u64,
    },
}

impl Limits {
    /// Checks a publish to `topic`, which may be a filter when a whole rule is checked: then every topic that it matches
    /// must be accepted.
    ///
    /// # Errors
    /// The first thing that the service would not take.
    pub fn check_publish(&self, topic: &str, qos: u8, retain: bool) -> Result<(), Violation> {
        self.check_qos(qos)?;
        if retain && !self.retain {
            return Err(Violation::Retain);
        }
        self.check_topic(topic)
    }

    /// Checks the size of a whole packet.
    ///
    /// # Errors
    /// [`Violation::Packet`].
    pub fn check_packet(&self, bytes: u64) -> Result<(), Violation> {
        match self.max_packet {
            Some(most) if bytes > most => Err(Violation::Packet { bytes, most }),
            _ => Ok(()),
        }
    }

    const fn check_qos(&self, asked: u8) -> Result<(), Violation> {
        if asked > self.max_qos {
            Err(Violation::Qos {
                asked,
                most: self.max_qos,
            })
        } else {
            Ok(())
        }
    }

    fn check_topic(&self, topic: &str) -> Result<(), Violation> {
        let slashes = topic.matches('/').count();
        if let Some(most) = self.max_slashes.filter(|most| slashes > usize::from(*most)) {
            return Err(Violation::Slashes {
                topic: topic.to_owned(),
                slashes,
                most,
            });
        }
        match &self.publish {
            Scope::Only(allowed) if !allowed.iter().any(|filter| covers(filter, topic)) => {
                Err(Violation::Topic {
                    topic: topic.to_owned(),
                    allowed: allowed.join(", "),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Every topic that `inner` matches is matched by `outer` as well (`a/#` covers `a`, too).
fn covers(outer: &str, inner: &str) -> bool {
    let mut inner_levels = inner.split('/');
    for level in outer.split('/') {
        match (level, inner_levels.next()) {
            ("#", _) => return true,
            ("+", Some(other)) if other != "#" => {}
            (own, Some(other)) if own == other => {}
            _ => return false,
        }
    }
    inner_levels.next().is_none()
}
