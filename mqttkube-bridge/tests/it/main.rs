//! Credentials and their schedule, against published vectors, the openssl command and a simulated clock; the relay between
//! scripted brokers, and its store.

mod endpoints;
mod keys;
mod logins;
mod relay;
mod render;
mod schedule;
mod sidecar;
mod spec;
mod store;
mod tokens;
