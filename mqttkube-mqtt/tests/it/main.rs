//! The session against brokers: one embedded, one real, and one that follows a script byte by byte.

mod cuts;
mod mosquitto;
mod overrun;
mod packets;
mod refusals;
mod renewal;
mod session;
mod support;
mod tls;
#[cfg(feature = "websocket")]
mod websocket;
