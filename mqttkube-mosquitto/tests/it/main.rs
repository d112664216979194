//! What the crate does without a broker.

mod analysis;
mod files;
mod lint_cases;
mod lints;
#[path = "../common/models.rs"]
mod models;
mod network_cases;
mod ranges;
mod roundtrip;
mod rules;
