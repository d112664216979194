//! Bindings.

pub mod binding;
pub mod cases;
pub mod config;
pub mod engine;
pub mod event;
pub mod explain;
mod hash;
pub mod ids;
pub mod kinds;
mod launch;
pub mod plan;
pub mod report;
pub mod topic_template;
