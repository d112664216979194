//! Tests of the mapping language from outside.

mod locus;
mod props_values;
mod routing;
mod templates;
mod vectors;
mod vectors_expr;
mod vectors_format;
mod vectors_patch;
mod vectors_template;
mod vectors_topics;
mod vectors_valuemap;
mod vectors_yaml;
mod yaml;
