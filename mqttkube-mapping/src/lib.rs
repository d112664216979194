//! The mapping language.

mod router;
mod topic;

pub use router::{Router, SubscriptionDiff};
pub use topic::{Topic, TopicError, TopicFilter, TopicPrefix};
