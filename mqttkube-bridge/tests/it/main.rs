//! Credentials and their schedule, against published vectors, the openssl command and a simulated clock.

mod endpoints;
mod keys;
mod relay;
mod schedule;
mod sidecar;
mod spec;
mod store;
mod tokens;
