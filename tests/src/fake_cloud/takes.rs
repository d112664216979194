//! What a service does not take from its clients.

use mqttkube_mapping::TopicFilter;

/// The limits of a cloud. The default has none but QoS 1.
#[derive(Clone, Debug)]
pub struct Takes {
    /// The largest packet in bytes.
    pub max_packet: Option<u32>,
    /// The retain flag is known, and retained messages are kept.
    pub retain: bool,
    /// The most publishes that may be unanswered.
    pub receive_maximum: u16,
    /// Subscription identifiers are known.
    pub subscription_ids: bool,
    /// Which topics.
    pub topics: Topics,
}

impl Default for Takes {
    fn default() -> Self {
        Self {
            max_packet: None,
            retain: true,
            receive_maximum: 1_000,
            subscription_ids: true,
            topics: Topics::Any,
        }
    }
}

/// Topics that clients may use.
#[derive(Clone, Debug, Default)]
pub enum Topics {
    /// All.
    #[default]
    Any,
    /// To publish what one of the first matches, to subscribe to one of the second.
    Only(Vec<TopicFilter>, Vec<TopicFilter>),
    /// As Google Cloud IoT Core and ClearBlade: those of `/devices/D` with the device D of the client id, and of devices
    /// that D as a gateway has attached.
    Devices {
        /// Devices that are gateways.
        gateways: Vec<String>,
    },
}

/// A use of `/devices/D/...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use<'t> {
    /// An ordinary publish, allowed or not.
    Publish(bool),
    /// The gateway speaks for this device from now on.
    Attach(&'t str),
    /// And no longer.
    Detach(&'t str),
}

impl Takes {
    /// What ClearBlade takes.
    pub fn clearblade(gateways: &[&str]) -> Self {
        Self {
            max_packet: Some(256 * 1024),
            retain: false,
            topics: Topics::Devices {
                gateways: gateways.iter().map(|name| (*name).to_owned()).collect(),
            },
            ..Self::default()
        }
    }
}

impl Topics {
    /// What a publish means, by a client that speaks for `devices`, its own first.
    pub(super) fn publish<'t>(&self, topic: &'t str, devices: &[String]) -> Use<'t> {
        match self {
            Self::Any => Use::Publish(true),
            Self::Only(publish, _) => Use::Publish(publish.iter().any(|filter| filter.matches(topic))),
            Self::Devices { gateways } => {
                let Some((device, rest)) = split(topic) else {
                    return Use::Publish(false);
                };
                let gateway = devices.first().is_some_and(|own| gateways.contains(own));
                match rest {
                    "attach" if gateway => Use::Attach(device),
                    "detach" if gateway => Use::Detach(device),
                    _ => Use::Publish(
                        devices.iter().any(|own| own == device)
                            && (rest == "state" || rest == "events" || rest.starts_with("events/")),
                    ),
                }
            }
        }
    }

    /// Whether a subscription is granted.
    pub(super) fn subscribe(&self, filter: &str, devices: &[String]) -> bool {
        match self {
            Self::Any => true,
            Self::Only(_, subscribe) => subscribe.iter().any(|allowed| allowed.as_str() == filter),
            Self::Devices { .. } => split(filter).is_some_and(|(device, rest)| {
                devices.iter().any(|own| own == device)
                    && (matches!(rest, "config" | "errors") || rest.starts_with("commands"))
            }),
        }
    }

    /// The device that a client id names, where ids do that.
    pub(super) fn device(&self, client_id: &str) -> Option<String> {
        match self {
            Self::Devices { .. } => client_id.rsplit('/').next().map(str::to_owned),
            _ => None,
        }
    }
}

fn split(topic: &str) -> Option<(&str, &str)> {
    topic.strip_prefix("/devices/")?.split_once('/')
}
