//! Bindings.

pub mod binding;
pub mod config;
pub mod event;
pub mod ids;
pub mod kinds;
pub mod plan;
pub mod topic_template;
