//! Tests of the crate as its users see it.

mod simulation;
mod vectors_watch;
