//! Reading back what the broker still holds of objects that are gone.
//!
//! A watch on a selection of objects publishes to one topic per object. What was deleted while nobody looked has left
//! a retained message behind. So at the start the retained messages under such topics are read once, and the engine
//! is told of each; it clears those without an object.

use std::collections::HashSet;
use std::time::Duration;

use mqttkube_mapping::TopicFilter;
use mqttkube_mqtt::{QoS, Received, Subscription};
use tokio::time::Instant;

use crate::binding::{OnDelete, Which};
use crate::plan::Plan;

/// The broker sends retained messages at once; when none has come for so long, there are no more.
const QUIET: Duration = Duration::from_secs(5);

/// The subscriptions that read retained states.
pub(super) struct ReadBack {
    wanted: Vec<(TopicFilter, u32)>,
    /// When to stop listening; unknown before the broker has answered.
    until: Option<Instant>,
}

impl ReadBack {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut taken: HashSet<u32> = plan.filters().iter().map(crate::plan::Filter::id).collect();
        let mut wanted: Vec<(TopicFilter, u32)> = Vec::new();
        for filter in patterns(plan) {
            let subscribed = plan.filters().iter().any(|known| *known.filter() == filter);
            if subscribed || wanted.iter().any(|(known, _)| *known == filter) {
                continue;
            }
            let id = (1..).find(|id| taken.insert(*id)).unwrap_or(1);
            wanted.push((filter, id));
        }
        Self { wanted, until: None }
    }

    pub(super) fn subscriptions(&self) -> impl Iterator<Item = Subscription> {
        self.wanted.iter().map(|(filter, id)| {
            let mut subscription = Subscription::new(filter.to_string()).qos(QoS::AtMostOnce);
            subscription.id = *id;
            subscription
        })
    }

    /// Whether a message may come from one of these subscriptions.
    pub(super) fn concerns(&self, message: &Received) -> bool {
        if message.subscription_ids.is_empty() {
            return self
                .wanted
                .iter()
                .any(|(filter, _)| filter.matches(&message.topic));
        }
        self.owns(message)
    }

    /// Whether a message certainly comes from one of these subscriptions, and so is no command.
    pub(super) fn owns(&self, message: &Received) -> bool {
        self.wanted
            .iter()
            .any(|(_, id)| message.subscription_ids.contains(id))
    }

    /// The topic, if the message is a state that the broker holds.
    pub(super) fn seen(&mut self, message: &Received) -> Option<String> {
        if !message.retain || message.payload.is_empty() {
            return None;
        }
        self.until = Some(Instant::now() + QUIET);
        Some(message.topic.clone())
    }

    /// The broker answered a subscription.
    pub(super) fn subscribed(&mut self, filter: &str) {
        if self.wanted.iter().any(|(wanted, _)| wanted.as_ref() == filter) {
            self.until = Some(Instant::now() + QUIET);
        }
    }

    /// When everything has been read.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// The filters that are not needed any more. Their identifiers stay ours: a broker may still hold messages.
    pub(super) fn finish(&mut self) -> Vec<String> {
        self.until = None;
        self.wanted.iter().map(|(filter, _)| filter.to_string()).collect()
    }
}

/// The filters that cover what the selector watches of a plan publish and would clear.
fn patterns(plan: &Plan) -> Vec<TopicFilter> {
    let selecting = plan
        .bindings()
        .iter()
        .filter(|one| matches!(one.target.which, Which::Selector { .. }));
    let watches = selecting.flat_map(|binding| &binding.watches);
    let clearing = watches.filter(|watch| watch.retain && watch.on_delete == OnDelete::Clear);
    clearing.map(|watch| watch.topic.filter()).collect()
}
