//! Tests against real components: Mosquitto and a Kubernetes control plane.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails at the right place")]

mod api_server;
mod control_plane;
mod mosquitto;
#[path = "../suite/mod.rs"]
mod suite;
