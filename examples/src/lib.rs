//! What the programs share: command lines, their sections of a configuration file, logs, signals, HTTP, and where secrets
//! are found.

pub mod cli;
pub mod http;
pub mod logging;
pub mod secrets;
pub mod settings;
pub mod signals;
