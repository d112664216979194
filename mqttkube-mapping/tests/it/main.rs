//! Tests of the mapping language from outside.

mod locus;
mod props_values;
mod routing;
mod templates;
#[path = "../common/topic_model.rs"]
mod topic_model;
mod vectors;
mod vectors_expr;
mod vectors_format;
mod vectors_patch;
mod vectors_template;
mod vectors_topics;
mod vectors_valuemap;
mod vectors_yaml;
mod yaml;
mod yaml_limits;
mod yaml_reading;

/// A number of cases, multiplied by `MQTTKUBE_TEST_SCALE`.
fn scaled(cases: u32) -> u32 {
    let scale = std::env::var("MQTTKUBE_TEST_SCALE")
        .ok()
        .and_then(|scale| scale.parse().ok())
        .unwrap_or(1);
    cases.saturating_mul(scale)
}
