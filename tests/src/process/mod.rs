//! Real programs, started by tests and gone with them.

pub mod child;
mod mosquitto;
pub mod tls;

pub use child::{Process, Spec};
pub use mosquitto::{Mosquitto, MosquittoOptions};
