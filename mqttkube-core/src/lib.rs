//! Bindings.

pub mod event;
pub mod ids;
pub mod kinds;
mod suggest;
