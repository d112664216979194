//! Tests on a real node, where pods run. They need a network namespace of their own: see `tests/run`.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails at the right place")]

mod cluster;
mod kubernetes;
mod manifests;
mod pods;
