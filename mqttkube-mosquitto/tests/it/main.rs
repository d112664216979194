//! What the crate does without a broker.

mod analysis;
mod files;
mod lint_cases;
mod lints;
#[path = "../common/models.rs"]
mod models;
mod roundtrip;
mod rules;
