//! Tests of the mapping language from outside.

mod routing;
mod vectors;
