//! A stock Mosquitto with the refresher, and the native relay, between real brokers.

mod canaries;
mod differential;
mod loss;
mod pod;
mod scene;
mod sidecar;
