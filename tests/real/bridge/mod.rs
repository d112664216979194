//! A stock Mosquitto with the refresher, and the native relay, between real brokers.

mod canaries;
mod differential;
mod loss;
pub(crate) mod pod;
pub(crate) mod scene;
mod sidecar;
mod store_kill;
