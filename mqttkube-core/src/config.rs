//! The configuration: what people write, read with its positions and compiled.

mod compile;
mod load;
mod locate;
mod names;
mod problem;
mod read;
mod spec;

pub use self::compile::{Compiled, SessionFacts};
pub use self::load::{Config, load, parse};
pub use self::problem::{Problem, SpecErrors};
pub use self::spec::*;
