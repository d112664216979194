//! Tests of the mapping language from outside.

mod routing;
mod vectors;
mod vectors_topics;
mod vectors_yaml;
mod yaml;
