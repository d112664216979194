//! Bindings.

pub mod event;
pub mod ids;
