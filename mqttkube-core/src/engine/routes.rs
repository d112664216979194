//! Which items a message is for, and where answers may go.

use std::collections::HashMap;

use mqttkube_mapping::{Router, SubscriptionDiff, Topic, TopicPrefix};

use crate::binding::ItemRef;
use crate::event::Message;
use crate::plan::Plan;

/// Compiled from the plan once. Positions are indices into its filters.
#[derive(Debug)]
pub(super) struct Routes {
    by_id: HashMap<u32, u32>,
    by_topic: Router<u32>,
    prefix: TopicPrefix,
    responses: TopicPrefix,
    /// Topics of our own states, of whichever object: nobody may have an answer put there.
    states: Router<()>,
}

impl Routes {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut by_id = HashMap::new();
        let mut by_topic = Router::new();
        for (index, filter) in (0..).zip(plan.filters()) {
            by_id.insert(filter.id(), index);
            let _: SubscriptionDiff = by_topic.insert(filter.filter(), index);
        }
        let mut states = Router::new();
        for item in plan.bindings().iter().flat_map(|binding| binding.watches()) {
            let _: SubscriptionDiff = states.insert(&item.topic().filter(), ());
        }
        Self {
            by_id,
            by_topic,
            prefix: plan.settings().prefix.clone(),
            responses: plan.settings().response_prefix.clone(),
            states,
        }
    }

    /// The items that a message is for. With subscription identifiers a delivery is for these subscriptions
    /// alone: the broker sends one more for each other filter that matches. Without them the topic decides.
    pub(super) fn items(&self, plan: &Plan, message: &Message) -> Vec<ItemRef> {
        let mut filters: Vec<u32> = Vec::new();
        if message.subscription_ids.is_empty() {
            self.by_topic
                .matches(&message.topic, |index| filters.push(*index));
        } else {
            filters.extend(
                message
                    .subscription_ids
                    .iter()
                    .filter_map(|id| self.by_id.get(id)),
            );
        }
        filters.sort_unstable();
        filters.dedup();
        filters
            .iter()
            .flat_map(|index| plan.filters()[*index as usize].items())
            .copied()
            .collect()
    }

    /// The topic less the prefix, as mappings see it. An absolute topic is seen whole.
    pub(super) fn relative<'a>(&self, topic: &'a str) -> &'a str {
        self.prefix.strip(topic).unwrap_or(topic)
    }

    /// Whether an answer may be published on a topic that a publisher chose: only under the prefix, and never
    /// where it would be a command or a state.
    pub(super) fn may_answer(&self, topic: &str) -> bool {
        let allowed = !self.responses.is_empty() && self.responses.strip(topic).is_some();
        if !allowed || topic.parse::<Topic>().is_err() {
            return false;
        }
        let mut is_taken = false;
        self.by_topic.matches(topic, |_| is_taken = true);
        self.states.matches(topic, |()| is_taken = true);
        !is_taken
    }
}
