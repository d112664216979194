//! Bounded work: every evaluation has the same small amount of fuel.

use std::cell::Cell;

use crate::error::EvalError;
use crate::value::overflow;

/// Steps that one evaluation may take.
const FUEL: u32 = 10_000;

/// How many bytes of text cost one step.
const BYTES_PER_STEP: usize = 256;

/// What is left of the fuel of one evaluation.
#[derive(Debug)]
pub(crate) struct Budget(Cell<u32>);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Cell::new(FUEL))
    }

    /// Pays for `count` steps.
    pub(crate) fn steps(&self, count: usize) -> Result<(), EvalError> {
        let left = u32::try_from(count)
            .ok()
            .and_then(|count| self.0.get().checked_sub(count));
        self.0
            .set(left.ok_or_else(|| overflow(format!("more than {FUEL} steps")))?);
        Ok(())
    }

    /// Pays for looking at `count` bytes of text; short texts are free.
    pub(crate) fn bytes(&self, count: usize) -> Result<(), EvalError> {
        self.steps(count / BYTES_PER_STEP)
    }
}
