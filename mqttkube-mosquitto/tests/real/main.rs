//! What the crate writes, run by the real Mosquitto.

mod broker;
mod client;
mod far_end;
mod load;
#[path = "../common/models.rs"]
mod models;
mod remap;
mod users;
