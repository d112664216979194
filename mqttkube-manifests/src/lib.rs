//! Typed, checked builders for MQTT brokers, bridges and services on Kubernetes.
//!
//! - [`name`]: names that are valid by construction, literals at compile time.
//! - [`quantity`]: amounts of memory, storage and processor time.

pub mod name;
pub mod quantity;
