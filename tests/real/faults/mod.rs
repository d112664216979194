//! Faults of real components under load: the program `mqtt-kube` beside Mosquitto and a kube-apiserver.
//!
//! Every test puts 100 commands and 20 changes per second on eight objects, breaks something, and then wants to
//! know of every command that a plain consumer with the same session options received what became of it. What
//! is asked of all of them stands in [`ledger`]; the tests only break things and say when they are whole again.

mod answers;
mod api;
mod broker;
mod config;
mod ledger;
mod load;
mod log;
mod objects;
mod process;
mod program;
mod scenario;
