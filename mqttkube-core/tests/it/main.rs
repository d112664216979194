//! Tests of the crate as its users see it.

mod engine;
mod simulation;
mod vectors_watch;
