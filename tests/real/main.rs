//! Tests against real components: Mosquitto and a Kubernetes control plane.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails at the right place")]

mod api_server;
#[path = "../bindings/mod.rs"]
mod bindings;
mod bridge;
mod bridge_faults;
mod control_plane;
mod faults;
mod mosquitto;
mod program;
mod real_bindings;
#[path = "../suite/mod.rs"]
mod suite;
