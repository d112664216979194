//! Tests in process: embedded broker, fake Kubernetes API.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails at the right place")]

#[path = "../bindings/mod.rs"]
mod bindings;
mod bridge;
mod broker;
mod controllers;
mod fake_api;
mod faults;
mod in_process;
mod kubectl;
mod proxy;
mod relay;
mod run_bridge;
mod run_program;
#[path = "../suite/mod.rs"]
mod suite;
mod tidy;
